package keydb

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
)

// eviction is what is known of keys that the server throws away to make room.
type eviction struct {
	mu      sync.Mutex // guards the rest
	policy  string     // the policy that was warned of, "" while it is right
	run     string     // the server that evicted is of
	evicted int64      // how many keys it has thrown away
	told    time.Time  // when that was last logged
	times   evictions
}

// evictions counts the times at which what was thrown away is to be put back.
type evictions struct {
	n    int
	due  bool      // keys were thrown away since the last one
	last time.Time // when that was
}

// evictedEvery is how often at most what was thrown away is put back: a server that
// is full throws other keys away for it.
const evictedEvery = 10 * time.Second

// look warns, once a change, of a policy that loses state when the memory is full.
func (e *eviction) look(log *slog.Logger, i info) {
	policy := i["maxmemory_policy"]
	if policy == "noeviction" || i.number("maxmemory") == 0 {
		policy = ""
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if policy != "" && policy != e.policy {
		log.Warn("the store's server throws keys away when its memory is full, which loses state: set maxmemory-policy noeviction",
			slog.String("policy", policy))
	}
	e.policy = policy
}

// count returns a text that differs after keys were thrown away. Those that a policy
// of the name volatile picks are other programs': this one sets no time to live.
func (e *eviction) count(log *slog.Logger, i info, now time.Time) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	evicted := i.number("evicted_keys")
	switch run := i["run_id"]; {
	case e.run == "":
		e.evicted = evicted
	case e.run != run:
		e.evicted = 0
	}
	e.run = i["run_id"]
	if more := evicted - e.evicted; more > 0 && !strings.HasPrefix(i["maxmemory_policy"], "volatile") {
		e.times.due = true
		if e.told.IsZero() || now.Sub(e.told) > time.Minute {
			e.told = now
			log.LogAttrs(context.Background(), slog.LevelError, "the store's server has thrown keys away since its memory is full: raise maxmemory and set maxmemory-policy noeviction",
				slog.Int64("keys", more), slog.String("policy", i["maxmemory_policy"]))
		}
	}
	e.evicted = evicted
	if c := &e.times; c.due && (c.last.IsZero() || now.Sub(c.last) >= evictedEvery) {
		c.n, c.due, c.last = c.n+1, false, now
	}
	return "evicted=" + strconv.Itoa(e.times.n)
}
