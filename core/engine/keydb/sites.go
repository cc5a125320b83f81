package keydb

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/global-presence/presence/core/engine"
)

// sites are the sites whose logs the store is known to hold.
//
// They are found by a scan of the keys, which costs the server more the more keys it
// holds. So what was found is believed for a hundred times as long as the scan took,
// a second at least; without notifications, which tell of a new log before that, ten
// seconds at most. While Run runs nobody waits for a scan but the first who asks.
type sites struct {
	scan sync.Mutex // held by whoever scans

	mu    sync.Mutex      // guards the rest
	names map[string]bool // nil before the first scan
	since map[string]bool // those told of since the scan under way began
	until time.Time       // how long names are believed
	asked chan struct{}   // of Run, which scans; nil while it does not run
}

// Sites returns the names of the sites whose logs the store holds, in their order. A
// key that is called like a log and is no stream is passed over.
func (s *Store) Sites(ctx context.Context) ([]string, error) {
	names, fresh, asked := s.sites.known()
	if !fresh && names != nil && asked != nil {
		select {
		case asked <- struct{}{}:
		default:
		}
		fresh = true
	}
	if fresh {
		return names, nil
	}
	return s.scanSites(ctx)
}

// scanSites finds the sites, unless another has just done so.
func (s *Store) scanSites(ctx context.Context) ([]string, error) {
	s.sites.scan.Lock()
	defer s.sites.scan.Unlock()
	if names, fresh, _ := s.sites.known(); fresh {
		return names, nil
	}
	start := time.Now()
	defer s.metrics.call("sites", start)
	s.sites.begin()
	found := map[string]bool{}
	err := s.read.do(ctx, func(ctx context.Context, c *redis.Client) error {
		for cursor := uint64(0); ; {
			keys, next, err := c.ScanType(ctx, cursor, logPrefix+"*", 1000, "stream").Result()
			if err != nil {
				return err
			}
			for _, key := range keys {
				if name := strings.TrimPrefix(key, logPrefix); engine.CheckSite(name) == nil {
					found[name] = true
				}
			}
			if cursor = next; cursor == 0 {
				return nil
			}
		}
	})
	if err != nil {
		return nil, err
	}
	took := time.Since(start)
	believed := max(time.Second, 100*took)
	if !s.notify.works() {
		believed = min(believed, 10*time.Second)
	}
	return s.sites.found(found, believed), nil
}

// keepSites scans when it is asked to, until ctx ends, and wakes for what is new.
func (s *Store) keepSites(ctx context.Context, woken func(site string)) {
	asked := make(chan struct{}, 1)
	s.sites.keep(asked)
	defer s.sites.keep(nil)
	for {
		select {
		case <-ctx.Done():
			return
		case <-asked:
		}
		before, _, _ := s.sites.known()
		names, err := s.scanSites(ctx)
		if err != nil {
			continue // Read tells it, and asks again
		}
		for _, name := range names {
			if !slices.Contains(before, name) {
				woken(name)
			}
		}
	}
}

// scan calls do with the keys that match a pattern, page by page.
func scan(ctx context.Context, c *redis.Client, match string, do func(keys []string) error) error {
	for cursor := uint64(0); ; {
		keys, next, err := c.Scan(ctx, cursor, match, 1000).Result()
		if err != nil {
			return err
		}
		if err := do(keys); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// known returns the names, nil before any was found, whether they are still to be
// believed, and where to ask for a scan.
func (s *sites) known() (names []string, fresh bool, asked chan<- struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names != nil {
		names = slices.AppendSeq(make([]string, 0, len(s.names)), maps.Keys(s.names))
		slices.Sort(names)
	}
	return names, time.Now().Before(s.until), s.asked
}

func (s *sites) keep(asked chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = asked
}

// begin takes note that a scan begins.
func (s *sites) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = map[string]bool{}
}

// found takes over what a scan has found, and what was told of meanwhile.
func (s *sites) found(names map[string]bool, believed time.Duration) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(names, s.since)
	s.names, s.since = names, nil
	s.until = time.Now().Add(believed)
	return slices.Sorted(maps.Keys(s.names))
}

// add takes note of a log that was told of.
func (s *sites) add(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names != nil {
		s.names[name] = true
	}
	if s.since != nil {
		s.since[name] = true
	}
}

// doubt has the next call ask for a scan.
func (s *sites) doubt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = time.Time{}
}
