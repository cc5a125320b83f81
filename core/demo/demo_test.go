package demo_test

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/demo"
	"github.com/global-presence/presence/core/region"
)

// status returns what the demo says of its regions.
func (r *running) status() demo.Status {
	r.tb.Helper()
	var st demo.Status
	if err := json.Unmarshal([]byte(r.get(r.url+"/status.json").body), &st); err != nil {
		r.tb.Fatal(err)
	}
	return st
}

// waitVerdict waits until the demo says a sentence.
func (r *running) waitVerdict(want string) {
	r.tb.Helper()
	waitFor(r.tb, "the verdict "+want, func() (string, bool) {
		got := r.status().Verdict.Sentence
		return got, got == want
	})
}

// A click travels, a region that is cut off goes on, and all agree again.
func TestDemo_Run(t *testing.T) {
	before := children()
	t.Run("Serve", func(t *testing.T) {
		d := startDemo(t, config(t))
		d.waitVerdict("All three regions agree.")
		d.waitShown("dark after 0", "iad", "lhr", "syd")
		d.set("iad", true)
		d.waitShown("bright after 1", "iad", "lhr", "syd")
		d.waitVerdict("All three regions agree.")
		if ways := d.status().Regions[2].Ways; !strings.Contains(ways[0], "from Ashburn 101 ms (last 1") {
			t.Errorf("Sydney heard of it %q, want how long it took", ways)
		}

		if res := d.ask(http.MethodPost, d.url+"/cut", "region=syd"); res.StatusCode != http.StatusNoContent {
			t.Fatalf("cut: %s\n%s", res.Status, res.body)
		}
		d.waitVerdict("Sydney is cut off. So far everyone still sees the same.")
		d.set("iad", false)
		d.set("iad", true)
		d.waitShown("bright after 3", "iad", "lhr")
		for range 3 {
			d.set("syd", false)
		}
		d.waitShown("dark after 4", "syd")
		d.waitVerdict("Sydney is cut off. The regions differ in lamp.")
		waitFor(t, "Sydney to be told what waits", func() (string, bool) {
			got := d.status().Regions[2].Sentence
			return got, got == "Cut off: 3 changes wait here, 2 outside."
		})
		if got, want := d.status().Links[1], (demo.LinkStatus{
			Sites: [2]string{"iad", "syd"}, Cut: true, Label: "5 waiting",
			Ways: [2]demo.WayStatus{{Delay: 101, Sent: 3, Waiting: 2}, {Delay: 101, Sent: 3, Waiting: 3}},
		}); got != want {
			t.Errorf("link is %+v, want %+v", got, want)
		}

		if res := d.ask(http.MethodPost, d.url+"/heal", "region=syd"); res.StatusCode != http.StatusNoContent {
			t.Fatalf("heal: %s\n%s", res.Status, res.body)
		}
		d.waitVerdict("All three regions agree.")
		d.waitShown("dark after 6", "iad", "lhr", "syd")
		if ways := d.status().Regions[2].Ways; ways[0] != "from Ashburn 101 ms" {
			t.Errorf("Sydney heard of it %q, want the wait for the cut left out", ways)
		}

		if err := d.stop(); err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
		for _, addr := range append([]string{d.url}, d.regions["iad"], d.regions["syd"]) {
			if conn, err := net.Dial("tcp", strings.TrimPrefix(addr, "http://")); err == nil {
				conn.Close()
				t.Errorf("%s still takes connections", addr)
			}
		}
		d.Close()
		d.Close()
	})
	for pid := range children() {
		if !before[pid] {
			t.Errorf("process %d is left", pid)
		}
	}
}

// children returns the process ids of this process's children. Without /proc there
// are none.
func children() map[int]bool {
	pids := map[int]bool{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state parent …; only the name may hold spaces.
		_, rest, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(rest); len(f) > 1 && f[1] == strconv.Itoa(os.Getpid()) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids[pid] = true
		}
	}
	return pids
}

// The page follows by a stream, which ends with the demo.
func TestDemo_Events(t *testing.T) {
	d := startDemo(t, config(t))
	res, err := d.client.Get(d.url + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type is %q", got)
	}
	lines := bufio.NewScanner(res.Body)
	next := func() (st demo.Status, ok bool) {
		for lines.Scan() {
			if data, is := strings.CutPrefix(lines.Text(), "data: "); is {
				if err := json.Unmarshal([]byte(data), &st); err != nil {
					t.Fatal(err)
				}
				return st, true
			}
		}
		return st, false
	}
	st, _ := next()
	if st.Verdict.State != "agree" {
		t.Errorf("the first event says %+v, want the present state", st.Verdict)
	}
	d.set("lhr", true)
	sent, travelling := 0, false
	for st.Verdict.State != "agree" || sent == 0 {
		var ok bool
		if st, ok = next(); !ok {
			t.Fatal("the stream ended")
		}
		sent = max(sent, st.Links[0].Ways[1].Sent)
		travelling = travelling || st.Links[2].Ways[0].Waiting == 1
	}
	if sent != 1 || !travelling {
		t.Errorf("%d changes sent from London, one seen on its way to Sydney: %v; want 1, true", sent, travelling)
	}
	if err := d.stop(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	if st, ok := next(); ok {
		t.Errorf("the stream goes on with %+v", st.Verdict)
	}
}

func TestNew_Errors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free, busy := neighbours(t)
	defer busy.Close()
	_, busyPort, _ := net.SplitHostPort(busy.Addr().String())
	for _, tt := range []struct {
		name  string
		spoil func(*demo.Config)
		want  []string // in lines
	}{
		{"OneRegion", func(c *demo.Config) { c.Regions = []region.Code{"lhr"} }, []string{"--regions are 1; want 2 to 6"}},
		{"SevenRegions", func(c *demo.Config) { c.Regions = []region.Code{"lhr", "lhr", "lhr", "lhr", "lhr", "lhr", "lhr"} }, []string{"--regions are 7; want 2 to 6"}},
		{"NoRegion", func(c *demo.Config) { c.Regions = []region.Code{"lhr", "London", ""} }, []string{`--regions has "London"`, `--regions has ""`}},
		{"NoPort", func(c *demo.Config) { c.Listen = "localhost" }, []string{`--listen is "localhost"; want host:port`}},
		{"EmptyPort", func(c *demo.Config) { c.Listen = "localhost:" }, []string{`--listen is "localhost:"; want host:port`}},
		{"LastPort", func(c *demo.Config) { c.Listen = ":65533" }, []string{`--listen is ":65533"; want a port of at most 65532`}},
		{"Both", func(c *demo.Config) { c.Listen, c.Regions = "8080", []region.Code{"l"} }, []string{"--regions are 1", `--regions has "l"`, `--listen is "8080"`}},
		{"PageTaken", func(c *demo.Config) { c.Listen = taken.Addr().String() }, []string{`--listen is "` + taken.Addr().String() + `": bind: address already in use`}},
		{"RegionTaken", func(c *demo.Config) { c.Listen = free }, []string{`--listen is "` + free + `", so that iad needs port ` + busyPort + `: bind: address already in use`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config(t)
			tt.spoil(&cfg)
			if err := cfg.Check(); (err != nil) == strings.Contains(tt.name, "Taken") {
				t.Errorf("Check() = %v", err)
			}
			d, err := demo.New(cfg)
			if err == nil {
				d.Close()
				t.Fatal("New() = nil, want an error")
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Fatalf("New() = %v, want %d lines", err, len(tt.want))
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(lines[i], want) {
					t.Errorf("line %d is %q, want %s…", i+1, lines[i], want)
				}
			}
		})
	}
	// What New had taken in vain is free again.
	ln, err := net.Listen("tcp", free)
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
}

// neighbours returns a free address whose three next ports are free, but for the
// first of them, which is taken.
func neighbours(tb testing.TB) (free string, busy net.Listener) {
	tb.Helper()
	for port := 20000; port < 30000; port += 5 {
		var all []net.Listener
		for i := range 4 {
			ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+i)))
			if err != nil {
				break
			}
			all = append(all, ln)
		}
		for i, ln := range all {
			if len(all) < 4 || i != 1 {
				ln.Close()
			}
		}
		if len(all) == 4 {
			return all[0].Addr().String(), all[1]
		}
	}
	tb.Fatal("no four ports beside each other are free")
	return "", nil
}

func TestSiteNames(t *testing.T) {
	got := demo.SiteNames("lhr", "syd", "lhr", "lhr")
	if diff := cmp.Diff([]string{"lhr", "syd", "lhr-2", "lhr-3"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A region that is there twice has two sites, which are as far apart as machines
// in one place are.
func TestDemo_TwoSitesOfOneRegion(t *testing.T) {
	cfg := config(t)
	cfg.Regions = []region.Code{"lhr", "lhr"}
	d := startDemo(t, cfg)
	d.set("lhr-2", true)
	d.waitShown("bright after 1", "lhr", "lhr-2")
	d.waitVerdict("Both regions agree.")
}
