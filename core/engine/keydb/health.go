package keydb

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/site"
)

// Health tells how the server is, or both are.
//
// A server without links is synced as soon as it has loaded its data. One with links
// is when all are up. In the first minute of its life, and until this store has seen
// it synced, it must besides have applied all that had come over them when they came
// up and, where it takes writes, have had them up for Config.Settle.
//
// The incarnation is that of the server that takes the writes. One that is only read
// from does not keep anybody from writing: while it is away the store is not synced,
// and when it was started again the links differ.
//
// Where the server that is read from has no link to wait for, and does not copy the other
// one all the same, it counts as away.
//
// While another server takes writes for a site of the same name, the error wraps
// engine.ErrUnavailable: both would write over each other's.
func (s *Store) Health(ctx context.Context) (site.Health, error) {
	defer s.metrics.call("health", time.Now())
	all, write, err := s.ask(ctx, s.write)
	if err != nil {
		return site.Health{}, err
	}
	if err := s.claim(ctx, all.Incarnation, all.Synced); err != nil {
		return site.Health{}, err
	}
	if s.read != s.write {
		if err := s.addRead(ctx, &all, write); err != nil {
			return site.Health{}, err
		}
	}
	s.written.saw(all.Synced)
	all.Notifies = s.notify.works()
	s.changes.saw(all.Incarnation + "\n" + all.Links)
	return all, nil
}

// readSide is what is known of the server that is only read from.
type readSide struct {
	mu    sync.Mutex // guards the rest
	away  bool
	links string // when it was there last
}

// addRead adds to h how the server is that is only read from; write is what the other
// one told of itself. An error says that ctx has ended.
func (s *Store) addRead(ctx context.Context, h *site.Health, write view) error {
	of, read, err := s.ask(ctx, s.read)
	if err == nil {
		var missing string
		if missing, err = s.lookAtCopy(ctx, write, read); err != nil {
			err = s.read.judge(ctx, err)
		}
		if missing != "" && of.Synced {
			of.Synced, of.Missing = false, s.read.where+": "+missing
		}
	}
	if err != nil && ctx.Err() != nil {
		return err
	}
	r := &s.readSide
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil:
		of = site.Health{Missing: strings.TrimPrefix(err.Error(), engine.ErrUnavailable.Error()+": ")}
		if !r.away {
			s.log.LogAttrs(ctx, slog.LevelWarn, "the server to read from is away: writes are taken, and nothing is seen of them here until it is back",
				slog.String("server", s.read.where), slog.String("err", of.Missing))
		}
	case r.away:
		s.log.LogAttrs(ctx, slog.LevelInfo, "the server to read from is back", slog.String("server", s.read.where))
	}
	r.away = err != nil
	if !r.away {
		r.links = "read from run=" + of.Incarnation + "\n" + of.Links
	}
	if h.Synced && !of.Synced {
		h.Synced, h.Missing = false, of.Missing
	}
	h.Links += "\n" + r.links
	return nil
}

// ask asks one server how it is.
func (s *Store) ask(ctx context.Context, server *server) (h site.Health, v view, err error) {
	err = server.do(ctx, func(ctx context.Context, c *redis.Client) error {
		text, err := c.Info(ctx).Result()
		if err != nil {
			return err
		}
		v = viewOf(text)
		h, err = s.healthOf(ctx, server, v, text)
		return err
	})
	if h.Missing != "" {
		h.Missing = server.where + ": " + h.Missing
	}
	return h, v, err
}

// healthOf asks one server for what it has not told in INFO.
func (s *Store) healthOf(ctx context.Context, server *server, v view, text string) (site.Health, error) {
	i, links := v.info, v.links
	if server == s.write && i.replica() {
		return site.Health{}, isReplica(i)
	}
	if server.settling.restarted(i["run_id"]) {
		if err := server.probe(ctx); err != nil {
			return site.Health{}, err
		}
	}
	in, out, err := server.connections(ctx)
	if err != nil {
		return site.Health{}, err
	}
	h := site.Health{Incarnation: i["run_id"]}
	parts := []string{"full=" + i["sync_full"] + " partial=" + i["sync_partial_ok"], in, out}
	if server == s.write {
		s.eviction.look(server.log, i)
		parts = append(parts, s.eviction.count(server.log, i, time.Now()))
	}
	for _, l := range links {
		parts = append(parts, fmt.Sprintf("from %s up=%t", l.name(), l.up))
	}
	for _, m := range replicaLine.FindAllStringSubmatch(text, -1) {
		parts = append(parts, "to "+m[1])
	}
	h.Links = strings.Join(parts, "\n")
	h.Missing = missingOf(i, links)
	up, behind := server.settling.look(time.Now(), h.Incarnation+in, links, h.Missing == "")
	isYoung := time.Duration(i.number("uptime_in_seconds"))*time.Second < young
	switch {
	case h.Missing != "" || len(links) == 0:
	case behind != "" && (isYoung || !server.settling.wasSynced()):
		h.Missing = "it is applying what came from " + behind
	case server == s.write && isYoung && up < s.cfg.Settle:
		h.Missing = "its links have just come up"
	}
	if h.Synced = h.Missing == ""; h.Synced {
		server.settling.synced()
	}
	return h, nil
}

// missingOf returns what a server has to wait for, in words.
func missingOf(i info, links []link) string {
	switch {
	case i["loading"] != "" && i["loading"] != "0":
		return "it is loading its data"
	case i["async_loading"] != "" && i["async_loading"] != "0":
		return "it is loading a copy of another server's data"
	}
	for _, l := range links {
		switch {
		case l.syncing:
			return "it is copying the data of " + l.name()
		case !l.up:
			return "its link to " + l.name() + " is down"
		}
	}
	return ""
}

// isReplica says why a replica cannot take a site's writes.
func isReplica(i info) error {
	primary := i["master_host"] + ":" + i["master_port"]
	if i["slave_read_only"] == "0" {
		return fault("it is a replica of " + primary + " that takes writes and passes them to nobody" +
			": give the primary's URL for writes; with KeyDB, set active-replica yes")
	}
	return fault("it is a read-only replica of " + primary +
		": give the primary's URL for writes, and this one to read from")
}
