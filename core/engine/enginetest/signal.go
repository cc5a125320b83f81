package enginetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

var signalPromises = []promise{
	{"who follows sees them, in their order, and nobody later", func(t *testing.T, s Suite) {
		n := s.open(t)
		first, second := n.hear(t), n.hear(t)
		want := []string{"3,4", "5,6", "7,8"}
		for _, v := range want {
			n.signal(t, signal("cursor", v))
		}
		for _, h := range []*hearer{first, second} {
			h.want(t, want...)
		}
		late := n.hear(t)
		n.signal(t, signal("cursor", "late"))
		late.want(t, "late")
		n.wantCells(t, room)
	}},
	{"they tell room, feature, field and key", func(t *testing.T, s Suite) {
		n := s.open(t)
		h := n.hear(t)
		c := state.Cell{Room: "東京 *?[", Feature: "a:b", Field: "c", Key: "k 1", Kind: plugins.Volatile, Value: "<\n\">"}
		n.signal(t, c)
		if diff := cmp.Diff(c, h.next(t)); diff != "" {
			t.Errorf("signal (-want +got):\n%s", diff)
		}
	}},
	{"what breaks a rule is refused", func(t *testing.T, s Suite) {
		n := s.open(t)
		long := make([]state.Cell, engine.MaxSignals+1)
		for i := range long {
			long[i] = signal("cursor", "")
		}
		for name, cells := range map[string][]state.Cell{
			"none": nil, "too many": long,
			"a register":  {cell(plugins.Register, "a", "1")},
			"not UTF-8":   {signal("cursor", "\xff")},
			"no field":    {signal("", "1")},
			"a bad room":  {{Room: "a\tb", Feature: "a", Field: "b", Kind: plugins.Volatile}},
			"a large one": {signal("cursor", string(make([]byte, plugins.MaxValueSize+1)))},
		} {
			if err := n.Signal(t.Context(), cells); err == nil {
				t.Errorf("%s: taken", name)
			}
		}
	}},
}

func signal(field, value string) state.Cell { return cell(plugins.Volatile, field, value) }

func (n *node) signal(tb testing.TB, cells ...state.Cell) {
	tb.Helper()
	if err := n.Signal(tb.Context(), cells); err != nil {
		tb.Fatalf("Signal: %v", err)
	}
}

// hearer follows signals.
type hearer struct{ cells chan state.Cell }

// hear follows the signals of n, which may take a moment: it returns when one has come
// through.
func (n *node) hear(tb testing.TB) *hearer {
	tb.Helper()
	h := &hearer{cells: make(chan state.Cell, 1000)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = n.Signals(ctx, func(site string, cells []state.Cell) {
			if site != n.Site() {
				tb.Errorf("signals of site %q, want %q", site, n.Site())
			}
			for _, c := range cells {
				h.cells <- c
			}
		})
	}()
	tb.Cleanup(func() {
		cancel()
		<-ended
	})
	probe := signal("probe", fmt.Sprintf("%p", h))
	for {
		n.signal(tb, probe)
		if c, ok := h.within(50 * time.Millisecond); ok && c.Value == probe.Value {
			return h
		}
	}
}

// within returns the next signal if one comes in that time.
func (h *hearer) within(d time.Duration) (c state.Cell, ok bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case c = <-h.cells:
		return c, true
	case <-timer.C:
		return state.Cell{}, false
	}
}

func (h *hearer) want(tb testing.TB, values ...string) {
	tb.Helper()
	for _, want := range values {
		if got := h.next(tb).Value; got != want {
			tb.Fatalf("signal %q, want %q", got, want)
		}
	}
}

// next returns the next signal that is no probe.
func (h *hearer) next(tb testing.TB) state.Cell {
	tb.Helper()
	for {
		c, ok := h.within(patience)
		if !ok {
			tb.Fatal("no signal came")
		}
		if c.Field != "probe" {
			return c
		}
	}
}
