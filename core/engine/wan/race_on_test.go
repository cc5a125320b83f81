//go:build race

package wan_test

// With the race detector a seed takes ten times as long, so the convergence tests run
// few of them unless they are told; `make test` runs all of them without it.
const (
	fewSeeds = 10
	allSeeds = false
)
