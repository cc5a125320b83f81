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

// mesh is three regions, each with a KeyDB that is an active replica of the others'.
type mesh struct {
	places
	servers map[string]*keydbtest.Server
	links   map[string]map[string]*keydbtest.Link // over which one copies another
	cut     map[*keydbtest.Link]bool
	missing string // a site whose store may not hold all that its peers do
}

// startMesh starts a mesh with one KeyDB for each of opts, with logs of so many entries,
// or many.
func startMesh(tb testing.TB, logEntries int, opts ...keydbtest.Options) *mesh {
	tb.Helper()
	for i := range opts {
		opts[i].Args = slices.Concat([]string{"--appendonly", "yes"}, short, opts[i].Args)
	}
	servers, links := keydbtest.StartMeshOver(tb, opts...)
	w := &mesh{servers: map[string]*keydbtest.Server{}, links: map[string]map[string]*keydbtest.Link{}, cut: map[*keydbtest.Link]bool{}}
	names := []string{"iad", "lhr", "syd"}
	var configs []keydb.Config
	for i, s := range servers {
		w.servers[names[i]], w.links[names[i]] = s, map[string]*keydbtest.Link{}
		for j, l := range links[i] {
			if l != nil {
				w.links[names[i]][names[j]] = l
			}
		}
		configs = append(configs, keydb.Config{Site: names[i], URL: s.URL(), LogEntries: logEntries})
	}
	w.places = newPlaces(tb, configs...)
	return w
}

// between returns the links between a site and another, both ways, or all others.
func (w *mesh) between(name, other string) []*keydbtest.Link {
	var all []*keydbtest.Link
	for _, n := range w.names {
		if n != name && (n == other || other == "") {
			all = append(all, w.links[name][n], w.links[n][name])
		}
	}
	return all
}

// cutOff cuts the links between a site and another, or all others.
func (w *mesh) cutOff(name, other string) {
	for _, l := range w.between(name, other) {
		l.Cut()
		w.cut[l] = true
	}
}

// cutAway cuts a site off from all others.
func (w *mesh) cutAway(name string) { w.cutOff(name, "") }

func (w *mesh) Heal() {
	for l := range w.cut {
		l.Heal()
	}
	clear(w.cut)
}

func (w *mesh) Strike(r *converge.Run, random *rand.Rand) {
	name := w.names[random.IntN(len(w.names))]
	other := w.names[random.IntN(len(w.names))]
	if w.missing != "" && w.Missing(w.missing) == "" {
		w.missing = ""
	}
	n, d := random.IntN(14), time.Duration(random.Int64N(int64(2*time.Second)))
	switch {
	case n < 2 && name != other:
		r.Note("cut %s from %s", name, other)
		w.cutOff(name, other)
	case n < 3:
		r.Note("cut off %s", name)
		w.cutAway(name)
	case n < 5:
		r.Note("heal")
		w.Heal()
	case n < 7 && name != other:
		r.Note("%s hears of %s %v later", name, other, d/10)
		w.links[name][other].Delay(d / 10)
	case n < 8:
		r.Note("the server of %s stands still for %v", name, d)
		w.servers[name].Pause()
		r.Pass(d)
		w.servers[name].Resume()
	case n < 11 && w.missing == "":
		// Whoever comes back lacks what others wrote, so that nobody else may lose
		// their copy meanwhile: no promise is made for the last copy.
		disk := random.IntN(3) > 0
		r.Note("kill the server of %s for %v, and keep its disk: %t", name, d, disk)
		w.missing = name
		w.servers[name].Kill()
		r.Pass(d)
		w.servers[name].Restart(disk)
	case n >= 11 && len(w.cut) == 0:
		w.reboot(r, name, random)
	}
}
