package keydb_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine/converge"
	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/site"
)

// places are what the worlds of real servers have in common.
type places struct {
	tb      testing.TB
	names   []string
	configs map[string]keydb.Config // of the stores
	looks   map[string]*keydb.Store // for a look at a site, not for its binary
}

func newPlaces(tb testing.TB, configs ...keydb.Config) places {
	tb.Helper()
	p := places{tb: tb, configs: map[string]keydb.Config{}, looks: map[string]*keydb.Store{}}
	for _, cfg := range configs {
		p.names = append(p.names, cfg.Site)
		p.configs[cfg.Site] = cfg
		p.looks[cfg.Site] = open(tb, cfg)
	}
	return p
}

func (p *places) Names() []string { return p.names }

func (p *places) Store(name string) (site.Store, func()) {
	p.tb.Helper()
	s, err := keydb.Open(p.tb.Context(), p.configs[name])
	if err != nil {
		p.tb.Fatalf("Open: %v", err)
	}
	return s, sync.OnceFunc(func() {
		if err := s.Close(); err != nil {
			p.tb.Errorf("Close: %v", err)
		}
	})
}

func (p *places) Missing(name string) string {
	h, err := p.looks[name].Health(p.tb.Context())
	if err != nil {
		return err.Error()
	}
	return h.Missing
}

// quiet reports whether all sites are synced and a region takes writes.
func (p *places) quiet(r *converge.Run, name string) bool {
	synced := true
	for _, n := range p.names { // all of them: see converge.Run.Settle
		synced = p.Missing(n) == "" && synced
	}
	return synced && r.Region(name).Engine().Ready() == nil
}

// reboot kills a binary and starts another one after a moment. What a store has lost is
// in its binary's memory alone until it is put back: no promise is made for a binary
// that dies in those moments.
func (p *places) reboot(r *converge.Run, name string, random *rand.Rand) {
	pause := time.Duration(random.Int64N(int64(time.Second)))
	r.Pass(3 * time.Second)
	if !p.quiet(r, name) {
		r.Note("the binary of %s stays: not all is well", name)
		return
	}
	r.Note("kill the binary of %s for %v", name, pause)
	r.Kill(name)
	r.Pass(pause)
	r.Boot(name)
	r.Pass(time.Second)
}
