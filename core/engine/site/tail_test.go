package site_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/state"
)

// heard collects what a Tail delivers: "id" or "gap id".
type heard struct {
	mu  sync.Mutex
	all []string
}

func (h *heard) deliver(ds []engine.Delivery) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range ds {
		if d.Gap {
			h.all = append(h.all, fmt.Sprint("gap ", d.ID.MS))
		} else {
			h.all = append(h.all, fmt.Sprint(d.ID.MS))
		}
	}
	return nil
}

func (h *heard) want(t *testing.T, want ...string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if diff := cmp.Diff(want, h.all); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}
}

func record(id, prev int64) site.Record {
	return site.Record{Entry: engine.Entry{Site: "lhr", ID: state.ID{MS: id}}, Prev: state.ID{MS: prev}}
}

func tail(t *testing.T, e *site.Engine, from engine.Positions) *heard {
	t.Helper()
	h := &heard{}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = e.Tail(ctx, from, h.deliver) })
	t.Cleanup(func() { stop(); wg.Wait() })
	synctest.Wait()
	return h
}

// TestEngine_Tail_gap: an entry that follows another one than the last one read is a
// gap, whatever the reason.
func TestEngine_Tail_gap(t *testing.T) {
	for name, tt := range map[string]struct {
		from engine.Positions
		log  []site.Record
		want []string
	}{
		"all there":                  {nil, []site.Record{record(5, 0), record(6, 5)}, []string{"5", "6"}},
		"trimmed, nothing seen":      {nil, []site.Record{record(5, 3), record(6, 5)}, []string{"5", "6"}},
		"trimmed":                    {engine.Positions{"lhr": {MS: 2}}, []site.Record{record(5, 3), record(6, 5)}, []string{"gap 5", "5", "6"}},
		"trimmed, by the empty name": {engine.Positions{"": {MS: 2}}, []site.Record{record(5, 3)}, []string{"gap 5", "5"}},
		"from a moment":              {engine.Positions{"": {MS: 4}}, []site.Record{record(5, 3), record(6, 5)}, []string{"5", "6"}},
		"a hole in the middle":       {nil, []site.Record{record(5, 0), record(8, 7)}, []string{"5", "gap 8", "8"}},
		"rolled back and gone on":    {engine.Positions{"lhr": {MS: 7}}, []site.Record{record(5, 3), record(8, 5)}, []string{"8"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript()
				s.log = tt.log
				tail(t, run(t, s, site.Config{}), tt.from).want(t, tt.want...)
			})
		})
	}
}

// TestEngine_Tail_newSite: a site whose log appears while a Tail that began somewhere is
// under way, and has lost its first entries by then, has a gap before the first that is
// there: what it lacks was missed.
func TestEngine_Tail_newSite(t *testing.T) {
	for name, tt := range map[string]struct {
		from engine.Positions
		log  []site.Record
		want []string
	}{
		"whole":                    {engine.Positions{"": {MS: 9}}, []site.Record{record(5, 0), record(6, 5)}, []string{"5", "6"}},
		"trimmed":                  {engine.Positions{"": {MS: 9}}, []site.Record{record(5, 3), record(6, 5)}, []string{"gap 5", "5", "6"}},
		"trimmed, began nowhere":   {nil, []site.Record{record(5, 3)}, []string{"5"}},
		"trimmed, by its own name": {engine.Positions{"lhr": {MS: 2}}, []site.Record{record(5, 3)}, []string{"gap 5", "5"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript()
				h := tail(t, run(t, s, site.Config{}), tt.from)
				s.set(func(s *script) { s.log = tt.log })
				s.woken("lhr")
				synctest.Wait()
				h.want(t, tt.want...)
			})
		})
	}
}

// TestEngine_Tail_wakes: a wake-up is followed at once; one that is lost is made up
// for by reading now and then.
func TestEngine_Tail_wakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		h := tail(t, run(t, s, site.Config{}), nil)
		s.set(func(s *script) { s.log = append(s.log, record(5, 0)) })
		s.woken("lhr")
		synctest.Wait()
		h.want(t, "5")
		wait(7 * time.Second) // all logs were read after 5 or 6 s, as the first look at the store falls
		s.set(func(s *script) { s.log = append(s.log, record(6, 5)) })
		wait(2 * time.Second)
		h.want(t, "5")
		wait(3 * time.Second)
		h.want(t, "5", "6")
		s.set(func(s *script) { s.health.Notifies = false })
		wait(6 * time.Second)
		s.set(func(s *script) { s.log = append(s.log, record(7, 6)) })
		wait(1100 * time.Millisecond)
		h.want(t, "5", "6", "7")
	})
}

// TestEngine_Tail_away: a store that is away is waited for.
func TestEngine_Tail_away(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		s.down = fmt.Errorf("%w: refused", engine.ErrUnavailable)
		h := tail(t, run(t, s, site.Config{}), nil)
		wait(time.Minute)
		h.want(t)
		s.set(func(s *script) { s.down, s.log = nil, []site.Record{record(5, 0)} })
		wait(1100 * time.Millisecond)
		h.want(t, "5")
	})
}

func TestNew_faults(t *testing.T) {
	_, err := site.New(site.Config{Site: "LHR", Poll: -1, MemoryBytes: -1})
	want := `site "LHR": want lower-case letters, digits and hyphens, starting with a letter, at most 32 characters
store: missing
poll of -1ns: want a positive time
memory of -1 bytes: want a positive number`
	if err == nil || err.Error() != want {
		t.Errorf("New = %v, want\n%s", err, want)
	}
}
