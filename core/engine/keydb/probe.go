package keydb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// fault is what makes a server unusable, in a sentence that says how to mend it.
type fault string

func (f fault) Error() string { return string(f) }

// open probes a server that has just been configured.
func (s *server) open(ctx context.Context) error {
	err := s.try(ctx)
	var f fault
	switch {
	case err == nil:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.why, s.met = nil, true
		s.metrics.back()
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &f):
		return fmt.Errorf("%s: %w", s.where, f)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.why = err
	s.wait()
	level := slog.LevelWarn
	if s.cfg.Hosted { // it is started later
		level = slog.LevelDebug
	}
	s.log.LogAttrs(ctx, level, "the store's server is not there yet", slog.String("err", reason(err)))
	return nil
}

// probeWrite says what keeps the site's writes from the server, and warns of what
// will matter later.
func (s *Store) probeWrite(ctx context.Context) error {
	info, err := s.write.inspect(ctx)
	if err != nil {
		return err
	}
	if info.replica() {
		return isReplica(info)
	}
	s.eviction.look(s.write.log, info)
	if err := s.write.tryWrite(ctx, s.cfg.Site); err != nil {
		return err
	}
	if s.read != s.write {
		return nil
	}
	return s.read.tryRead(ctx, s.cfg.Site)
}

// probeRead says what keeps reads from the server.
func (s *Store) probeRead(ctx context.Context) error {
	if _, err := s.read.inspect(ctx); err != nil {
		return err
	}
	if err := s.read.tryRead(ctx, s.cfg.Site); err != nil {
		return err
	}
	return s.proveCopy(ctx)
}

// inspect returns the server's INFO, unless that says that it cannot be used.
func (s *server) inspect(ctx context.Context) (info, error) {
	i, err := s.info(ctx)
	if err != nil {
		return nil, faulty(err)
	}
	if i["cluster_enabled"] == "1" || i["redis_mode"] == "cluster" {
		return nil, fault(clusterMode)
	}
	if i["redis_mode"] == "sentinel" {
		return nil, fault("it is a sentinel, which holds no data: give the URL of a server that it watches")
	}
	if v := i["redis_version"]; !atLeast(v, 6, 2) {
		return nil, fault("it is version " + v + ": want KeyDB 6.3, Valkey 7.2, Redis 6.2 or newer")
	}
	return i, nil
}

// tryWrite runs each command that a write takes, on keys that are nobody's, and in a
// script, as a write does.
func (s *server) tryWrite(ctx context.Context, site string) error {
	stream := "gp:probe:" + site // shared by all who probe: each removes it
	hash, tile := stream+":hash", stream+":tile"
	return faulty(pipeline(ctx, s.client, func(p redis.Pipeliner) {
		p.XAdd(ctx, &redis.XAddArgs{Stream: stream, MaxLen: 1, Approx: true, Values: []string{"p", "1"}})
		p.Do(ctx, "EXISTS", stream)
		p.Do(ctx, "XINFO", "STREAM", stream)
		p.Do(ctx, "XTRIM", stream, "MINID", "~", "0")
		p.Do(ctx, "TYPE", hash)
		p.Do(ctx, "HSETNX", hash, "n", "1")
		p.Do(ctx, "HSET", hash, "f", "1")
		p.Do(ctx, "HMGET", hash, "f")
		p.Do(ctx, "HEXISTS", hash, "f")
		p.Do(ctx, "HDEL", hash, "f")
		p.Do(ctx, "SETRANGE", tile, 8, "x")
		p.Do(ctx, "GETRANGE", tile, 0, 8)
		p.Do(ctx, "STRLEN", tile)
		p.Do(ctx, "TIME")
		p.Do(ctx, "EVAL", probeScript, "1", stream)
		p.Do(ctx, "EVALSHA", strings.Repeat("0", 40), "0") // NOSCRIPT: it may
		p.Do(ctx, "DEL", stream, hash, tile)
	}))
}

// probeScript does what write.lua relies on: it writes after it has read the clock.
const probeScript = `if redis.replicate_commands then redis.replicate_commands() end
redis.call('TIME')
redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
return redis.call('XADD', KEYS[1], 'MAXLEN', '~', 1, '*', 'p', '1')`

// tryRead runs each command that reading takes.
func (s *server) tryRead(ctx context.Context, site string) error {
	return faulty(pipeline(ctx, s.client, func(p redis.Pipeliner) {
		p.XRangeN(ctx, logKey(site), "(0-0", "+", 1)
		p.XRevRangeN(ctx, logKey(site), "+", "-", 1)
		p.HGetAll(ctx, siteKey(site))
		p.Get(ctx, gridKey(site, "", "", ""))
		p.Scan(ctx, 0, "gp:none", 1)
	}))
}

// pipeline sends commands at once and returns the first error that tells something.
func pipeline(ctx context.Context, c *redis.Client, add func(p redis.Pipeliner)) error {
	cmds, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
		add(p)
		return nil
	})
	for _, cmd := range cmds {
		if e := cmd.Err(); e != nil && !errors.Is(e, redis.Nil) && !redis.HasErrorPrefix(e, "NOSCRIPT") {
			return e
		}
	}
	if err != nil && (errors.Is(err, redis.Nil) || redis.HasErrorPrefix(err, "NOSCRIPT")) {
		return nil
	}
	return err
}

// faulty returns err as a fault if it says how a server has to be mended.
func faulty(err error) error {
	if err == nil || passing(err) != "" {
		return err
	}
	if why := unusable(err); why != "" {
		return fault(why)
	}
	if why := stranger(err); why != "" {
		return fault(why)
	}
	return err
}

// atLeast reports whether version "7.0.15" is not older than major.minor. One that
// cannot be read is taken for new.
func atLeast(version string, major, minor int) bool {
	a, rest, _ := strings.Cut(version, ".")
	b, _, _ := strings.Cut(rest, ".")
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	if errX != nil || errY != nil {
		return true
	}
	return x > major || x == major && y >= minor
}
