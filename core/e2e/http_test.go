package e2e_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
)

var asset = regexp.MustCompile(`(?:href|src)="(/assets/[^"]+)"`)

// assets returns the addresses of the files that a page loads.
func (a answer) assets() []string {
	var found []string
	for _, m := range asset.FindAllStringSubmatch(a.body, -1) {
		found = append(found, m[1])
	}
	return found
}

// decode returns the body as it was before it was compressed.
func (a answer) decode(tb testing.TB) string {
	tb.Helper()
	var r io.Reader = strings.NewReader(a.body)
	switch a.Header.Get("Content-Encoding") {
	case "br":
		r = brotli.NewReader(r)
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			tb.Fatal(err)
		}
		r = z
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// wantHeaders reports headers that differ; "" wants none.
func (a answer) wantHeaders(tb testing.TB, want map[string]string) {
	tb.Helper()
	for name, value := range want {
		if got := a.Header.Get(name); got != value {
			tb.Errorf("%s %s: %s is %q, want %q", a.Request.Method, a.Request.URL.Path, name, got, value)
		}
	}
}

// secure are the headers of every document.
func secure(host string) map[string]string {
	return map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ws://" + host +
			" wss://" + host + "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":     "nosniff",
		"Referrer-Policy":            "same-origin",
		"Cross-Origin-Opener-Policy": "same-origin",
		"Content-Type":               "text/html; charset=utf-8",
		"Cache-Control":              "no-cache, private",
	}
}

func TestHTTP_documents(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	v := newVisitor(t, s.url)
	headers := secure(s.address())

	page := v.get("/")
	page.wantStatus(t, http.StatusOK)
	page.wantHeaders(t, headers)
	if regexp.MustCompile(`(?i)<style|\sstyle=|<script>|\son[a-z]+=|javascript:`).MatchString(page.body) {
		t.Error("page has inline style or script")
	}
	cookie := page.Header.Get("Set-Cookie")
	for _, part := range []string{"presence=", "HttpOnly", "SameSite=Lax", "path=/", "max-age=31536000"} {
		if !strings.Contains(strings.ToLower(cookie), strings.ToLower(part)) {
			t.Errorf("cookie %q lacks %s", cookie, part)
		}
	}

	t.Run("compressed", func(t *testing.T) {
		for _, encoding := range []string{"br", "gzip"} {
			a := v.get("/", "Accept-Encoding", encoding)
			a.wantStatus(t, http.StatusOK)
			a.wantHeaders(t, map[string]string{"Content-Encoding": encoding})
			if got := a.decode(t); !strings.Contains(got, "Global Presence") || len(got) < 2*len(a.body) {
				t.Errorf("%s: %d bytes for %d", encoding, len(a.body), len(got))
			}
			if !strings.Contains(a.Header.Get("Vary"), "Accept-Encoding") {
				t.Errorf("%s: Vary is %q, want Accept-Encoding in it", encoding, a.Header.Get("Vary"))
			}
		}
	})
	t.Run("HEAD", func(t *testing.T) {
		a := v.ask(http.MethodHead, "/", "")
		a.wantStatus(t, http.StatusOK)
		a.wantHeaders(t, headers)
		if a.body != "" || a.ContentLength < 1000 {
			t.Errorf("%d bytes, Content-Length %d; want none of the page and its length", len(a.body), a.ContentLength)
		}
	})
	t.Run("404", func(t *testing.T) {
		for _, path := range []string{"/nowhere", "/assets/nowhere.js", "/r/a/b", "/index.html", "/assets/../main.go"} {
			a := v.get(path)
			a.wantStatus(t, http.StatusNotFound)
			a.wantText(t, "There is nothing at this address.")
			a.wantHeaders(t, map[string]string{"Content-Type": "text/html; charset=utf-8"})
		}
		v.get("/nowhere").wantHeaders(t, headers)
		if a := v.get("/nowhere", "Accept", "image/png"); strings.Contains(a.body, "<html") {
			t.Error("an image that is missing is answered by a page")
		}
	})
	t.Run("405", func(t *testing.T) {
		for method, path := range map[string]string{
			http.MethodPost: "/", http.MethodPut: "/r/kitchen", http.MethodGet: "/rooms/home/counter/add", http.MethodDelete: "/rooms/home/counter/add",
		} {
			a := v.ask(method, path, "")
			a.wantStatus(t, http.StatusMethodNotAllowed)
			a.wantText(t, "This address does not take that kind of request.")
			if a.Header.Get("Allow") == "" {
				t.Errorf("%s %s: no Allow", method, path)
			}
		}
	})
	t.Run("large", func(t *testing.T) {
		a, err := v.try(http.MethodGet, "/", "", "X-Large", strings.Repeat("x", 64<<10))
		if err == nil && a.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("64 kB of headers: %s, want 431 or a closed connection", a.Status)
		}
		a, err = v.try(http.MethodPost, "/rooms/home/counter/add", "by=1&x="+strings.Repeat("x", 256<<10), "Content-Type", "application/x-www-form-urlencoded")
		if err == nil && a.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("256 kB of form: %s, want 413 or a closed connection", a.Status)
		}
		v.get("/").wantStatus(t, http.StatusOK) // and all is well
	})
}

func TestHTTP_assets(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	v := newVisitor(t, s.url)
	found := v.get("/").assets()
	if len(found) != 6 {
		t.Fatalf("page loads %q, want three styles, two scripts and an icon", found)
	}
	script := 0
	for _, path := range found {
		plain := v.get(path)
		plain.wantStatus(t, http.StatusOK)
		plain.wantHeaders(t, map[string]string{
			"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff", "Content-Encoding": "", "Set-Cookie": "",
		})
		for _, encoding := range []string{"br", "gzip"} {
			a := v.get(path, "Accept-Encoding", encoding+", identity;q=0.5")
			if a.decode(t) != plain.body {
				t.Errorf("%s in %s is not the file", path, encoding)
			}
			if len(plain.body) > 1000 && a.Header.Get("Content-Encoding") != encoding {
				t.Errorf("%s is not sent in %s", path, encoding)
			}
			if encoding == "gzip" && strings.HasSuffix(path, ".js") {
				script = len(a.body)
			}
		}
		tag := plain.Header.Get("ETag")
		var sent []string
		for _, held := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			if a := v.get(path, "If-None-Match", held); a.StatusCode != http.StatusNotModified || a.body != "" {
				sent = append(sent, held)
			}
		}
		if len(sent) > 0 {
			t.Errorf("%s is sent again for If-None-Match: %s", path, strings.Join(sent, " or "))
		}
		v.get(path, "If-None-Match", `"other"`).wantStatus(t, http.StatusOK)
		if a := v.ask(http.MethodHead, path, ""); a.StatusCode != http.StatusOK || a.ContentLength != int64(len(plain.body)) {
			t.Errorf("HEAD %s: %s, %d bytes; want 200, %d", path, a.Status, a.ContentLength, len(plain.body))
		}
	}
	if script == 0 || script > 15_000 {
		t.Errorf("script has %d bytes in gzip, want at most 15 kB", script)
	}
	if n := firstView(t, v); n > 60_000 {
		t.Errorf("first view has %d bytes, want at most 60 kB", n)
	}
}

// firstView returns how many bytes a browser loads for its first page.
func firstView(tb testing.TB, v *visitor) int {
	page := v.get("/", "Accept-Encoding", "br")
	n := len(page.body)
	for _, path := range (answer{body: page.decode(tb)}).assets() {
		n += len(v.get(path, "Accept-Encoding", "br").body)
	}
	return n
}

func TestHTTP_rooms(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	v := newVisitor(t, s.url)
	for _, name := range []string{"kitchen", "Küche", "台所", "a/b", "100%", "a b", "?#", "...", "<b>", "👍🏽", strings.Repeat("x", 64), "r", `"quoted"`} {
		path := "/r/" + url.PathEscape(name)
		a := v.get(path)
		a.wantStatus(t, http.StatusOK)
		shown := regexp.MustCompile(`<dt>Room</dt>\s*<dd>([^<]*)</dd>`).FindStringSubmatch(a.body)
		plain := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#34;", `"`, "&amp;", "&")
		if shown == nil || plain.Replace(shown[1]) != name {
			t.Errorf("room %q is shown as %q", name, shown)
		}
		a = v.get("/r?room=" + url.QueryEscape(" "+name+" "))
		a.wantStatus(t, http.StatusSeeOther)
		if to, err := url.PathUnescape(a.Header.Get("Location")); err != nil || to != "/r/"+name {
			t.Errorf("room %q opens %q", name, a.Header.Get("Location"))
		}
		v.get(a.Header.Get("Location")).wantStatus(t, http.StatusOK)
	}
	for _, name := range []string{".", "..", "a\nb", "\x00", "a\u202eb", " ", "\xff", strings.Repeat("x", 1000), strings.Repeat("ü", 200)} {
		a := v.get("/r/" + strings.ReplaceAll(url.PathEscape(name), ".", "%2E"))
		a.wantStatus(t, http.StatusNotFound)
		a.wantText(t, "No room can have that name.")
		a = v.get("/r?room=" + url.QueryEscape(name))
		a.wantStatus(t, http.StatusUnprocessableEntity)
		a.wantText(t, "No room can have that name.")
	}
	v.get("/r/%25zz").wantStatus(t, http.StatusOK) // the name is "%zz"
	v.get("/r?room=").wantStatus(t, http.StatusUnprocessableEntity)
	if a := v.get("/r?room=home"); a.Header.Get("Location") != "/" {
		t.Errorf("room home opens %q, want /", a.Header.Get("Location"))
	}
}

func TestHTTP_admin(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	v := newVisitor(t, s.url)
	v.get("/")
	v.post("/rooms/home/counter/add", "by=1")
	v.post("/rooms/home/counter/add", "by=7")

	admin := newVisitor(t, s.admin)
	a := admin.get("/healthz")
	a.wantStatus(t, http.StatusOK)
	a = admin.get("/readyz")
	a.wantStatus(t, http.StatusOK)
	admin.get("/debug/pprof/").wantStatus(t, http.StatusOK)
	v.get("/metrics").wantStatus(t, http.StatusNotFound)
	v.get("/debug/pprof/").wantStatus(t, http.StatusNotFound)

	a = admin.get("/metrics")
	a.wantStatus(t, http.StatusOK)
	for _, line := range []string{
		"presence_sessions 0",
		`presence_events_total{feature="counter",outcome="ok"} 1`,
		`presence_events_total{feature="counter",outcome="invalid"} 1`,
		`presence_engine_appends_total{result="taken"} `,
		`presence_render_seconds_count{feature="counter"} `,
		"presence_deliveries_total ",
		"presence_outbox_overflows_total 0",
		`presence_plugin_restarts_total{feature="counter"} 0`,
		`presence_plugin_up{feature="counter"} 1`,
		`presence_http_seconds_count{route="/",status="200"} 1`,
	} {
		if !strings.Contains(a.body, "\n"+line) {
			t.Errorf("/metrics lacks %q", line)
		}
	}
}
