package hosted_test

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core/engine/keydb/hosted"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
)

// Three servers with the same list of peers become one.
func TestServer_Run_peers(t *testing.T) {
	bin := keydbtest.Have(t, "keydb-server")
	var addrs []string
	for range 3 {
		addrs = append(addrs, freeAddr(t, "127.0.0.1"))
	}
	var rs []*running
	var registries []*prometheus.Registry
	for _, addr := range addrs {
		registries = append(registries, prometheus.NewPedanticRegistry())
		rs = append(rs, launch(t, hosted.Config{
			Bin: bin, Listen: addr, Peers: addrs, Password: hosted.Password("a secret of all regions"),
			LookupInterval: 100 * time.Millisecond, Registerer: registries[len(registries)-1],
		}))
	}
	for i, registry := range registries {
		waitFor(t, "links of "+addrs[i], func() error {
			peers, up := metric(t, registry, "presence_keydb_server_peers"), metric(t, registry, "presence_keydb_server_links_up")
			if peers != 2 || up != 2 {
				return fmt.Errorf("%v peers, %v links up", peers, up)
			}
			return nil
		})
	}
	for i, r := range rs {
		key := fmt.Sprint("from:", i)
		r.set(t, key, "hello")
		for _, other := range rs {
			other.waitValue(t, key, "hello")
		}
	}

	// One loses everything, and has its links and its keys again.
	id := rs[0].info(t, "server", "run_id")
	if err := rs[0].process(t).Kill(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a new server", func() error {
		if now := rs[0].info(t, "server", "run_id"); now == "" || now == id {
			return fmt.Errorf("run_id is %q", now)
		}
		return nil
	})
	rs[1].set(t, "later", "too")
	rs[0].waitValue(t, "later", "too")
	rs[0].waitValue(t, "from:1", "hello")
	rs[0].set(t, "back", "yes")
	rs[2].waitValue(t, "back", "yes")
}

// The links follow what a name stands for.
func TestServer_Run_peersByName(t *testing.T) {
	bin := keydbtest.Have(t, "keydb-server")
	_, port, err := net.SplitHostPort(freeAddr(t, "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	names := &resolver{}
	names.set("global.test", "127.0.0.2", "127.0.0.3")
	hosts := []string{"127.0.0.2", "127.0.0.3", "127.0.0.4"}
	registry := prometheus.NewPedanticRegistry()
	run := func(i int) *running {
		cfg := hosted.Config{
			Bin: bin, Listen: net.JoinHostPort(hosts[i], port), Peers: []string{"global.test"}, Password: "5ecret", Resolver: names,
			LookupInterval: 50 * time.Millisecond, PeerTimeout: 300 * time.Millisecond,
		}
		if ln, err := net.Listen("tcp", cfg.Listen); err != nil {
			t.Skipf("listen on %s: %v", cfg.Listen, err)
		} else {
			_ = ln.Close()
		}
		if i == 0 {
			cfg.Registerer = registry
		}
		return launch(t, cfg)
	}
	waitLinks := func(want float64) {
		t.Helper()
		waitFor(t, "links", func() error {
			peers, up := metric(t, registry, "presence_keydb_server_peers"), metric(t, registry, "presence_keydb_server_links_up")
			if peers != want || up != want {
				return fmt.Errorf("%v peers, %v links up; want %v", peers, up, want)
			}
			return nil
		})
	}
	first, second := run(0), run(1)
	waitLinks(1)
	second.set(t, "a", "1")
	first.waitValue(t, "a", "1")

	names.set("global.test", "127.0.0.2", "127.0.0.3", "127.0.0.4")
	third := run(2)
	waitLinks(2)
	third.set(t, "b", "2")
	first.waitValue(t, "b", "2")
	third.waitValue(t, "a", "1")

	names.set("global.test", "127.0.0.2", "127.0.0.3")
	waitLinks(1)
	first.log.wait(t, "peer removed", "127.0.0.4")
	names.fail(errors.New("the name server is away"))
	first.log.wait(t, "peers not looked up", "the name server is away")
	waitLinks(1)
	second.set(t, "a", "3")
	first.waitValue(t, "a", "3")
}

// A server that peers know under an address which it does not know itself, such as
// a published port, does not copy from itself for long.
func TestServer_Run_peerIsSelf(t *testing.T) {
	bin := keydbtest.Have(t, "keydb-server")
	listen := freeAddr(t, "127.0.0.1")
	around := forward(t, listen)
	r := start(t, hosted.Config{
		Bin: bin, Listen: listen, Peers: []string{around}, Password: "5ecret", LookupInterval: 50 * time.Millisecond,
	})
	r.log.wait(t, "peer removed", "peer="+around, "self=true")
	if got := r.info(t, "replication", "role"); got != "master" {
		t.Errorf("role = %q, want master: there is nobody to copy from", got)
	}
}

func TestServer_Run_peerWithAnotherPassword(t *testing.T) {
	bin := keydbtest.Have(t, "keydb-server")
	stranger := start(t, hosted.Config{Bin: bin, Password: "another"})
	addr := stranger.client.Options().Addr
	r := start(t, hosted.Config{Bin: bin, Peers: []string{addr}, Password: "5ecret", LookupInterval: 50 * time.Millisecond})
	r.log.wait(t, "level=ERROR", "peer refuses to be asked: has it the same secret?", "peer="+addr)
}
