package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/features"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// TestMain lets the test binary be the features that the tests start.
func TestMain(m *testing.M) {
	if process.Started() && os.Args[1] == "plugin" {
		process.Serve(dropIn(os.Args[2]))
		os.Exit(0)
	}
	if process.Started() {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	for _, v := range os.Environ() { // settings of whoever runs the tests
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "PRESENCE_") || strings.HasPrefix(name, "FLY_") || name == "KEYDB_URL" {
			os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}

// output keeps what a run prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// runs runs the program with an end that has come already, so that it never serves
// for long.
func runs(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, err output
	code = run(ctx, args, &out, &err)
	return code, out.String(), err.String()
}

// lines returns the lines of s, without the last line break.
func lines(s string) []string { return strings.Split(strings.TrimSuffix(s, "\n"), "\n") }

func TestRun_WrongFlags(t *testing.T) {
	for _, tt := range []struct {
		flag, value string
		want        string // after the name of the flag and its variable
	}{
		{"listen", "8080", `is "8080"; want host:port`},
		{"listen", ":http-alt-x", `is ":http-alt-x"; want host:port`},
		{"listen", ":99999", `is ":99999"; want host:port`},
		{"listen", "localhost:", `is "localhost:"; want host:port`},
		{"admin", "localhost", `is "localhost"; want host:port`},
		{"region", "London", `is "London"; want three lower-case letters`},
		{"region", "", `is ""; want three lower-case letters`},
		{"engine", "mysql", `is "mysql"; want memory or keydb`},
		{"keydb", "localhost:6379", `is "localhost:6379"; want redis://HOST:PORT/DB, rediss:// for TLS, or hosted`},
		{"keydb", "http://:hunter2@db", `is "http://***@db"; want redis://`},
		{"keydb", "redis://:hunter2@[db", `is "redis://***@[db"; want redis://`},
		{"keydb", "user:hunter2@db:6379", `is "***@db:6379"; want redis://`},
		{"keydb", "redis:/:hunter2@db", `is "***@db"; want redis://`},
		{"keydb", "redis//h?password=hunter2", `is "redis//h"; want redis://`},
		{"keydb", "hostd", `is "hostd"; want redis://`},
		{"site", "LHR", `is "LHR"; want lower-case letters, digits and hyphens`},
		{"sync-timeout", "forever", `is "forever"; want a time with its unit from 1s to 1h`},
		{"peer-timeout", "1s", `is "1s"; want a time with its unit from 10s to 24h`},
		{"data", "/nowhere/at/all.db", `is "/nowhere/at/all.db"; want a file in a folder that exists`},
		{"secret", "hunter2", `is "*******"; want at least 16 characters`},
		{"api-token", "hunter2", `is "*******"; want at least 16 letters, digits and signs of ASCII, without spaces`},
		{"api-token", "hunter2 hunter2 hunter2", `is "***********************"; want at least 16`},
		{"api-rate", "0.5", `is "0.5"; want a number from 1 to 1000000, such as 10000`},
		{"api-rate", "NaN", `is "NaN"; want a number from 1 to 1000000, such as 10000`},
		{"compress", "100", `is "100"; want 0 for never, or a number of bytes from 256 to 1048576, such as 1024`},
		{"compress", "-1", `is "-1"; want 0 for never`},
		{"plugins", "main.go", `is "main.go"; want a folder`},
		{"plugins-lock", "main.go", `is "main.go"; want nothing without --plugins`},
		{"origins", "shop.example", `is "shop.example"; want scheme://host`},
		{"origins", "https://shop.example/cart", `want scheme://host`},
		{"origins", "https://shop.example?x", `want scheme://host`},
		{"origins", "ftp://shop.example", `want scheme://host`},
		{"origins", "null", `want scheme://host`},
		{"origins", "*", `want scheme://host`},
		{"address-header", "X Forwarded", `is "X Forwarded"; want the name of a header`},
		{"address-header", "X-Forwarded-For:", `want the name of a header`},
		{"stop-timeout", "10ms", `is "10ms"; want a time with its unit from 1s to 10m`},
		{"stop-timeout", "1h", `from 1s to 10m`},
		{"log", "xml", `is "xml"; want text or json`},
		{"log-level", "loud", `is "loud"; want debug, info, warn or error`},
		{"log-level", "info+4", `want debug, info, warn or error`},
	} {
		t.Run(tt.flag+"="+tt.value, func(t *testing.T) {
			name := "PRESENCE_" + strings.ToUpper(strings.ReplaceAll(tt.flag, "-", "_"))
			check := func(how string, args ...string) {
				t.Helper()
				code, stdout, stderr := runs(t, args...)
				want := fmt.Sprintf("presence: --%s (%s) ", tt.flag, name)
				if code != 2 || stdout != "" || len(lines(stderr)) != 1 || !strings.HasPrefix(stderr, want) || !strings.Contains(stderr, tt.want) {
					t.Errorf("by %s: exit code %d, printed %q, %q; want 2 and one line %s… %s", how, code, stdout, stderr, want, tt.want)
				}
			}
			check("flag", "--"+tt.flag+"="+tt.value)
			check("flag of serve", "serve", "--"+tt.flag+"="+tt.value)
			if tt.value != "" { // an empty variable is none
				t.Setenv(name, tt.value)
				check("variable")
			}
		})
	}
}

func TestRun_WrongFlags_AllAtOnce(t *testing.T) {
	t.Setenv("PRESENCE_LOG", "xml")
	t.Setenv("PRESENCE_ORIGINS", "https://fine.example,one.example,two.example")
	code, _, stderr := runs(t, "--listen=x", "--admin=y", "--region=z", "--engine=none", "--data=/nowhere/x", "--secret=short",
		"--address-header=a b", "--stop-timeout=1ms", "--log-level=loud", "--plugins=main.go", "--plugins-lock=/nowhere/x")
	if code != 2 {
		t.Errorf("exit code %d, want 2", code)
	}
	var flags []string
	for _, line := range lines(stderr) {
		rest, ok := strings.CutPrefix(line, "presence: --")
		if !ok {
			t.Errorf("line %q does not start with the flag", line)
		}
		flag, _, _ := strings.Cut(rest, " ")
		flags = append(flags, flag)
	}
	want := []string{"address-header", "admin", "data", "engine", "listen", "log", "log-level", "origins", "origins", "plugins", "plugins-lock", "region", "secret", "stop-timeout"}
	if diff := cmp.Diff(want, flags); diff != "" {
		t.Errorf("flags told of (-want +got):\n%s\nall:\n%s", diff, stderr)
	}
	if strings.Contains(stderr, "short") || strings.Contains(stderr, "fine.example") {
		t.Errorf("it tells a secret, or of what is right:\n%s", stderr)
	}
}

func TestRun_WrongFlags_Together(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		want []string // how the lines go on after "presence: --"
	}{
		{"memory with a store", []string{"--engine=memory", "--keydb=redis://:hunter2@db"}, []string{`keydb (PRESENCE_KEYDB) is "redis://***@db"; want nothing with --engine memory`}},
		{"peers and no store", []string{"--peers=a:1", "--keydb-read=redis://db"}, []string{
			`keydb-read (PRESENCE_KEYDB_READ) is "redis://db"; want nothing without --keydb`,
			`peers (PRESENCE_PEERS) is "a:1"; want nothing without --keydb`,
		}},
		{"keydb without a server", []string{"--engine=keydb"}, []string{`keydb (PRESENCE_KEYDB) is ""; want the server's address`}},
		{"a URL and what only a hosted one has", []string{"--keydb=redis://db", "--data=x", "--peers=a:1,b:2"}, []string{
			`data (PRESENCE_DATA) is "x"; want nothing with --keydb URL`,
			`peers (PRESENCE_PEERS) is "a:1,b:2"; want nothing with --keydb URL`,
		}},
		{"hosted without a folder", []string{"--keydb=hosted"}, []string{`data (PRESENCE_DATA) is ""; want the folder`}},
		{"hosted in a file", []string{"--keydb=hosted", "--data=" + file}, []string{`data (PRESENCE_DATA) is "` + file + `"; want a folder`}},
		{"hosted, wrong in all", []string{"--keydb=hosted", "--data=" + t.TempDir(), "--keydb-listen=6379", "--peers=a:1", "--keydb-read=redis://:hunter2@db"}, []string{
			`keydb-listen (PRESENCE_KEYDB_LISTEN) is "6379"; want host:port`,
			`keydb-read (PRESENCE_KEYDB_READ) is "redis://***@db"; want nothing`,
			`secret (PRESENCE_SECRET) is ""; want a text that all regions share`,
		}},
		{"reading elsewhere", []string{"--keydb=redis://db", "--keydb-read=db:1"}, []string{`keydb-read (PRESENCE_KEYDB_READ) is "db:1"; want redis://`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := runs(t, tt.args...)
			got := lines(stderr)
			same := len(got) == len(tt.want)
			for i := range min(len(got), len(tt.want)) {
				same = same && strings.HasPrefix(got[i], "presence: --"+tt.want[i])
			}
			if code != 2 || stdout != "" || !same {
				t.Errorf("exit code %d:\n%s\nwant 2 and lines that begin with %q", code, stderr, tt.want)
			}
		})
	}
}

// One start tells of all that is wrong, also of a value that is of no such type.
func TestRun_WrongFlags_NoDuration(t *testing.T) {
	code, _, stderr := runs(t, "--stop-timeout=soon", "--log=xml")
	if code != 2 || len(lines(stderr)) != 2 || !strings.Contains(stderr, `--stop-timeout (PRESENCE_STOP_TIMEOUT) is "soon"`) || !strings.Contains(stderr, "--log ") {
		t.Errorf("exit code %d:\n%s\nwant 2, and a line for each of the two flags", code, stderr)
	}
}

func TestRun_WrongCommands(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
		see  string
	}{
		{[]string{"dance"}, "dance", "presence"},
		{[]string{"--dance"}, "--dance", "presence"},
		{[]string{"serve", "dance"}, "dance", "presence"},
		{[]string{"feature"}, "<name>", "presence"},
		{[]string{"feature", "lightbulb", "counter"}, "counter", "presence feature"},
		{[]string{"version", "--listen=:1"}, "--listen", "presence version"},
		{[]string{"plugins"}, "list", "presence plugins"},
		{[]string{"plugins", "list"}, "<dir>", "presence plugins list"},
		{[]string{"plugins", "check"}, "<file>", "presence plugins check"},
		{[]string{"plugins", "digest"}, "<file>", "presence plugins digest"},
		{[]string{"bench"}, "<url>", "presence bench"},
		{[]string{"bench", "--nosuch"}, "--nosuch", "presence bench"},
		{[]string{"--listen"}, "--listen", "presence"},
	} {
		code, stdout, stderr := runs(t, tt.args...)
		if code != 2 || stdout != "" || len(lines(stderr)) != 1 || !strings.HasPrefix(stderr, "presence: ") ||
			!strings.Contains(stderr, tt.want) || !strings.HasSuffix(stderr, "; see "+tt.see+" --help\n") {
			t.Errorf("presence %s: exit code %d, printed %q, %q; want 2 and one line with %s and where to look", strings.Join(tt.args, " "), code, stdout, stderr, tt.want)
		}
	}
}

// TestRun_AsFeature: presence is no feature itself, and does not serve a page when
// somebody takes it for one.
func TestRun_AsFeature(t *testing.T) {
	t.Setenv("PRESENCE_FEATURE", "started by presence")
	for _, args := range [][]string{nil, {"serve"}, {"demo"}} {
		if code, stdout, stderr := runs(t, args...); code != 2 || stdout != "" || !strings.Contains(stderr, "no feature") {
			t.Errorf("presence %q as a feature: exit code %d, printed %q, %q; want 2 and a line", args, code, stdout, stderr)
		}
	}
}

func TestRun_Version(t *testing.T) {
	code, stdout, stderr := runs(t, "version")
	if code != 0 || stderr != "" || !regexp.MustCompile(`^presence \S+\n$`).MatchString(stdout) {
		t.Errorf("presence version: exit code %d, printed %q, %q; want 0 and one line", code, stdout, stderr)
	}
}

func TestRun_Feature(t *testing.T) {
	var names []string
	for _, f := range features.All() {
		name := f.Manifest().Name
		names = append(names, name)
		code, stdout, stderr := runs(t, "feature", name)
		if code != 0 || stderr != "" || !strings.Contains(stdout, fmt.Sprintf("feature %q", name)) || !strings.Contains(stdout, `run "presence"`) {
			t.Errorf("presence feature %s: exit code %d, printed %q, %q; want 0 and what to do instead", name, code, stdout, stderr)
		}
	}
	code, stdout, stderr := runs(t, "feature", "toaster")
	want := "presence: feature is \"toaster\"; want one of " + strings.Join(names, ", ") + "\n"
	if code != 2 || stdout != "" || stderr != want {
		t.Errorf("presence feature toaster: exit code %d, printed %q, %q; want 2 and %q", code, stdout, stderr, want)
	}
}

// serveFlags returns the flags of the server as kong knows them.
func serveFlags(t *testing.T) []*kong.Flag {
	t.Helper()
	var c cli
	parser, err := kong.New(&c, kong.Name("presence"))
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range parser.Model.Children {
		if command.Name == "serve" {
			return command.Flags
		}
	}
	t.Fatal("there is no command serve")
	return nil
}

func TestFlags(t *testing.T) {
	for _, f := range serveFlags(t) {
		want := "PRESENCE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if len(f.Envs) == 0 || f.Envs[0] != want {
			t.Errorf("--%s has the variables %v, want %s first: wrong values are told by that name", f.Name, f.Envs, want)
		}
		if !strings.HasSuffix(f.Help, ".") {
			t.Errorf("--%s: the help %q is no sentence", f.Name, f.Help)
		}
	}
}

func TestRun_Help(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}} {
		code, stdout, stderr := runs(t, args...)
		if code != 0 || stderr != "" {
			t.Errorf("presence %s: exit code %d, printed %q; want 0", strings.Join(args, " "), code, stderr)
		}
		folded := strings.Join(strings.Fields(stdout), " ")
		for _, f := range serveFlags(t) {
			if !strings.Contains(folded, "--"+f.Name+"=") {
				t.Errorf("presence %s does not list --%s", strings.Join(args, " "), f.Name)
			}
			for _, env := range f.Envs {
				if !strings.Contains(folded, env) {
					t.Errorf("presence %s does not list the variable %s", strings.Join(args, " "), env)
				}
			}
			if f.HasDefault && !strings.Contains(folded, f.Default) {
				t.Errorf("presence %s does not tell that --%s is %s by default", strings.Join(args, " "), f.Name, f.Default)
			}
		}
	}
	for command, want := range map[string]string{"feature": "<name>", "version": "Print the version.", "plugins": "plugins digest"} {
		if code, stdout, _ := runs(t, command, "--help"); code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("presence %s --help: exit code %d, printed %q", command, code, stdout)
		}
	}
}

// The table of README.md has a row for each flag, with its variables.
func TestReadme_Flags(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(readme), "\n## Configure\n")
	if !ok {
		t.Fatal(`README.md has no section "## Configure"`)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	got := map[string]string{}
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		if flag := strings.Trim(cells[1], " `"); strings.HasPrefix(flag, "--") && flag != "---" {
			got[flag] = strings.Join(strings.Fields(strings.NewReplacer("`", "", ",", " ").Replace(cells[2])), ",")
		}
	}
	want := map[string]string{}
	for _, f := range serveFlags(t) {
		want["--"+f.Name] = strings.Join(f.Envs, ",")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("flags and variables (-program +README.md):\n%s", diff)
	}
}

// started is a run of the program that serves.
type started struct {
	url, admin string
	stderr     *output
	stop       func() (code int) // as SIGTERM does
}

var serving = regexp.MustCompile(`"msg":"serving","url":"([^"]+)","admin":"([^"]+)","region":"([^"]+)"`)

// start runs the program on free ports until the test ends.
func start(t *testing.T, args ...string) *started {
	t.Helper()
	s := &started{stderr: &output{}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	args = append([]string{"--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--log=json"}, args...)
	go func() { ended <- run(ctx, args, io.Discard, io.MultiWriter(s.stderr, t.Output())) }()
	s.stop = sync.OnceValue(func() int {
		cancel()
		select {
		case code := <-ended:
			return code
		case <-time.After(patience):
			t.Error("the program does not end")
			return -1
		}
	})
	t.Cleanup(func() {
		if code := s.stop(); code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
	})
	wait(t, "the server to serve", func() bool {
		m := serving.FindStringSubmatch(s.stderr.String())
		if m != nil {
			s.url, s.admin = m[1], m[2]
		}
		return m != nil
	})
	return s
}

// patience is how long a test waits for what should happen soon.
const patience = 2 * time.Minute

// wait asks ok every few milliseconds until it says yes.
func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < patience; <-tick.C {
		if ok() {
			return
		}
	}
	t.Fatalf("waited too long for %s", what)
}

// get returns a page and the cookie that came with it.
func get(t *testing.T, url, cookie string) (body, newCookie string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	req.Header.Set("Cookie", cookie)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	newCookie, _, _ = strings.Cut(res.Header.Get("Set-Cookie"), ";")
	return string(b), newCookie
}

// The whole program, with all of its features as processes, serves, keeps who
// people are in its file, and ends with 0.
func TestRun_Serve(t *testing.T) {
	t.Setenv("FLY_REGION", "gru")
	file := filepath.Join(t.TempDir(), "presence.db")
	s := start(t, "--data="+file)
	wait(t, "all features to be up", func() bool {
		body, _ := get(t, s.admin+"/readyz", "")
		return body == "ready\n"
	})
	body, cookie := get(t, s.url, "")
	for _, f := range features.All() {
		if !strings.Contains(body, fmt.Sprintf("<section id=%q", f.Manifest().Name)) {
			t.Errorf("the page has no feature %s", f.Manifest().Name)
		}
	}
	if !strings.Contains(body, "<code>gru</code>") {
		t.Error("the page does not name the region that Fly says")
	}
	if code := s.stop(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if strings.Contains(s.stderr.String(), `"level":"ERROR"`) {
		t.Errorf("the log has errors:\n%s", s.stderr)
	}

	t.Setenv("PRESENCE_REGION", "lhr")
	code, _, stderr := runs(t, "--data="+file, "--listen=127.0.0.1:0", "--admin=127.0.0.1:0")
	if code != 1 || !strings.HasPrefix(stderr, "presence: --data: ") {
		t.Errorf("with the file of another region: exit code %d, printed %q; want 1 and the flag", code, stderr)
	}
	t.Setenv("PRESENCE_REGION", "gru")
	again := start(t, "--data="+file)
	if _, after := get(t, again.url, cookie); after != cookie {
		t.Errorf("after a restart the visitor %s is %s", cookie, after)
	}
}

func TestRun_ServeWithoutFile(t *testing.T) {
	t.Setenv("FLY_REGION", "gru")
	t.Setenv("PRESENCE_REGION", "syd")
	s := start(t, "--secret=a secret of the tests")
	if m := serving.FindStringSubmatch(s.stderr.String()); m[3] != "syd" {
		t.Errorf("the region is %s, want that of PRESENCE_REGION", m[3])
	}
	if !strings.Contains(s.stderr.String(), "gone when the server stops") {
		t.Error("the log does not warn that nothing is kept")
	}
}

// A service sends an event again, as one does that has heard no answer, and it happens once.
func TestRun_EventsFromServices(t *testing.T) {
	const token = "a-token-of-the-tests"
	t.Setenv("PRESENCE_API_TOKEN", token)
	s := start(t)
	send := func(body string) (status int, answer string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/rooms/kitchen/events", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Close = true
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	const add = `{"target":"counter#add","fields":{"by":"1"},"id":"order-17"}`
	wait(t, "the features to be up", func() bool {
		body, _ := get(t, s.admin+"/readyz", "")
		return body == "ready\n"
	})
	for range 3 {
		if status, answer := send(add); status != http.StatusOK || answer != `{"id":"order-17","status":"ok"}`+"\n" {
			t.Fatalf("again: %d %s, want ok", status, answer)
		}
	}
	status, answer := send(`{"events":[` + add + `,{"target":"counter#add","fields":{"by":"7"},"id":"seven"},{"target":"board#clear","id":"clear",` +
		`"fields":{"x":"0","y":"0","w":"9","h":"9"}},{"target":"counter#add","fields":{"by":"1"},"id":"order-18"}]}`)
	want := `{"results":[{"id":"order-17","status":"ok"},{"id":"seven","status":"invalid","error":"\"by\" must be one of 1, -1."},` +
		`{"id":"clear","status":"forbidden","error":"\"board#clear\" is for whoever runs the server, at its admin address."},{"id":"order-18","status":"ok"}]}` + "\n"
	if status != http.StatusForbidden || answer != want {
		t.Errorf("a batch: %d %s, want 403 %s", status, answer, want)
	}
	if body, _ := get(t, s.url+"/r/kitchen", ""); !regexp.MustCompile(`id="counter-total"[^>]*>2<`).MatchString(body) {
		t.Errorf("the counter is not 2:\n%s", body)
	}
}

func TestRun_Bench(t *testing.T) {
	code, _, stderr := runs(t, "bench", "http://127.0.0.1", "--sockets=0", "--rate=x")
	if code != 2 || !strings.Contains(stderr, "--rate") {
		t.Errorf("a rate that is no number: exit code %d, %q; want 2 and the flag", code, stderr)
	}
	code, _, stderr = runs(t, "bench", "http://127.0.0.1", "--sockets=0", "--phases=idle")
	if code != 2 || len(lines(stderr)) != 2 || !strings.Contains(stderr, "presence: --sockets is empty or 0") || !strings.Contains(stderr, "presence: URL is ") {
		t.Errorf("two wrong values: exit code %d, %q; want 2 and both", code, stderr)
	}
	code, stdout, _ := runs(t, "bench", "ws://127.0.0.1:1/cable", "--phases=idle") // its end has come already
	if code != 0 || !strings.Contains(stdout, "Interrupted") {
		t.Errorf("interrupted: exit code %d, %q; want 0 and a report that says so", code, stdout)
	}
}

func TestRun_AddressInUse(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	taken := ln.Addr().String()
	for _, tt := range []struct {
		args []string
		want []string // flags told of, a line each
	}{
		{[]string{"--listen=" + taken, "--admin=127.0.0.1:0"}, []string{"--listen"}},
		{[]string{"--listen=127.0.0.1:0", "--admin=" + taken}, []string{"--admin"}},
		{[]string{"--listen=" + taken, "--admin=" + taken}, []string{"--listen", "--admin"}},
	} {
		code, _, stderr := runs(t, append(tt.args, "--log-level=warn")...)
		var got []string
		for _, line := range lines(stderr) {
			flag, _, _ := strings.Cut(strings.TrimPrefix(line, "presence: "), " is ")
			got = append(got, flag)
		}
		if code != 1 || !slices.Equal(got, tt.want) || !strings.Contains(stderr, "address already in use") {
			t.Errorf("presence %s: exit code %d, printed\n%s\nwant 1 and %v", strings.Join(tt.args, " "), code, stderr, tt.want)
		}
	}
}

func TestRun_Doctor(t *testing.T) {
	code, stdout, stderr := runs(t, "doctor")
	if code != 0 || !strings.Contains(stdout, "engine is memory") || stderr != "" {
		t.Errorf("doctor without a store: exit code %d, printed %q, %q", code, stdout, stderr)
	}
	code, _, stderr = runs(t, "doctor", "--keydb=localhost")
	if code != 2 || len(lines(stderr)) != 1 || !strings.HasPrefix(stderr, "presence: --keydb (PRESENCE_KEYDB) is ") {
		t.Errorf("doctor of no URL: exit code %d, %q; want 2 and the flag", code, stderr)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close() // nobody listens there now
	var out, errOut output
	code = run(t.Context(), []string{"doctor", "--keydb=redis://" + ln.Addr().String()}, &out, &errOut)
	if code != 1 || !strings.HasPrefix(out.String(), "BAD   connection") || !strings.Contains(out.String(), "→ start the server") {
		t.Errorf("doctor of a store that is away: exit code %d, printed %q, %q", code, out.String(), errOut.String())
	}
}

// dropIn is the feature of a program that is put into a folder; it is called what it
// is.
type dropIn string

func (d dropIn) Manifest() plugins.Manifest {
	return plugins.Manifest{
		Name: string(d), Title: "Dropped in", State: []plugins.Field{{Name: "total", Kind: plugins.Counter}},
		Events: []plugins.EventType{{Name: "drop"}},
	}
}

func (dropIn) Handle(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error) {
	return nil, nil
}

func (dropIn) Render(context.Context, plugins.View) ([]plugins.Fragment, error) { return nil, nil }

// putIn writes a program that is a feature of that name, into a folder.
func putIn(t *testing.T, dir, file, feature string) (path string) {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, file)
	if err := os.WriteFile(path, fmt.Appendf(nil, "#!/bin/sh\nexec '%s' plugin '%s'\n", own, feature), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// The commands about files start real programs.
func TestRun_Plugins(t *testing.T) {
	commands := func(args ...string) (code int, stdout, stderr string) {
		t.Helper()
		var out, err output
		code = run(t.Context(), append([]string{"plugins"}, args...), &out, &err)
		return code, out.String(), err.String()
	}
	dir := t.TempDir()
	claps := putIn(t, dir, "applause", "claps")

	code, stdout, stderr := commands("check", claps)
	if code != 0 || stderr != "" || !regexp.MustCompile(`(?s)^ok    kind      a script\nok    whole .*\nok    starts    in \S+; SDK \S+\nok    manifest  "Dropped in": 1 field, 1 event\nok    name      claps\n$`).MatchString(stdout) {
		t.Errorf("check of a feature: exit code %d, printed\n%s%s", code, stdout, stderr)
	}
	code, stdout, stderr = commands("list", dir)
	if code != 0 || stderr != "" || !regexp.MustCompile(`\napplause +process +claps +Dropped in +[0-9a-f]{12} +ok\n$`).MatchString(stdout) {
		t.Errorf("list of a feature: exit code %d, printed\n%s%s", code, stdout, stderr)
	}

	code, lock, stderr := commands("digest", claps)
	if code != 0 || stderr != "" || !regexp.MustCompile(`^[0-9a-f]{64}  applause\n$`).MatchString(lock) {
		t.Errorf("digest: exit code %d, printed %q, %q", code, lock, stderr)
	}
	file := filepath.Join(t.TempDir(), "presence.lock")
	if err := os.WriteFile(file, []byte(lock), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PRESENCE_PLUGINS_LOCK", file)
	bulb := putIn(t, dir, "bulb", "lightbulb")
	code, stdout, stderr = commands("list", "--json", dir)
	if code != 1 || stderr != "presence: 1 file would not run\n" || !strings.Contains(stdout, `"state": "running"`) || !strings.Contains(stdout, file+" does not list it") {
		t.Errorf("list with a lock: exit code %d, printed\n%s%s", code, stdout, stderr)
	}
	t.Setenv("PRESENCE_PLUGINS_LOCK", "")
	code, stdout, stderr = commands("check", bulb)
	if code != 1 || stderr != "presence: "+bulb+" does not run here: 1 fault\n" || !strings.Contains(stdout, `BAD   name      presence itself has a feature "lightbulb"`) {
		t.Errorf("check of a name that is taken: exit code %d, printed\n%s%s", code, stdout, stderr)
	}
	code, stdout, stderr = commands("check", putIn(t, dir, "faulty", "Faulty"))
	if code != 1 || !strings.Contains(stdout, "\nBAD   manifest  manifest of \"Faulty\": name \"Faulty\": want lower-case letters") {
		t.Errorf("check of a faulty manifest: exit code %d, printed\n%s%s", code, stdout, stderr)
	}

	talks := filepath.Join(dir, "talks")
	if err := os.WriteFile(talks, []byte("#!/bin/sh\necho no database >&2\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr = commands("check", talks)
	if code != 1 || !strings.Contains(stdout, "BAD   starts    it does not start as a feature: process ended: exit status 3") || !strings.Contains(stderr, "no database") || strings.Contains(stderr, "time=") {
		t.Errorf("check of a program that says why it ends: exit code %d, printed\n%s%s", code, stdout, stderr)
	}

	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"list", filepath.Join(dir, "no")}, 2, "no: no such file or directory"},
		{[]string{"list", claps}, 2, claps + " is no folder; want the folder of the plugins"},
		{[]string{"check", dir}, 2, dir + " is a folder; want a file, or the command list"},
		{[]string{"check", filepath.Join(dir, "no")}, 2, "no: no such file or directory"},
		{[]string{"check", "--plugins-lock=/no", claps}, 2, `--plugins-lock (PRESENCE_PLUGINS_LOCK) is "/no"; want a file that exists`},
		{[]string{"check", "--plugins-lock=main.go", claps}, 1, "main.go: line 1: "},
		{[]string{"digest", filepath.Join(dir, "no")}, 1, "no: no such file or directory"},
	} {
		code, stdout, stderr := commands(tt.args...)
		if code != tt.code || stdout != "" || !strings.HasPrefix(stderr, "presence: ") || !strings.Contains(stderr, tt.want) {
			t.Errorf("plugins %v: exit code %d, printed %q, %q; want %d and %q", tt.args, code, stdout, stderr, tt.code, tt.want)
		}
	}
}

// The demo's flags: spaces are fine, and nothing is not the default.
func TestRun_Demo_WrongFlags(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want []string // a line each
	}{
		{[]string{"--regions= iad, lhr ", "--listen=x"}, []string{`--listen is "x"; want host:port`}},
		{[]string{"--regions="}, []string{"--regions is empty; want 2 to 6 codes"}},
		{[]string{"--regions=iad,,lhr"}, []string{`--regions has ""; want three lower-case letters`}},
		{[]string{"--listen="}, []string{"--listen is empty; want host:port"}},
		{[]string{"--regions=", "--listen="}, []string{"--regions is empty", "--listen is empty"}},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			code, stdout, stderr := runs(t, append([]string{"demo"}, tt.args...)...)
			got := lines(stderr)
			if code != 2 || stdout != "" || !slices.EqualFunc(got, tt.want, func(line, want string) bool { return strings.HasPrefix(line, "presence: "+want) }) {
				t.Errorf("exit code %d, printed %q, %q; want 2 and %q", code, stdout, got, tt.want)
			}
		})
	}
}

func TestRun_New(t *testing.T) {
	parent := t.TempDir()
	code, stdout, stderr := runs(t, "new", "shopping-list", "--dir", parent, "--sdk", ".")
	dir := filepath.Join(parent, "shopping-list")
	// The end that has come already keeps go mod tidy from running, which is told.
	for _, want := range []string{"wrote " + filepath.Join(dir, "shopping-list.go"), "wrote " + filepath.Join(dir, "testdata", "lines.html"), "go mod tidy", "    cd " + dir + "\n    go test ./...\n    presence dev .\n"} {
		if code != 0 || stderr != "" || !strings.Contains(stdout, want) {
			t.Errorf("exit code %d, printed %q, %q; want 0 and %q", code, stdout, stderr, want)
		}
	}
	for _, tt := range []struct {
		args []string
		want []string // a line each
	}{
		{[]string{"shopping-list", "--dir", parent}, []string{dir + " is there already"}},
		{[]string{"lightbulb", "--dir", parent}, []string{`name is "lightbulb"; want another one`}},
		{[]string{"../x", "--dir", parent + "/nowhere", "--sdk", parent}, []string{"--sdk is", `name is "../x"`, "--dir is"}},
	} {
		code, stdout, stderr := runs(t, append([]string{"new"}, tt.args...)...)
		got := lines(stderr)
		if code != 2 || stdout != "" || !slices.EqualFunc(got, tt.want, func(line, want string) bool { return strings.HasPrefix(line, "presence: "+want) }) {
			t.Errorf("new %q: exit code %d, printed %q, %q; want 2 and %q", tt.args, code, stdout, got, tt.want)
		}
	}
}

func TestRun_Dev_WrongFlags(t *testing.T) {
	empty := t.TempDir()
	for _, tt := range []struct {
		args []string
		want []string // a line each
	}{
		{[]string{empty}, []string{fmt.Sprintf("folder is %q; want one with *.go files", empty)}},
		{[]string{empty, "--run=node x.js", "--wasm", "--listen=x"}, []string{`--listen is "x"; want host:port`, `--run is "node x.js" and --wasm is set`}},
		{[]string{empty, "--run=node x.js", "--listen="}, []string{"--listen is empty; want host:port"}},
		{[]string{empty, "--run="}, []string{fmt.Sprintf("folder is %q; want one with *.go files", empty)}},
	} {
		code, stdout, stderr := runs(t, append([]string{"dev"}, tt.args...)...)
		got := lines(stderr)
		if code != 2 || stdout != "" || !slices.EqualFunc(got, tt.want, func(line, want string) bool { return strings.HasPrefix(line, "presence: "+want) }) {
			t.Errorf("dev %q: exit code %d, printed %q, %q; want 2 and %q", tt.args, code, stdout, got, tt.want)
		}
	}
}
