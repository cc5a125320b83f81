package board

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Config sets up a Cache. The zero value works.
type Config struct {
	// Fresh is how old a snapshot may be before the board is asked for again. Default
	// 2 s.
	Fresh time.Duration

	// Better is the least time between two best encodings of one board. Default 30 s.
	Better time.Duration

	// Bytes is how much the snapshots may take, about, before those that were used
	// longest ago go; one always stays. Default 64 MiB.
	Bytes int64
}

// Cache keeps the snapshots of boards that are looked at, by a name that the caller
// chooses. Its methods may be called at once.
type Cache struct {
	cfg     Config
	fetches singleflight.Group
	better  chan improvement // what Run takes when it is idle

	mu    sync.Mutex
	known map[string]*kept
	tick  int64
}

// kept is what is known of one board. It is guarded by Cache.mu.
type kept struct {
	newest *Snapshot
	best   *Snapshot // nil before the first
	tried  time.Time // when the last best encoding began
	used   int64     // Cache.tick
}

// NewCache returns an empty cache.
func NewCache(cfg Config) *Cache {
	cfg.Fresh = cmp.Or(cfg.Fresh, 2*time.Second)
	cfg.Better = cmp.Or(cfg.Better, 30*time.Second)
	cfg.Bytes = cmp.Or(cfg.Bytes, 64<<20)
	return &Cache{cfg: cfg, better: make(chan improvement), known: map[string]*kept{}}
}

// Source is where a board comes from.
type Source struct {
	// Board returns it, which takes its time.
	Board func(ctx context.Context) (Board, error)

	// Paints returns its Paints alone.
	Paints func(ctx context.Context) (uint64, error)
}

// Get returns a snapshot of a board that is at most Config.Fresh old, and not far
// behind. Of many calls at once for one board, one asks for the board; its error is that
// of all.
func (c *Cache) Get(ctx context.Context, name string, from Source) (*Snapshot, error) {
	if s := c.fresh(name, time.Now()); s != nil {
		paints, err := from.Paints(ctx)
		if err != nil || paints >= s.Paints && paints-s.Paints <= farCells {
			return s, nil // also while the board itself cannot be had
		}
	}
	return c.fetch(ctx, name, from.Board)
}

// GetBest is Get for those who are told what has changed since: it returns a better
// encoding of what the board was less than twice Config.Better ago if it differs little.
func (c *Cache) GetBest(ctx context.Context, name string, from Source) (*Snapshot, error) {
	s, err := c.Get(ctx, name, from)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.known[name]
	if k == nil || k.newest != s {
		return s, nil
	}
	return c.choose(name, k, time.Now()), nil
}

func (c *Cache) fetch(ctx context.Context, name string, fetch func(ctx context.Context) (Board, error)) (*Snapshot, error) {
	result := c.fetches.DoChan(name, func() (any, error) {
		b, err := fetch(context.WithoutCancel(ctx))
		if err == nil {
			err = b.check()
		}
		if err != nil {
			return nil, err
		}
		return c.take(name, b, time.Now()), nil
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*Snapshot), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("snapshot of board %q: %w", name, context.Cause(ctx))
	}
}

// fresh returns what is known of a board, unless it is too old.
func (c *Cache) fresh(name string, now time.Time) *Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.known[name]
	if k == nil || now.Sub(k.newest.fetched) > c.cfg.Fresh {
		return nil
	}
	c.tick++
	k.used = c.tick
	return k.newest
}

// choose returns what to serve of a board to those who are told the rest, and has a
// better encoding made if it is time for one; c.mu is held.
func (c *Cache) choose(name string, k *kept, now time.Time) *Snapshot {
	if best := k.best; best != nil {
		behind := best.behind(k.newest.Board)
		if behind == 0 || behind <= nearCells && now.Sub(best.fetched) < 2*c.cfg.Better {
			return best
		}
	}
	if now.Sub(k.tried) >= c.cfg.Better {
		select {
		case c.better <- improvement{name, newSnapshot(k.newest.Board, now)}:
			k.tried = now
		default: // another board's turn
		}
	}
	return k.newest
}

// take notes a board as it is now and returns its snapshot.
func (c *Cache) take(name string, b Board, now time.Time) *Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.known[name]
	if k == nil {
		k = &kept{}
		c.known[name] = k
	}
	if k.newest != nil && k.newest.Position == b.Position && k.newest.behind(b) == 0 {
		k.newest.fetched = now
	} else {
		k.newest = newSnapshot(b, now)
	}
	c.tick++
	k.used = c.tick
	c.trim()
	return k.newest
}

// improvement is a snapshot whose best encoding is wanted.
type improvement struct {
	name string
	*Snapshot
}

// Run makes best encodings, one at a time, until ctx ends. Without it there are none.
func (c *Cache) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case i := <-c.better:
			c.improve(ctx, i.name, i.Snapshot)
		}
	}
}

// improve makes the best encoding of a snapshot.
func (c *Cache) improve(ctx context.Context, name string, s *Snapshot) {
	body := encodeWhile(ctx, s.Colours)
	if body == nil {
		return
	}
	s.put(Brotli, body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.known[name]; k != nil {
		k.best = s
	}
}

// trim forgets the boards that were used longest ago while all take too much; c.mu is
// held.
func (c *Cache) trim() {
	for len(c.known) > 1 {
		var total int64
		oldest := ""
		for name, k := range c.known {
			total += k.newest.size.Load()
			if k.best != nil {
				total += k.best.size.Load()
			}
			if oldest == "" || k.used < c.known[oldest].used {
				oldest = name
			}
		}
		if total <= c.cfg.Bytes {
			return
		}
		delete(c.known, oldest)
	}
}
