package keydb

import (
	"maps"
	"slices"
	"sync"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/plugins"
)

// features are the features that each site is known to have state of, as its hash
// says: what has to be read to load a room.
type features struct {
	mu     sync.Mutex
	bySite map[string]map[string]bool // guarded by mu
}

// of returns the features of a site.
func (f *features) of(site string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.bySite[site]))
}

// add takes note of a feature of a site.
func (f *features) add(site, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bySite == nil {
		f.bySite = map[string]map[string]bool{}
	}
	if f.bySite[site] == nil {
		f.bySite[site] = map[string]bool{}
	}
	f.bySite[site][name] = true
}

// due returns the features that the write of b has to register: those that are new
// and, with a beat, all that are known, since a resync may have brought back an older
// copy of the hash.
func (f *features) due(site string, b engine.Batch) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	names := map[string]bool{}
	if b.Beat != nil {
		maps.Copy(names, f.bySite[site])
	}
	for i := range b.Changes {
		c := &b.Changes[i].Cell
		if c.Kind != plugins.Volatile && !f.bySite[site][c.Feature] {
			names[c.Feature] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// register takes note that b was written.
func (f *features) register(site string, b engine.Batch) {
	for i := range b.Changes {
		if c := &b.Changes[i].Cell; c.Kind != plugins.Volatile {
			f.add(site, c.Feature)
		}
	}
}
