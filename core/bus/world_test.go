package bus_test

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// place is an engine at one site that reads the logs of others, late.
type place struct {
	*memory.Engine
	roads []*road
}

// road is the way from another site to this one.
type road struct {
	from  *memory.Engine
	delay atomic.Int64 // one way, a time.Duration
	cut   atomic.Bool
}

// startWorld runs an engine at each site, with a road from each to each.
func startWorld(tb testing.TB, delay time.Duration, sites ...string) map[string]*place {
	tb.Helper()
	world := map[string]*place{}
	for _, site := range sites {
		world[site] = &place{Engine: startEngine(tb, memory.Config{Site: site})}
	}
	for _, here := range sites {
		for _, there := range sites {
			if here != there {
				r := &road{from: world[there].Engine}
				r.delay.Store(int64(delay))
				world[here].roads = append(world[here].roads, r)
			}
		}
	}
	return world
}

// setCut cuts or heals all roads between two places.
func setCut(a, b *place, cut bool) {
	for _, r := range a.roads {
		if r.from == b.Engine {
			r.cut.Store(cut)
		}
	}
	for _, r := range b.roads {
		if r.from == a.Engine {
			r.cut.Store(cut)
		}
	}
}

func (p *place) Load(ctx context.Context, room string) ([]state.Cell, engine.Positions, error) {
	cells, at, err := p.Engine.Load(ctx, room)
	at = maps.Clone(at)
	for _, r := range p.roads {
		more, ends, err := r.from.Load(ctx, room)
		if err != nil {
			return nil, nil, err
		}
		cells = append(cells, more...)
		maps.Copy(at, ends)
	}
	return cells, at, err
}

func (p *place) Tail(ctx context.Context, from engine.Positions, deliver func([]engine.Delivery) error) error {
	from = maps.Clone(from)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	one := func(ds []engine.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		return deliver(ds)
	}
	var wg sync.WaitGroup
	wg.Go(func() { cancel(p.Engine.Tail(ctx, from, one)) })
	for _, r := range p.roads {
		type parcel struct {
			ds  []engine.Delivery
			due time.Time
		}
		underWay := make(chan parcel, 10_000)
		wg.Go(func() {
			cancel(r.from.Tail(ctx, from, func(ds []engine.Delivery) error {
				underWay <- parcel{ds, time.Now().Add(time.Duration(r.delay.Load()))}
				return nil
			}))
		})
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case x := <-underWay:
					<-time.After(time.Until(x.due))
					for r.cut.Load() && ctx.Err() == nil {
						<-time.After(10 * time.Millisecond)
					}
					if err := one(x.ds); err != nil {
						cancel(err)
					}
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// startAt runs a bus at a place, whose demo feature sees the sites, with ann there
// to look.
func startAt(tb testing.TB, e engine.Engine, edit ...func(*bus.Config)) *node {
	tb.Helper()
	n := startNode(tb, e, append(edit, func(c *bus.Config) { c.Region = e.Site()[:3] })...)
	m := manifest
	m.State = append([]plugins.Field{{Name: "far", Kind: plugins.Sites}}, m.State...)
	n.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: m})
	if err := n.Join("home", person("ann")); err != nil {
		tb.Fatal(err)
	}
	return n
}

// told returns what the demo feature was told of the sites, in each of its renders
// in which that had changed.
func (n *node) told() [][]plugins.Site {
	n.demo.mu.Lock()
	defer n.demo.mu.Unlock()
	var told [][]plugins.Site
	for _, v := range n.demo.views {
		if v.Changed("far") {
			told = append(told, v.State.Sites["far"])
		}
	}
	return told
}

// sites returns what the demo feature was told last.
func (n *node) sites() []plugins.Site {
	told := n.told()
	if len(told) == 0 {
		return nil
	}
	return told[len(told)-1]
}
