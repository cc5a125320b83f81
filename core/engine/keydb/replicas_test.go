package keydb_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine/converge"
	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
)

// replicas are three regions on one Redis that takes the writes: two have a replica of
// it to read from.
type replicas struct {
	places
	primary *keydbtest.Server
	servers map[string]*keydbtest.Server // that are read from, but for the primary
	links   map[string]*keydbtest.Link   // over which they copy the primary
	ways    map[string]*keydbtest.Link   // over which binaries reach the primary
}

// short is what links are told: a backlog, the smallest there is, that a few seconds of
// what people do overflow, and to be made anew when they are silent, as hosted servers
// are. The proxy of a link now and then keeps a connection whose other end is gone.
var short = []string{"--repl-backlog-size", "16384", "--repl-timeout", "5", "--repl-ping-replica-period", "1"}

// startReplicas starts them, with logs of so many entries, or many.
func startReplicas(tb testing.TB, logEntries int, args ...string) *replicas {
	tb.Helper()
	args = slices.Concat(short, args)
	w := &replicas{
		primary: keydbtest.Start(tb, keydbtest.Options{Args: slices.Concat(args, []string{"--appendonly", "yes"})}),
		servers: map[string]*keydbtest.Server{}, links: map[string]*keydbtest.Link{}, ways: map[string]*keydbtest.Link{},
	}
	var configs []keydb.Config
	for _, name := range []string{"iad", "lhr", "syd"} {
		w.ways[name] = keydbtest.StartLink(tb, w.primary)
		cfg := keydb.Config{Site: name, URL: "redis://" + w.ways[name].Addr(), LogEntries: logEntries}
		if name != "iad" {
			w.links[name] = keydbtest.StartLink(tb, w.primary)
			w.servers[name] = keydbtest.Start(tb, keydbtest.Options{Args: args})
			w.servers[name].FollowOver(w.links[name])
			w.servers[name].WaitLinks()
			cfg.ReadURL = w.servers[name].URL()
		}
		configs = append(configs, cfg)
	}
	w.places = newPlaces(tb, configs...)
	return w
}

// cutAway cuts off the replica that a region reads from.
func (w *replicas) cutAway(name string) { w.links[name].Cut() }

func (w *replicas) Heal() {
	for _, links := range []map[string]*keydbtest.Link{w.links, w.ways} {
		for _, l := range links {
			l.Heal()
		}
	}
}

func (w *replicas) Strike(r *converge.Run, random *rand.Rand) {
	name := w.names[random.IntN(len(w.names))]
	away := w.names[1+random.IntN(len(w.names)-1)] // one with a replica
	n, d := random.IntN(14), time.Duration(random.Int64N(int64(2*time.Second)))
	switch {
	case n < 2:
		r.Note("cut the replica of %s off", away)
		w.links[away].Cut()
	case n < 3:
		r.Note("cut %s off from the primary", name)
		w.ways[name].Cut()
	case n < 5:
		r.Note("heal")
		w.Heal()
	case n < 7:
		r.Note("the replica of %s is %v away", away, d/10)
		w.links[away].Delay(d / 10)
	case n < 8:
		r.Note("the primary stands still for %v", d)
		w.primary.Pause()
		r.Pass(d)
		w.primary.Resume()
	case n < 10:
		r.Note("kill the primary for %v", d)
		w.primary.Kill()
		r.Pass(d)
		w.primary.Restart(true)
	case n < 11:
		r.Note("kill the replica of %s for %v", away, d)
		w.servers[away].Kill()
		r.Pass(d)
		w.servers[away].Restart(random.IntN(2) == 0)
	default:
		w.reboot(r, name, random)
	}
}
