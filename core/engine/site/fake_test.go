package site_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// script is a Store that does what a test says and remembers what was asked of it.
// It keeps a log; its state is nobody's business here.
type script struct {
	mu       sync.Mutex
	health   site.Health
	down     error // what every call returns, if set
	log      []site.Record
	calls    []string // "write", "restore", "lost"
	writes   []site.Write
	restores []site.Restore
	lose     int // how many writes find the log shorter than they know
	woken    func(string)

	signalled func(string, []byte)
}

func newScript() *script {
	return &script{health: site.Health{Synced: true, Incarnation: "1", Links: "a", Notifies: true}}
}

func (s *script) Signal(_ context.Context, payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down == nil && s.signalled != nil {
		s.signalled("lhr", payload)
	}
	return s.down
}

func (s *script) Run(ctx context.Context, woken func(string), signalled func(string, []byte)) error {
	s.mu.Lock()
	s.signalled = signalled
	s.mu.Unlock()
	s.mu.Lock()
	s.woken = woken
	s.mu.Unlock()
	<-ctx.Done()
	return nil
}

func (s *script) Write(_ context.Context, w site.Write) (site.Written, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return site.Written{}, s.down
	}
	if s.lose > 0 {
		s.lose--
		s.calls = append(s.calls, "lost")
		return site.Written{}, fmt.Errorf("log ends early: %w", site.ErrLost)
	}
	s.calls = append(s.calls, "write")
	s.writes = append(s.writes, w)
	done := s.add(engine.Entry{Binary: w.Binary, Events: w.Events, Beat: w.Beat}, w.After)
	for i := range w.Changes {
		if w.Changes[i].Cell.Kind == plugins.Counter {
			done.Totals = append(done.Totals, fmt.Sprint(w.Changes[i].Delta))
		}
	}
	return done, nil
}

func (s *script) Restore(_ context.Context, r site.Restore) (site.Written, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return site.Written{}, s.down
	}
	if len(r.Cells) == 0 && len(r.Events) == 0 {
		s.calls = append(s.calls, "call")
		return site.Written{}, nil // nobody reads it here
	}
	s.calls = append(s.calls, "restore")
	s.restores = append(s.restores, r)
	return s.add(engine.Entry{Binary: r.Binary, Events: r.Events, Cells: r.Cells, Restores: true}, r.After), nil
}

// add appends an entry; s.mu is held.
func (s *script) add(e engine.Entry, after state.ID) site.Written {
	var last state.ID
	if n := len(s.log); n > 0 {
		last = s.log[n-1].ID
	}
	e.Site = "lhr"
	e.ID = last
	if after.Compare(last) > 0 {
		e.ID = after
	}
	e.ID = e.ID.Next(time.Now())
	s.log = append(s.log, site.Record{Entry: e, Prev: last})
	return site.Written{ID: e.ID, Prev: last}
}

func (s *script) Read(_ context.Context, after engine.Positions, limit int) ([]site.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return nil, s.down
	}
	var out []site.Record
	counts := map[string]int{}
	for _, r := range s.log {
		if at, asked := after[r.Site]; asked && r.ID.Compare(at) > 0 && counts[r.Site] < limit {
			counts[r.Site]++
			out = append(out, r)
		}
	}
	return out, nil
}

func (s *script) Sites(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []string{"lhr"}, s.down
}

func (s *script) Load(context.Context, string) ([]state.Cell, engine.Positions, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ends := engine.Positions{}
	for _, r := range s.log {
		ends[r.Site] = r.ID
	}
	return nil, ends, s.down
}

func (s *script) Health(context.Context) (site.Health, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health, s.down
}

// set changes the store under its lock.
func (s *script) set(change func(s *script)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// took returns what was asked for since the last call.
func (s *script) took() (calls []string, restores []site.Restore) {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls, restores = s.calls, s.restores
	s.calls, s.restores = nil, nil
	return calls, restores
}

// lastWrite returns the newest write.
func (s *script) lastWrite() site.Write {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes[len(s.writes)-1]
}

// run runs an engine of the store until the test ends.
func run(t *testing.T, s *script, cfg site.Config) *site.Engine {
	t.Helper()
	cfg.Site, cfg.Store = "lhr", s
	e, err := site.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := e.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() { stop(); wg.Wait() })
	return e
}
