//go:build race

package process

import "os"

// raceEnv hands the race detector's settings on: without them each process waits a second
// at its end, and so does each test that starts one.
func raceEnv() []string {
	if v, ok := os.LookupEnv("GORACE"); ok {
		return []string{"GORACE=" + v}
	}
	return nil
}
