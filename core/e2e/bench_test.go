package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// report reports the median and the 99th percentile of samples in milliseconds.
func report(b *testing.B, samples []float64) {
	slices.Sort(samples)
	b.ReportMetric(samples[len(samples)/2], "median-ms")
	b.ReportMetric(samples[len(samples)*99/100], "p99-ms")
	b.ReportMetric(float64(len(samples)), "samples")
}

// fewest is how many samples a benchmark takes at least.
const fewest = 200

// BenchmarkClick is the time from a click in one person's page to the change in
// another's, both on this machine: one op is one click. It is measured inside the
// browser, from the click's handler to the change of the DOM, so that the time of
// the DevTools protocol is left out. Clicks come at the rate that people may keep.
func BenchmarkClick(b *testing.B) {
	s := startServer(b)
	watching := newPerson(b).open(s.url)
	var clicking []*tab
	for range 4 {
		clicking = append(clicking, newPerson(b).open(s.url))
	}
	eval[bool](watching, `(window.seenAt = {}, new MutationObserver(() => {
		const n = document.querySelector('#counter-total').textContent
		seenAt[n] ??= performance.timeOrigin + performance.now()
	}).observe(document.querySelector('#counter'), { childList: true, characterData: true, subtree: true }), true)`)

	var samples []float64
	pace := time.NewTicker(110 * time.Millisecond / time.Duration(len(clicking))) // each may ten times a second
	defer pace.Stop()
	click := func() {
		<-pace.C
		n := len(samples) + 1
		clicked := eval[float64](clicking[n%len(clicking)], `(() => {
			const at = performance.timeOrigin + performance.now()
			document.querySelector(%s).click()
			return at
		})()`, js(addOne))
		// The page calls back when it has seen it.
		seen := eval[float64](watching, `new Promise((done, failed) => {
			const at = () => seenAt[%d]
			if (at()) return done(at())
			const o = new MutationObserver(() => { if (at()) { o.disconnect(); done(at()) } })
			o.observe(document.querySelector('#counter'), { childList: true, characterData: true, subtree: true })
			setTimeout(failed, 5000, new Error('the click was never seen'))
		})`, n)
		samples = append(samples, seen-clicked)
	}
	for b.Loop() {
		click()
	}
	for len(samples) < fewest {
		click()
	}
	report(b, samples)
}

// BenchmarkPage is the time of the page's document over a connection that is open
// already, with everything rendered before: one op is one page. The bytes are those
// of a browser's first view: document, styles, script and icon in br.
func BenchmarkPage(b *testing.B) {
	s := startServer(b)
	v := newVisitor(b, s.url)
	for range 8 {
		v.post("/rooms/home/counter/add", "by=1")
	}
	bytes := firstView(b, v)
	var samples []float64
	page := func() {
		began := time.Now()
		a := v.get("/", "Accept-Encoding", "br")
		samples = append(samples, float64(time.Since(began))/float64(time.Millisecond))
		if a.StatusCode != http.StatusOK {
			b.Fatal(a.Status)
		}
	}
	for b.Loop() {
		page()
	}
	for len(samples) < fewest {
		page()
	}
	report(b, samples)
	b.ReportMetric(float64(bytes), "first-view-B")
}

// BenchmarkReconnect is the time from the moment a page's connection breaks until
// the page shows what has happened since, and is live: one op is one break.
func BenchmarkReconnect(b *testing.B) {
	s := startServer(b)
	net := startProxy(b, s.address())
	a := newPerson(b).open(net.url)
	v := newVisitor(b, s.url)
	v.get("/")
	var samples []float64
	count := 0
	once := func() {
		sockets := a.heard.opened()
		net.cut()
		began := time.Now()
		v.post("/rooms/home/counter/add", "by=1")
		count++
		waitFor(b, "another socket", func() (string, bool) { return "", a.heard.opened() > sockets })
		a.waitText("#counter-total", fmt.Sprint(count))
		a.waitLive()
		samples = append(samples, float64(time.Since(began))/float64(time.Millisecond))
	}
	for b.Loop() {
		once()
	}
	for len(samples) < 20 {
		once()
	}
	report(b, samples)
}
