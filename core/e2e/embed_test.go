package e2e_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
)

// shop is another site, whose page says who looks at a product.
type shop struct {
	origin   string       // by the name localhost, which is another site than the servers' address
	presence atomic.Value // the origin of the script, a string
	tb       testing.TB
}

// shopStyle would ruin what it reached.
const shopStyle = `p, strong, section { display: none !important }`

func startShop(tb testing.TB) *shop {
	tb.Helper()
	s := &shop{tb: tb}
	server := httptest.NewServer(s)
	tb.Cleanup(server.Close)
	s.origin = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	return s
}

// ServeHTTP serves the page, which allows what it has to and no more.
func (s *shop) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	presence, _ := s.presence.Load().(string)
	sum := sha256.Sum256([]byte(shopStyle))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src data:; script-src "+presence+"; frame-src "+presence+
		"; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Product 42</title><link rel="icon" href="data:,"><style>%s</style>
<h1>Product 42</h1><script src="%s/embed.js" data-room="product-42" data-feature="viewers" data-title="Who looks at this" defer></script>`, shopStyle, presence)
}

// frame attaches to the page in the frame of another site.
func (t *tab) frame(path string) *tab {
	t.tb.Helper()
	f := &tab{tb: t.tb, heard: &heard{}}
	waitFor(t.tb, "the frame of another site", func() (string, bool) {
		all, err := chromedp.Targets(t.ctx)
		if err != nil {
			return err.Error(), false
		}
		var seen []string
		for _, info := range all {
			if seen = append(seen, info.Type+" "+info.URL); info.Type == "iframe" && strings.Contains(info.URL, path) {
				ctx, cancel := chromedp.NewContext(t.ctx, chromedp.WithTargetID(info.TargetID), chromedp.WithListener(f.heard.hear))
				t.tb.Cleanup(cancel)
				f.ctx = ctx
				if err := chromedp.Do(ctx); err != nil { // begins with the context that lasts
					return err.Error(), false
				}
				return "", true
			}
		}
		return strings.Join(seen, ", "), false
	})
	return f
}

// TestEmbed: who looks at a product is told on a page of another site, as it changes,
// and those who look there count.
func TestEmbed(t *testing.T) {
	t.Parallel()
	allowed, barred := startShop(t), startShop(t)
	s := startServer(t, "--embed-origins="+allowed.origin)
	allowed.presence.Store(s.url)
	barred.presence.Store(s.url)

	p := newPerson(t)
	ann := p.newTab()
	ann.visit(allowed.origin)
	frame := ann.frame("/embed/product-42/viewers")
	waitValue(frame, `document.documentElement.dataset.live`, "connected")
	waitValue(frame, `document.querySelector('#viewers-line').textContent.trim()`, "1 person from London is looking at this.")
	bob := newPerson(t).open(s.url + "/r/product-42")
	waitValue(frame, `document.querySelector('#viewers-line').textContent.trim()`, "2 people from London are looking at this.")
	bob.waitText("#regions-total", "2 people here, from 1 region.")

	// The page's style does not reach it, and it is as high as what it shows.
	if !eval[bool](frame, `document.querySelector('#viewers-line').checkVisibility()`) {
		t.Error("the page's style reaches into the frame")
	}
	waitValue(ann, `document.querySelector('iframe').offsetHeight === 64`, false)
	if got, want := eval[int](ann, `document.querySelector('iframe').offsetHeight`), eval[int](frame, `Math.ceil(document.body.offsetHeight)`); got != want {
		t.Errorf("the frame is %d pixels high, want %d", got, want)
	}
	if ids := eval[[]string](frame, `[...document.querySelectorAll('.feature')].map(e => e.id)`); len(ids) != 1 {
		t.Errorf("the frame holds %q, want one feature", ids)
	}
	// Somebody with two frames is one person.
	again := p.newTab()
	again.visit(allowed.origin)
	waitFor(t, "three sessions", func() (string, bool) {
		metrics := newVisitor(t, s.admin).get("/metrics").body
		return metrics, strings.Contains(metrics, "\npresence_sessions 3\n")
	})
	newPerson(t).open(s.url + "/r/product-42")
	waitValue(frame, `document.querySelector('#viewers-line').textContent.trim()`, "3 people from London are looking at this.")

	// A site that nobody allowed shows nothing.
	eve := newPerson(t).newTab()
	eve.visit(barred.origin)
	waitFor(t, "the browser to refuse the frame", func() (string, bool) {
		complaints := eve.heard.take()
		return fmt.Sprint(complaints), strings.Contains(fmt.Sprint(complaints), "frame-ancestors")
	})
}
