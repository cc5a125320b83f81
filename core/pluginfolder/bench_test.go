package pluginfolder_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/global-presence/presence/core/pluginfolder"
)

// One look at a folder in which nothing has changed: there are two a second.
func BenchmarkFolder_look(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			for i := range n {
				write(b, filepath.Join(dir, fmt.Sprint("file-", i)), "words", 0o644)
			}
			f, err := pluginfolder.Open(pluginfolder.Config{
				Dir: dir, Staging: b.TempDir(), Probe: (&world{}).probe, Host: &host{}, Settle: time.Nanosecond,
			})
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			f.Look(b.Context())
			f.Look(b.Context()) // all are judged now
			for b.Loop() {
				f.Look(b.Context())
			}
		})
	}
}
