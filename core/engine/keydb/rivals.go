package keydb

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// serverField begins the names of the fields of a site's hash that say when a server
// last took writes for the site; the id of the server's run follows. All binaries on
// one server share one.
const serverField = "server:"

const (
	// rivalEvery is how often the own field is written and others are looked at.
	rivalEvery = time.Second

	// rivalChanges is how many looks, one soon after the other, must find another
	// server's field changed until it is a rival. A server that was started again
	// leaves a field that changes no more but may arrive late, and a full resync
	// may bring back an older copy of it.
	rivalChanges = 3

	// rivalGone is after how long without a change a rival is one no more.
	rivalGone = 10 * time.Second

	// rivalForgotten is when a silent server's field is removed.
	rivalForgotten = 10 * time.Minute
)

// rivals are other servers that take writes for a site of the same name. Their
// copies of its keys would go to each other, and the later would replace the newer.
type rivals struct {
	mu    sync.Mutex // guards the rest
	was   string     // the run of the own server that was synced at some time
	next  time.Time  // when to look again
	seen  map[string]*rival
	found bool // there is a rival
	told  bool // that was logged
}

// rival is another server's field.
type rival struct {
	value   string
	changes int       // in a row
	changed time.Time // when the last was seen, or it was first seen
}

// claim says in the site's hash that the server takes writes, once a second, and
// returns an error while another server says so too. It begins when the server has
// been synced: before that the hash may be an old one.
func (s *Store) claim(ctx context.Context, run string, synced bool) error {
	r := &s.rivals
	if r.due(time.Now(), run, synced) {
		err := s.write.do(ctx, func(ctx context.Context, c *redis.Client) error { return s.claimOnce(ctx, c, run) })
		if err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.found {
		if r.told {
			s.log.LogAttrs(ctx, slog.LevelInfo, "no other server takes writes for the site any more")
		}
		r.told = false
		return nil
	}
	why := "site " + s.cfg.Site + " is also written by another server: give one of them --site " + s.cfg.Site + "-2"
	if !r.told {
		r.told = true
		s.log.LogAttrs(ctx, slog.LevelError, "two servers take writes for one site", slog.String("err", why))
	}
	return unavailable(s.write.where, why)
}

// claimOnce writes the own field and looks at the others.
func (s *Store) claimOnce(ctx context.Context, c *redis.Client, run string) error {
	key, own := siteKey(s.cfg.Site), serverField+run
	now, err := c.Time(ctx).Result()
	if err != nil {
		return err
	}
	if err := c.HSet(ctx, key, own, now.UnixMilli()).Err(); err != nil {
		if answered(err) {
			return nil // it takes no writes now, and Write tells why
		}
		return err
	}
	fields, err := c.HGetAll(ctx, key).Result()
	if err != nil {
		return err
	}
	delete(fields, own)
	if old := s.rivals.look(time.Now(), now, fields); len(old) > 0 {
		if err := c.HDel(ctx, key, old...).Err(); err != nil && !answered(err) {
			return err
		}
	}
	return nil
}

// due reports whether it is time to look, and the server may be written to.
func (r *rivals) due(now time.Time, run string, synced bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if synced {
		r.was = run
	}
	if r.was != run || now.Before(r.next) {
		return false
	}
	r.next = now.Add(rivalEvery)
	return true
}

// look takes in the other fields of the hash and returns those of servers that are
// long gone. The server's clock says how old they are.
func (r *rivals) look(now, clock time.Time, fields map[string]string) (old []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := map[string]*rival{}
	r.found = false
	for field, value := range fields {
		if !strings.HasPrefix(field, serverField) {
			continue
		}
		o := r.seen[field]
		switch {
		case o == nil:
			o = &rival{value: value, changed: now}
		case o.value != value && now.Sub(o.changed) > rivalGone:
			o.value, o.changes, o.changed = value, 1, now
		case o.value != value:
			o.value, o.changes, o.changed = value, o.changes+1, now
		}
		seen[field] = o
		silent := now.Sub(o.changed)
		ms, _ := strconv.ParseInt(value, 10, 64) // 0 is long ago
		switch {
		case o.changes >= rivalChanges && silent < rivalGone:
			r.found = true
		case silent > rivalForgotten, o.changes == 0 && clock.Sub(time.UnixMilli(ms)) > rivalForgotten:
			old = append(old, field)
		}
	}
	r.seen = seen
	return old
}
