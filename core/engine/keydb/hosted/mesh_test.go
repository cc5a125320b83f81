package hosted_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core/engine/keydb/hosted"
)

// fakeServer is a server that has links and writes down what it is told.
type fakeServer struct {
	mu    sync.Mutex
	links map[netip.AddrPort]bool // guarded by mu, as all below
	told  []string
	self  netip.AddrPort // is the server itself
	down  bool
}

// change changes the server.
func (f *fakeServer) change(how func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how()
}

var errDown = errors.New("connection refused")

func (f *fakeServer) commander() hosted.Commander {
	return hosted.Commander{
		LinksFunc: func() (map[netip.AddrPort]bool, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.down {
				return nil, errDown
			}
			return maps.Clone(f.links), nil
		},
		Add: func(p netip.AddrPort) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.told = append(f.told, "add "+p.Addr().String())
			f.links[p] = true
			return nil
		},
		Remove: func(p netip.AddrPort) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.told = append(f.told, "remove "+p.Addr().String())
			delete(f.links, p)
			return nil
		},
		IdentityOf: func(p netip.AddrPort) (string, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			switch {
			case !p.IsValid() || p == f.self:
				return "me", nil
			case !f.links[p]:
				return "", errDown
			}
			return p.String(), nil
		},
	}
}

// take returns what the server was told since the last take, in order of names.
func (f *fakeServer) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { f.told = nil }()
	slices.Sort(f.told)
	return f.told
}

// meshed runs a mesh in a bubble, for a server on 10.0.0.1.
func meshed(t *testing.T, names *resolver, peers []string, test func(t *testing.T, f *fakeServer, m hosted.Mesh)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServer{links: map[netip.AddrPort]bool{}}
		m, err := hosted.NewMesh(hosted.Config{Peers: peers, Resolver: names, Registerer: prometheus.NewPedanticRegistry()}, "10.0.0.1:6379", f.commander())
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Begin(t.Context(), netip.MustParseAddrPort("10.0.0.1:6379")); err != nil {
			t.Fatal(err)
		}
		for _, p := range m.Peers() { // as the server's settings have them
			f.links[p] = true
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			m.Run(ctx)
		}()
		test(t, f, m)
		cancel()
		<-done
	})
}

// pass lets rounds of the mesh go by.
func pass(d time.Duration) {
	time.Sleep(d) // the bubble's clock
	synctest.Wait()
}

func wantTold(t *testing.T, f *fakeServer, what string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, f.take()); diff != "" {
		t.Errorf("%s: commands (-want +got):\n%s", what, diff)
	}
}

func wantPeers(t *testing.T, m hosted.Mesh, want ...string) {
	t.Helper()
	var got []string
	for _, p := range m.Peers() {
		got = append(got, p.Addr().String())
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("peers (-want +got):\n%s", diff)
	}
}

func TestMesh_follows(t *testing.T) {
	names := &resolver{}
	names.set("global", "10.0.0.1", "10.0.0.2", "fdaa::9") // itself, a peer, and what cannot be reached from here
	meshed(t, names, []string{"global"}, func(t *testing.T, f *fakeServer, m hosted.Mesh) {
		wantPeers(t, m, "10.0.0.2")
		pass(time.Minute)
		wantTold(t, f, "links that exist")

		names.set("global", "10.0.0.1", "10.0.0.2", "10.0.0.3")
		pass(6 * time.Second)
		wantTold(t, f, "a new peer", "add 10.0.0.3")

		f.change(func() { f.down, f.links = true, map[netip.AddrPort]bool{} })
		pass(time.Minute)
		wantPeers(t, m, "10.0.0.2", "10.0.0.3") // for the settings of the next one
		f.change(func() { f.down = false })
		pass(6 * time.Second)
		wantTold(t, f, "a server without links", "add 10.0.0.2", "add 10.0.0.3")

		names.set("global", "10.0.0.1", "10.0.0.2")
		pass(9 * time.Minute)
		wantTold(t, f, "a peer gone for a moment")
		wantPeers(t, m, "10.0.0.2", "10.0.0.3")
		names.set("global", "10.0.0.1", "10.0.0.2", "10.0.0.3")
		pass(6 * time.Second)
		names.set("global", "10.0.0.1", "10.0.0.2")
		pass(9 * time.Minute)
		wantTold(t, f, "a peer gone once more")
		pass(2 * time.Minute)
		wantTold(t, f, "a peer gone for long", "remove 10.0.0.3")
		wantPeers(t, m, "10.0.0.2")
	})
}

// A name server that is away takes no link, up or down. One that suddenly knows
// nobody takes no link that is up; one that is down goes after a while.
func TestMesh_namesAway(t *testing.T) {
	names := &resolver{}
	names.set("global", "10.0.0.1", "10.0.0.2", "10.0.0.3")
	meshed(t, names, []string{"global"}, func(t *testing.T, f *fakeServer, m hosted.Mesh) {
		pass(time.Minute)
		names.fail(errors.New("timeout"))
		pass(time.Hour)
		wantTold(t, f, "no name server")
		third := netip.MustParseAddrPort("10.0.0.3:6379")
		f.change(func() { f.links[third] = false })
		pass(time.Hour)
		wantTold(t, f, "no name server and a dead link")
		wantPeers(t, m, "10.0.0.2", "10.0.0.3")
		f.change(func() { f.links[third] = true })
		pass(time.Minute)

		names.fail(nil)
		names.set("global")
		pass(time.Hour)
		wantTold(t, f, "an unknown name")
		f.change(func() { f.links[third] = false })
		pass(9 * time.Minute)
		names.fail(errors.New("timeout"))
		pass(time.Hour)
		wantTold(t, f, "no name server while a peer is gone")
		names.fail(nil)
		pass(9 * time.Minute)
		wantTold(t, f, "a peer gone for a while after that")
		pass(2 * time.Minute)
		wantTold(t, f, "an unknown name and a dead link", "remove 10.0.0.3")
		wantPeers(t, m, "10.0.0.2")
	})
}

func TestMesh_lists(t *testing.T) {
	names := &resolver{}
	names.set("lhr", "10.0.0.2")
	names.set("here", "10.0.0.1")
	peers := []string{"lhr", "syd", "10.0.0.4", "10.0.0.4:6379", "here:7000", "here", "127.0.0.1"}
	meshed(t, names, peers, func(t *testing.T, f *fakeServer, m hosted.Mesh) {
		wantPeers(t, m, "10.0.0.1", "10.0.0.2", "10.0.0.4") // 10.0.0.1 on port 7000 is another server
		names.set("syd", "10.0.0.3")
		pass(6 * time.Second)
		wantTold(t, f, "a name that came later", "add 10.0.0.3")
		names.set("lhr", "10.0.0.22") // restarted elsewhere
		pass(6 * time.Second)
		wantTold(t, f, "a name that moved", "add 10.0.0.22")
		pass(11 * time.Minute)
		wantTold(t, f, "its old address", "remove 10.0.0.2")
	})
}

// A link that nobody knows, such as one from an earlier life, is given time.
func TestMesh_unknownLink(t *testing.T) {
	names := &resolver{}
	names.set("global", "10.0.0.1", "10.0.0.2")
	meshed(t, names, []string{"global"}, func(t *testing.T, f *fakeServer, m hosted.Mesh) {
		f.change(func() { f.links[netip.MustParseAddrPort("10.0.0.7:6379")] = true })
		pass(9 * time.Minute)
		wantTold(t, f, "an unknown link")
		pass(2 * time.Minute)
		wantTold(t, f, "an unknown link, later", "remove 10.0.0.7")
	})
}

func TestMesh_self(t *testing.T) {
	names := &resolver{}
	names.set("global", "10.0.0.1", "192.0.2.1", "10.0.0.2")
	meshed(t, names, []string{"global"}, func(t *testing.T, f *fakeServer, m hosted.Mesh) {
		f.change(func() { f.self = netip.MustParseAddrPort("192.0.2.1:6379") })
		pass(6 * time.Second)
		wantTold(t, f, "itself by another way", "remove 192.0.2.1")
		pass(time.Hour)
		wantTold(t, f, "itself, later")
		wantPeers(t, m, "10.0.0.2")
	})
}

// Names that cannot be looked up hold the first start up, but not for ever.
func TestMesh_Begin_waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := &resolver{}
		names.fail(errors.New("timeout"))
		cfg := hosted.Config{Peers: []string{"global"}, Resolver: names}
		f := &fakeServer{links: map[netip.AddrPort]bool{}}
		for _, healed := range []bool{false, true} {
			m, err := hosted.NewMesh(cfg, "10.0.0.1:6379", f.commander())
			if err != nil {
				t.Fatal(err)
			}
			want, start := 15*time.Second, time.Now()
			if healed {
				want = 5 * time.Second
				time.AfterFunc(want-time.Millisecond, func() {
					names.fail(nil)
					names.set("global", "10.0.0.1", "10.0.0.2")
				})
			}
			if err := m.Begin(t.Context(), netip.MustParseAddrPort("10.0.0.1:6379")); err != nil || time.Since(start) != want {
				t.Errorf("Begin = %v after %v, want nil after %v", err, time.Since(start), want)
			}
			if got, want := len(m.Peers()), map[bool]int{true: 1}[healed]; got != want {
				t.Errorf("%d peers, want %d", got, want)
			}
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, fmt.Errorf("enough"))
		defer cancel()
		names.fail(errors.New("timeout"))
		m, err := hosted.NewMesh(cfg, "10.0.0.1:6379", f.commander())
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Begin(ctx, netip.MustParseAddrPort("10.0.0.1:6379")); err == nil || err.Error() != "enough" {
			t.Errorf("Begin = %v, want the cause of ctx", err)
		}
	})
}

// A server with an empty folder waits for a peer; one with data knows what it had.
func TestMesh_Begin_emptyFolder(t *testing.T) {
	full, blank := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "appendonly.aof"), []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(blank, "appendonly.aof"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const waits = `level=INFO msg="waiting for a peer before the keydb server starts, since the data folder is empty: the first region of all finds none" listed=[global] at_most=15s`
	for _, tt := range []struct {
		name  string
		dir   string
		knows []string      // what the name stands for, at first
		later time.Duration // when it stands for a peer too
		want  time.Duration
		peers int
		said  []string // lines of the log
	}{
		{"Full", full, nil, 0, 0, 0, nil},
		{"FullAlone", full, []string{"10.0.0.1"}, 0, 0, 0, nil},
		{"Known", blank, []string{"10.0.0.1", "10.0.0.2"}, 0, 0, 1, nil},
		{"Unknown", blank, nil, 0, 15 * time.Second, 0, []string{waits, "level=WARN msg=\"starting with an empty data folder and without any peer"}},
		{"Alone", blank, []string{"10.0.0.1"}, 0, 15 * time.Second, 0, []string{waits, "level=INFO msg=\"starting as the first region: the peers' names stand for this server alone\" listed=[global]"}},
		{"Later", blank, []string{"10.0.0.1"}, 4500 * time.Millisecond, 5 * time.Second, 1, []string{waits}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				names := &resolver{}
				names.set("global", tt.knows...)
				if tt.later > 0 {
					time.AfterFunc(tt.later, func() { names.set("global", "10.0.0.1", "10.0.0.2") })
				}
				r, log := newLog(t, slog.LevelInfo)
				cfg := hosted.Config{Dir: tt.dir, Peers: []string{"global"}, Resolver: names, Logger: log}
				m, err := hosted.NewMesh(cfg, "10.0.0.1:6379", (&fakeServer{}).commander())
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				if err := m.Begin(t.Context(), netip.MustParseAddrPort("10.0.0.1:6379")); err != nil || time.Since(start) != tt.want {
					t.Errorf("Begin = %v after %v, want nil after %v", err, time.Since(start), tt.want)
				}
				if got := len(m.Peers()); got != tt.peers {
					t.Errorf("%d peers, want %d", got, tt.peers)
				}
				said := slices.Collect(strings.Lines(r.String()))
				if !slices.EqualFunc(said, tt.said, strings.HasPrefix) {
					t.Errorf("the log is %q, want %q", said, tt.said)
				}
			})
		})
	}
}

// The log tells of links that break, with the reason, and of those that do not come
// up; not of those that are down because the server has just started.
func TestMesh_tells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, log := newLog(t, slog.LevelInfo)
		second, third := netip.MustParseAddrPort("10.0.0.2:6379"), netip.MustParseAddrPort("10.0.0.3:6379")
		f := &fakeServer{links: map[netip.AddrPort]bool{second: false, third: false}}
		m, err := hosted.NewMesh(hosted.Config{Peers: []string{"10.0.0.2", "10.0.0.3"}, Logger: log}, "10.0.0.1:6379", f.commander())
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Begin(t.Context(), netip.MustParseAddrPort("10.0.0.1:6379")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			m.Run(ctx)
		}()
		told := 0
		want := func(what string, lines ...string) {
			t.Helper()
			all := slices.Collect(strings.Lines(r.String()))
			got := slices.Sorted(slices.Values(all[told:]))
			told = len(all)
			for i, l := range lines {
				lines[i] = l + "\n"
			}
			if diff := cmp.Diff(lines, got); diff != "" {
				t.Errorf("%s: log (-want +got):\n%s", what, diff)
			}
		}
		link := func(up bool, peers ...netip.AddrPort) {
			f.change(func() {
				for _, p := range peers {
					f.links[p] = up
				}
			})
		}
		m.Wake()
		pass(time.Second)
		want("a start", `level=INFO msg="peer added" peer=10.0.0.2:6379`, `level=INFO msg="peer added" peer=10.0.0.3:6379`)
		link(true, second)
		pass(time.Minute)
		want("one that does not come up", `level=INFO msg="link to peer is up" peer=10.0.0.2:6379`,
			`level=WARN msg="link to peer is down" peer=10.0.0.3:6379 err="connection refused"`)
		pass(time.Hour)
		want("later")
		link(false, second)
		pass(6 * time.Second)
		want("a break", `level=WARN msg="link to peer is down" peer=10.0.0.2:6379 err="connection refused"`)
		pass(time.Hour)
		link(true, second, third)
		pass(6 * time.Second)
		all := r.String()
		if n := strings.Count(all[strings.LastIndex(all, "WARN"):], " down_for=1h0m"); n != 1 {
			t.Errorf("%d links say that they were down for an hour, want 1 of:\n%s", n, all)
		}
		told = strings.Count(all, "\n")
		link(false, second, third)
		m.Wake()
		pass(4 * time.Second)
		link(true, second, third)
		pass(time.Minute)
		want("a restart", `level=INFO msg="link to peer is up" peer=10.0.0.2:6379`, `level=INFO msg="link to peer is up" peer=10.0.0.3:6379`)
		cancel()
		<-done
	})
}
