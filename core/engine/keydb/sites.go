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
// They are found by a scan of the keys. It costs the server more the more keys it
// holds, so what was found is believed for a hundred times as long as the scan took,
// a second at least; a notification tells of a new log before that. Logs do not go
// away, but for a server that lost its disk.
type sites struct {
	scan sync.Mutex // held by whoever scans

	mu    sync.Mutex
	names map[string]bool // guarded by mu
	until time.Time       // how long they are believed; guarded by mu
}

// Sites returns the names of the sites whose logs the store holds, in their order.
func (s *Store) Sites(ctx context.Context) ([]string, error) {
	if names, fresh := s.sites.known(); fresh {
		return names, nil
	}
	s.sites.scan.Lock()
	defer s.sites.scan.Unlock()
	if names, fresh := s.sites.known(); fresh {
		return names, nil
	}
	start := time.Now()
	defer s.metrics.call("sites", start)
	found := map[string]bool{}
	err := s.read.do(ctx, func(ctx context.Context, c *redis.Client) error {
		return scan(ctx, c, logPrefix+"*", func(keys []string) error {
			for _, key := range keys {
				if name := strings.TrimPrefix(key, logPrefix); engine.CheckSite(name) == nil {
					found[name] = true
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return s.sites.found(found, start), nil
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

func (s *sites) known() (names []string, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !time.Now().Before(s.until) {
		return nil, false
	}
	return slices.Sorted(maps.Keys(s.names)), true
}

// found takes over what a scan that began at start has found, and what was told of
// meanwhile.
func (s *sites) found(names map[string]bool, start time.Time) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(names, s.names)
	s.names = names
	now := time.Now()
	s.until = now.Add(max(time.Second, 100*now.Sub(start)))
	return slices.Sorted(maps.Keys(s.names))
}

// add takes note of a log that was told of.
func (s *sites) add(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names == nil {
		s.names = map[string]bool{}
	}
	s.names[name] = true
}

// doubt has the next call scan, and forget whose logs are no more.
func (s *sites) doubt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names, s.until = nil, time.Time{}
}
