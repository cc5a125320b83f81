package keydb

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/global-presence/presence/core/engine/site"
)

// Health tells how the server is, or both are.
//
// A server without links is synced as soon as it has loaded its data. One with links
// is when all are up and everything that came over them is applied. One that takes
// writes must, in the first minute of its life, have had them up for Config.Settle.
func (s *Store) Health(ctx context.Context) (site.Health, error) {
	defer s.metrics.call("health", time.Now())
	all := site.Health{Synced: true}
	for _, server := range s.servers() {
		var h site.Health
		err := server.do(ctx, func(ctx context.Context, c *redis.Client) (err error) {
			h, err = s.healthOf(ctx, server)
			return err
		})
		if err != nil {
			return site.Health{}, err
		}
		if !h.Synced && all.Synced {
			all.Synced, all.Missing = false, server.where+": "+h.Missing
		}
		all.Incarnation = joined(all.Incarnation, h.Incarnation)
		all.Links = joined(all.Links, h.Links)
	}
	s.written.saw(all.Synced)
	all.Notifies = s.notify.works()
	s.changes.saw(all.Incarnation + "\n" + all.Links)
	return all, nil
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + "\n" + b
}

// healthOf asks one server.
func (s *Store) healthOf(ctx context.Context, server *server) (site.Health, error) {
	text, err := server.client.Info(ctx).Result()
	if err != nil {
		return site.Health{}, err
	}
	i := parseInfo(text)
	if server == s.write && i.replica() && i["slave_read_only"] != "0" {
		return site.Health{}, readOnly(i)
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
	links := linksOf(text)
	h := site.Health{Incarnation: i["run_id"], Missing: missingOf(i, links)}
	parts := []string{"full=" + i["sync_full"] + " partial=" + i["sync_partial_ok"], in, out}
	for _, l := range links {
		parts = append(parts, fmt.Sprintf("from %s up=%t", l.name(), l.up))
	}
	for _, m := range replicaLine.FindAllStringSubmatch(text, -1) {
		parts = append(parts, "to "+m[1])
	}
	h.Links = strings.Join(parts, "\n")
	up := server.settling.look(time.Now(), h.Incarnation+in, h.Missing == "")
	isYoung := time.Duration(i.number("uptime_in_seconds"))*time.Second < young
	if h.Missing == "" && len(links) > 0 && server == s.write && isYoung && up < s.cfg.Settle {
		h.Missing = "its links have just come up"
	}
	h.Synced = h.Missing == ""
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
		case l.read != l.applied:
			return "it is applying what came from " + l.name()
		}
	}
	return ""
}

func readOnly(i info) error {
	return fault("it is a read-only replica of " + i["master_host"] + ":" + i["master_port"] +
		": give the primary's URL for writes, and this one to read from")
}
