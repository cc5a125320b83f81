package demo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/wan"
	"github.com/global-presence/presence/core/region"
	"github.com/global-presence/presence/plugins"
)

// boardInterval is the least time between two changes of the board. A lone change
// waits for nothing.
const boardInterval = 30 * time.Millisecond

// board has the present Status for all pages that show it, and cuts and heals the
// planet's links.
type board struct {
	start   string
	planet  *wan.Planet
	journal *journal
	sites   []string
	regions map[string]region.Code
	engines []engine.Engine

	// looking is held while everything is looked at and the status set, so that an
	// older look cannot overtake a newer one. It is taken before mu.
	looking sync.Mutex
	off     map[string]bool // sites that somebody has cut off; guarded by looking
	differ  []string        // what differences said last; guarded by looking

	mu      sync.Mutex
	status  Status        // guarded by mu, like what follows
	encoded []byte        // status as JSON
	next    chan struct{} // closed when there is another one
}

func newBoard(places []*place, planet *wan.Planet, j *journal) *board {
	b := &board{
		start: strings.ToLower(rand.Text()[:8]), planet: planet, journal: j, sites: j.sites,
		regions: map[string]region.Code{}, off: map[string]bool{}, next: make(chan struct{}),
	}
	for _, p := range places {
		b.regions[p.site] = p.region
		b.engines = append(b.engines, p.engine)
	}
	b.set(b.survey().status())
	return b
}

// errUnknownSite reports a site that the demo does not have.
var errUnknownSite = errors.New("unknown region")

// cut cuts a site off from all others, or lets it in again.
func (b *board) cut(ctx context.Context, site string, off bool) error {
	if !slices.Contains(b.sites, site) {
		return fmt.Errorf("cut off %q: %w", site, errUnknownSite)
	}
	b.looking.Lock()
	defer b.looking.Unlock()
	if off {
		b.off[site] = true
		b.planet.CutOff(site)
	} else {
		delete(b.off, site)
		var cut []way
		for _, l := range b.planet.Links() {
			if l.Cut && (l.From == site || l.To == site) {
				cut = append(cut, way{l.From, l.To})
			}
		}
		b.journal.open(cut) // before what waits for it arrives
		b.planet.Rejoin(site)
	}
	b.look(ctx)
	return nil
}

// run keeps the status until ctx ends and returns nil.
func (b *board) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.journal.changed:
		}
		b.refresh(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(boardInterval):
		}
	}
}

func (b *board) refresh(ctx context.Context) {
	b.looking.Lock()
	defer b.looking.Unlock()
	b.look(ctx)
}

// look looks at everything again; b.looking is held.
func (b *board) look(ctx context.Context) {
	if differ, err := differences(ctx, plugins.Home, b.engines); err == nil {
		b.differ = differ // else a store is away, and what its return changes is told by the logs
	}
	b.set(b.survey().status())
}

// survey gathers what is known; b.looking is held, or nobody else has b yet.
func (b *board) survey() *survey {
	s := &survey{
		start: b.start, sites: b.sites, regions: b.regions, off: b.off, differ: b.differ,
		routes: map[way]route{}, leaving: map[string]int{},
	}
	for _, f := range b.journal.flows() {
		s.routes[f.way] = route{flow: f}
	}
	for _, l := range b.planet.Links() {
		r := s.routes[way{l.From, l.To}]
		r.delay, r.cut = l.Delay, l.Cut
		s.routes[way{l.From, l.To}] = r
	}
	for _, site := range b.sites {
		s.leaving[site] = b.journal.leaving(site)
	}
	return s
}

func (b *board) set(st Status) {
	encoded, err := json.Marshal(st)
	if err != nil {
		panic(fmt.Sprintf("encode status: %v", err)) // strings and numbers only
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if string(encoded) == string(b.encoded) {
		return
	}
	b.status, b.encoded = st, encoded
	close(b.next)
	b.next = make(chan struct{})
}

// now returns the present status, also as JSON, and a channel that is closed when
// there is another one.
func (b *board) now() (Status, []byte, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status, b.encoded, b.next
}
