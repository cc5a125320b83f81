package e2e_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// visitor is somebody with an HTTP client instead of a browser. It keeps cookies
// and follows no redirect.
type visitor struct {
	tb      testing.TB
	client  *http.Client
	url     string
	address string // where it comes from, for a server with --address-header=X-Address; or ""
}

// answer is an HTTP response that was read whole.
type answer struct {
	*http.Response
	body string
}

// newVisitor returns a visitor of a page that has no cookie yet.
func newVisitor(tb testing.TB, address string) *visitor {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	tb.Cleanup(transport.CloseIdleConnections)
	return &visitor{tb: tb, url: address, client: &http.Client{
		Jar: jar, Transport: transport, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// ask sends a request with headers given as name, value, name, value, ….
func (v *visitor) ask(method, path, body string, headers ...string) answer {
	v.tb.Helper()
	a, err := v.try(method, path, body, headers...)
	if err != nil {
		v.tb.Fatal(err)
	}
	return a
}

func (v *visitor) try(method, path, body string, headers ...string) (answer, error) {
	req, err := http.NewRequestWithContext(v.tb.Context(), method, v.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if v.address != "" {
		req.Header.Set("X-Address", v.address)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := v.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp, string(b)}, err
}

func (v *visitor) get(path string, headers ...string) answer {
	v.tb.Helper()
	return v.ask(http.MethodGet, path, "", headers...)
}

// post sends a form as a page without script does.
func (v *visitor) post(path, form string, headers ...string) answer {
	v.tb.Helper()
	return v.ask(http.MethodPost, path, form, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

// cookie returns the value of the cookie that tells people apart.
func (v *visitor) cookie() string {
	u, err := url.Parse(v.url)
	if err != nil {
		v.tb.Fatal(err)
	}
	for _, c := range v.client.Jar.Cookies(u) {
		if c.Name == "presence" {
			return c.Value
		}
	}
	return ""
}

var total = regexp.MustCompile(`<output [^>]*\bid="counter-total"[^>]*>([^<]*)</output>`)

// count returns the number of the counter that a page shows.
func (a answer) count() string {
	m := total.FindStringSubmatch(a.body)
	if m == nil {
		return "no counter"
	}
	return m[1]
}

// wantStatus reports another status than want.
func (a answer) wantStatus(tb testing.TB, want int) {
	tb.Helper()
	if a.StatusCode != want {
		tb.Errorf("%s %s: %s, want %d", a.Request.Method, a.Request.URL.Path, a.Status, want)
	}
}

// wantText reports that the answer lacks a part.
func (a answer) wantText(tb testing.TB, part string) {
	tb.Helper()
	if !strings.Contains(a.body, part) {
		tb.Errorf("%s %s: %q is missing in\n%s", a.Request.Method, a.Request.URL.Path, part, a.body)
	}
}
