package demo_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/global-presence/presence/core/region"
)

// find returns the nodes of a document that have a tag, in order.
func find(tb testing.TB, body, tag string) []map[string]string {
	tb.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	var all []map[string]string
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == tag {
			attributes := map[string]string{}
			for _, a := range n.Attr {
				attributes[a.Key] = a.Val
			}
			all = append(all, attributes)
		}
	}
	return all
}

// port returns the port of an address such as "http://127.0.0.1:41234".
func port(tb testing.TB, address string) string {
	tb.Helper()
	u, err := url.Parse(address)
	if err != nil {
		tb.Fatal(err)
	}
	return u.Port()
}

// The regions are shown under the name by which the person came, since cookies and
// policies go by names.
func TestDemo_Frames(t *testing.T) {
	d := startDemo(t, config(t))
	own := port(t, d.url)
	for _, host := range []string{"127.0.0.1", "localhost", "192.0.2.7", "my-laptop.local"} {
		res := d.get(d.url, "Host: "+host+":"+own)
		var policy []string
		frames := find(t, res.body, "iframe")
		if len(frames) != 3 {
			t.Fatalf("%s: there are %d frames, want 3", host, len(frames))
		}
		for i, site := range []string{"iad", "lhr", "syd"} {
			origin := "http://" + host + ":" + port(t, d.regions[site])
			policy = append(policy, origin)
			if got := frames[i]["src"]; got != origin+"/" {
				t.Errorf("%s: frame %d is %s, want %s/", host, i, got, origin)
			}
			framed := d.get(d.regions[site], "Host: "+strings.TrimPrefix(origin, "http://")).Header.Get("Content-Security-Policy")
			if want := "; frame-ancestors " + host + ":" + own; !strings.HasSuffix(framed, want) {
				t.Errorf("%s: the policy of %s is %q, want it to end with %q", host, site, framed, want)
			}
		}
		want := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src " +
			strings.Join(policy, " ") + "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
		if got := res.Header.Get("Content-Security-Policy"); got != want {
			t.Errorf("%s: the policy is\n%s, want\n%s", host, got, want)
		}
	}

	// A policy cannot name such a host.
	res := d.get(d.url, "Host: [::1]:"+own)
	if frames := find(t, res.body, "iframe"); len(frames) != 0 || !strings.Contains(res.body, "by a name, such as localhost") {
		t.Errorf("at an IPv6 address there are %d frames; want none and a word about it", len(frames))
	}
	if got := res.Header.Get("Content-Security-Policy"); !strings.Contains(got, "frame-src 'none'") {
		t.Errorf("at an IPv6 address the policy is %q", got)
	}
	if res := d.get(d.url, "Host: evil.example;script-src"); res.StatusCode != http.StatusBadRequest || strings.Contains(res.body, "evil") {
		t.Errorf("a host that is none: %s, %q", res.Status, res.body)
	}
}

// Somebody new is one person in all regions at once.
func TestDemo_Cookie(t *testing.T) {
	d := startDemo(t, config(t))
	cookie := func(address string, headers ...string) string {
		t.Helper()
		all := d.get(address, headers...).Cookies()
		if len(all) != 1 || all[0].Name != "presence" || !all[0].HttpOnly || all[0].SameSite != http.SameSiteLaxMode {
			t.Fatalf("%s sets %v", address, all)
		}
		return all[0].Value
	}
	first := cookie(d.url) // the client keeps it
	for site, address := range d.regions {
		if got := cookie(address); got != first {
			t.Errorf("%s takes %s for %s", site, first, got)
		}
	}
	if got := cookie(d.url); got != first {
		t.Errorf("the page takes %s for %s", first, got)
	}
	const earlier = "presence=aaaaaaaaaaaaaaaa.of-another-start"
	if got := cookie(d.url, "Cookie: "+earlier); got != first { // the client sends its own as well
		t.Errorf("beside a cookie of an earlier start, %s became %s", first, got)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Cookie", earlier)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if all := resp.Cookies(); len(all) != 1 || all[0].Value == first || len(all[0].Value) != len(first) {
		t.Errorf("a cookie of an earlier start became %v", all)
	}
}

// Of many regions the picture on a phone has room for the codes alone.
func TestDemo_Page_many(t *testing.T) {
	for regions, many := range map[string]bool{"iad,lhr": false, "iad,lhr,syd,gru,nrt": true} {
		cfg := config(t)
		cfg.Regions = nil
		for code := range strings.SplitSeq(regions, ",") {
			cfg.Regions = append(cfg.Regions, region.Code(code))
		}
		d := startDemo(t, cfg)
		body := d.get(d.url).body
		if got := find(t, body, "body")[0]["class"] == "many"; got != many {
			t.Errorf("%s: the page is for many: %v, want %v", regions, got, many)
		}
		var codes []string
		for _, a := range find(t, body, "a") {
			if code := a["data-code"]; code != "" {
				codes = append(codes, code)
			}
		}
		if got := strings.Join(codes, ","); got != regions {
			t.Errorf("the picture's codes are %s, want %s", got, regions)
		}
	}
}

func TestDemo_Control(t *testing.T) {
	d := startDemo(t, config(t))
	for _, tt := range []struct {
		name, path, form string
		headers          []string
		status           int
	}{
		{"Script", "/cut", "region=syd", []string{"Accept: application/json", "Sec-Fetch-Site: same-origin"}, http.StatusNoContent},
		{"Again", "/cut", "region=syd", []string{"Accept: application/json"}, http.StatusNoContent},
		{"Form", "/heal", "region=syd", []string{"Accept: text/html,*/*", "Origin: " + d.url}, http.StatusSeeOther},
		{"HealAgain", "/heal", "region=syd", nil, http.StatusNoContent},
		{"UnknownRegion", "/cut", "region=xyz", nil, http.StatusUnprocessableEntity},
		{"NoRegion", "/cut", "", nil, http.StatusUnprocessableEntity},
		{"Huge", "/cut", "region=" + strings.Repeat("syd", 1000), nil, http.StatusUnprocessableEntity},
		{"OtherSite", "/cut", "region=syd", []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, http.StatusForbidden},
		{"Frame", "/cut", "region=syd", []string{"Sec-Fetch-Site: same-site", "Origin: " + d.regions["iad"]}, http.StatusForbidden},
		{"OldBrowser", "/cut", "region=syd", []string{"Origin: https://evil.example"}, http.StatusForbidden},
		{"NoSuchPath", "/kill", "region=syd", nil, http.StatusNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := d.ask(http.MethodPost, d.url+tt.path, tt.form, tt.headers...)
			if res.StatusCode != tt.status {
				t.Errorf("POST %s = %s, want %d", tt.path, res.Status, tt.status)
			}
			if tt.status == http.StatusSeeOther && res.Header.Get("Location") != "/#region-syd" {
				t.Errorf("leads to %q", res.Header.Get("Location"))
			}
			cut := tt.name == "Script" || tt.name == "Again"
			if got := d.status().Regions[2].Cut; got != cut {
				t.Errorf("Sydney is cut off: %v, want %v", got, cut)
			}
		})
	}
	if res := d.get(d.url + "/cut"); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET /cut = %s, want 405", res.Status)
	}
}

// The page is whole without script: it says what is so, and its forms do the rest.
func TestDemo_Page(t *testing.T) {
	d := startDemo(t, config(t))
	d.ask(http.MethodPost, d.url+"/cut", "region=lhr")
	res := d.get(d.url)
	for _, want := range []string{
		"<title>Three regions · Global Presence</title>", "London is cut off.", "Cut Ashburn off", "Let London rejoin", "Cut Sydney off",
		"Switch the light in Ashburn:", "Sydney sees it 101 ms later.", "Cut off: it goes on by itself.", "nothing from London", ">101 ms<", ">cut<",
	} {
		if !strings.Contains(res.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	var actions []string
	for _, f := range find(t, res.body, "form") {
		actions = append(actions, f["action"])
	}
	if got := strings.Join(actions, " "); got != "/cut /heal /cut" {
		t.Errorf("the forms lead to %s, want /cut /heal /cut", got)
	}
	if strings.Contains(res.body, " style=") || strings.Contains(res.body, "<style") {
		t.Error("the page has style that its policy forbids")
	}

	for tag, attribute := range map[string]string{"link": "href", "script": "src"} {
		for _, n := range find(t, res.body, tag) {
			file := d.get(d.url + n[attribute])
			if file.StatusCode != http.StatusOK || !strings.Contains(file.Header.Get("Cache-Control"), "immutable") || len(file.body) < 200 {
				t.Errorf("GET %s = %s with %d bytes, %q", n[attribute], file.Status, len(file.body), file.Header.Get("Cache-Control"))
			}
		}
	}
	for _, path := range []string{"/assets/nothing.css", "/nothing", "/assets/"} {
		if res := d.get(d.url + path); res.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s = %s, want 404", path, res.Status)
		}
	}
}
