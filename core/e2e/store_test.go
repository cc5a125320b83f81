package e2e_test

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
)

// TestStore_unfit: a store that cannot be used stops the start with one line that says
// why and how to mend it, and tells no password.
func TestStore_unfit(t *testing.T) {
	t.Parallel()
	locked := keydbtest.Start(t, keydbtest.Options{Password: "correct horse battery"})
	wrong, err := url.Parse(locked.URL())
	if err != nil {
		t.Fatal(err)
	}
	wrong.User = url.UserPassword("", "hunter2-hunter2")
	bare := *wrong
	bare.User = nil
	primary := keydbtest.Start(t, keydbtest.Options{})
	replica := keydbtest.StartReplica(t, primary, keydbtest.Options{})
	cluster := keydbtest.Start(t, keydbtest.Options{Args: []string{"--cluster-enabled", "yes"}})
	for name, tt := range map[string]struct{ url, want string }{
		"wrong password":    {wrong.String(), "password"},
		"no password":       {bare.String(), "password"},
		"read-only replica": {replica.URL(), "replica"},
		"cluster":           {cluster.URL(), "cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			o := execute(t, nil, "--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--log-level=error", secretArg, "--keydb="+tt.url)
			o.want(t, 1, o.errOut, "presence: --keydb: ", tt.want)
			if lines := strings.Count(o.errOut, "\n"); lines != 1 || strings.Contains(o.errOut, "hunter2") {
				t.Errorf("it says, in %d lines:\n%s\nwant one line without the password", lines, o.errOut)
			}
		})
	}
}

// TestStore_late: a store that comes later than the program is waited for, and one
// that goes and comes back costs nothing.
func TestStore_late(t *testing.T) {
	t.Parallel()
	keydbtest.Have(t, "redis-server")
	_, port, _ := strings.Cut(freeAddress(t), ":")
	p := &place{code: "lhr", args: []string{"--region=lhr", secretArg, "--keydb=redis://127.0.0.1:" + port}}
	p.start(t)
	admin := newVisitor(t, p.server.admin)
	if a := admin.get("/readyz"); a.StatusCode != 503 || !strings.Contains(a.body, "connection refused") {
		t.Errorf("/readyz says %s %q without a store, want 503 and why", a.Status, a.body)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	store := keydbtest.Start(t, keydbtest.Options{Port: n, Args: []string{"--appendonly", "yes"}})
	pl := &planet{places: []*place{p}}
	pl.waitReady(t)
	v := newVisitor(t, p.server.url)
	v.get("/").wantStatus(t, 200)
	v.post("/rooms/home/counter/add", "by=1").wantStatus(t, 303)

	store.Kill()
	waitFor(t, "word that the store is away", func() (string, bool) {
		a := admin.get("/readyz")
		return a.body, a.StatusCode == 503
	})
	if a := v.get("/"); a.StatusCode != 200 || a.count() != "1" {
		t.Errorf("page says %s and %s without its store, want what it showed", a.Status, a.count())
	}
	if a := v.post("/rooms/home/counter/add", "by=1"); a.StatusCode != 503 {
		t.Errorf("a form is answered %s without a store, want 503", a.Status)
	}
	store.Restart(true)
	pl.waitReady(t)
	v.post("/rooms/home/counter/add", "by=1").wantStatus(t, 303)
	waitFor(t, "both clicks", func() (string, bool) {
		got := v.get("/").count()
		return got, got == "2"
	})
}

// TestStore_hosted: a server that the program hosts comes back when it is killed, with
// what was in it.
func TestStore_hosted(t *testing.T) {
	t.Parallel()
	keydbtest.Have(t, "redis-server") // enough for one region
	p := &place{code: "lhr", args: []string{
		"--region=lhr", "--keydb=hosted", "--keydb-bin=redis-server", "--data=" + t.TempDir(), "--keydb-listen=" + freeAddress(t),
	}}
	p.start(t)
	pl := &planet{places: []*place{p}}
	pl.waitReady(t)
	v := newVisitor(t, p.server.url)
	v.get("/")
	who := number(t, v.get("/"))
	v.post("/rooms/home/counter/add", "by=1").wantStatus(t, 303)
	killHosted(t, p.server)
	admin := newVisitor(t, p.server.admin)
	waitFor(t, "another server", func() (string, bool) {
		// Until the engine has noticed, it is ready by what it knew of the one before.
		return "", strings.Count(p.server.out.String(), `msg="taking writes"`) > 1 && admin.get("/readyz").StatusCode == 200
	})
	v.post("/rooms/home/counter/add", "by=1").wantStatus(t, 303)
	p.server.stop()
	p.start(t)
	pl.waitReady(t)
	v.url = p.server.url // cookies know no ports
	a := v.get("/")
	if a.count() != "2" {
		t.Errorf("counter shows %s after two restarts, want 2", a.count())
	}
	if now := number(t, a); now != who {
		t.Errorf("User #%s is #%s after the restart: the secret was not kept", who, now)
	}
}

var userNumber = regexp.MustCompile(`User #([a-z2-7]{5})`)

// number returns the number of the person that a page greets.
func number(t *testing.T, a answer) string {
	t.Helper()
	m := userNumber.FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("page names no user:\n%s", a.body)
	}
	return m[1]
}
