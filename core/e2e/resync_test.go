package e2e_test

import (
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

// shown is what a page shows: the revision of each live element, by its id.
type shown map[string]string

// showing returns what a page shows that has this HTML.
func showing(page string) shown {
	s := shown{}
	for z := html.NewTokenizer(strings.NewReader(page)); z.Next() != html.ErrorToken; {
		attributes := map[string]string{}
		for _, a := range z.Token().Attr {
			attributes[a.Key] = a.Val
		}
		if id, rev := attributes["id"], attributes["data-live-rev"]; id != "" && rev != "" {
			s[id] = rev
		}
	}
	return s
}

// apply does operations to the page, and returns the ids of what they bring.
func (s shown) apply(ops []operation) (brought []string) {
	for _, op := range ops {
		news := showing(op.HTML)
		if rev, is := op.Value.(string); is && op.Name == "data-live-rev" {
			news[strings.TrimPrefix(op.Selector, "#")] = rev
		}
		maps.Copy(s, news)
		brought = slices.AppendSeq(brought, maps.Keys(news))
	}
	return brought
}

// still returns of what a page shows that which changes only when somebody acts, and not
// with who is there.
func (s shown) still() shown {
	kept := maps.Clone(s)
	maps.DeleteFunc(kept, func(id, _ string) bool {
		feature, _, _ := strings.Cut(id, "-")
		return !slices.Contains([]string{"counter", "lightbulb", "board", "reactions", "hello", "identity"}, feature)
	})
	return kept
}

// resync tells the server what the page shows, and returns the operations that come until
// the answer is whole. That goes through the features in the order of the page: it is
// told of the last one's note that it is wrong, and ends with that note.
func (l *listener) resync(page shown) []operation {
	l.tb.Helper()
	const last = "page_rest-cursors"
	if page[last] == "" {
		l.tb.Fatalf("the page has no %s", last)
	}
	page = maps.Clone(page)
	page[last] = "wrong"
	from := len(l.heard())
	if err := l.command("message", map[string]any{"action": "sync", "tabId": "t", "frags": page}); err != nil {
		l.tb.Fatal(err)
	}
	var answer []operation
	waitFor(l.tb, "the answer to a sync", func() (string, bool) {
		l.stillThere()
		answer = l.heard()[from:]
		end := slices.IndexFunc(answer, func(op operation) bool { return op.Selector == "#"+last })
		return "", end >= 0
	})
	return answer
}

// TestResync: a page that was away is told of each thing that changed meanwhile, whatever
// it missed and for how long, and of nothing that it shows already. It knows by that that
// it has missed nothing, for what it is compared by is what it shows: there is no history
// that may have ended before, and a server that was restarted, and has forgotten who was
// told what, answers the same.
//
// Others send again what they remember, and their pages cannot tell whether that was all
// (centrifugal/centrifugo#165).
func TestResync(t *testing.T) {
	t.Parallel()
	file := "--data=" + filepath.Join(t.TempDir(), "state")
	listenAt := "--listen=" + freeAddress(t)
	s := startServer(t, file, listenAt)
	ann, bob := newVisitor(t, s.url), newVisitor(t, s.url)
	bob.get("/").wantStatus(t, http.StatusOK)
	page := showing(ann.get("/").body)
	if len(page.still()) < 5 {
		t.Fatalf("the page shows %v", page)
	}

	// come has the page connect, and returns what it was told of that changes only when
	// somebody acts.
	come := func() (l *listener, told []string) {
		t.Helper()
		l = listen(t, ann, "home")
		before := page.still()
		for _, id := range page.apply(l.resync(page)) {
			if before[id] == "" {
				continue
			}
			if told = append(told, id); before[id] == page[id] {
				t.Errorf("the page is sent %s, which it shows", id)
			}
		}
		slices.Sort(told)
		return l, told
	}
	right := func(when string) {
		t.Helper()
		if d := cmp.Diff(showing(ann.get("/").body).still(), page.still()); d != "" {
			t.Errorf("%s the page shows something else than is true (-true +shown):\n%s", when, d)
		}
	}

	first, told := come()
	if len(told) > 0 {
		t.Errorf("a page that is right is told of %v", told)
	}
	first.leave()
	for range 7 {
		bob.post("/rooms/home/counter/add", "by=1").wantStatus(t, http.StatusSeeOther)
	}
	bob.post("/rooms/home/lightbulb/set", "on=true").wantStatus(t, http.StatusSeeOther)
	for range 2 {
		bob.post("/rooms/home/hello/say", "").wantStatus(t, http.StatusSeeOther)
	}
	changed := func() (ids []string) {
		for id, rev := range showing(ann.get("/").body).still() {
			if page[id] != rev {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		return ids
	}
	want := changed()
	if !slices.Contains(want, "counter-total") || len(want) < 3 {
		t.Fatalf("%v changed, want the counter, the light and the greetings among it", want)
	}
	second, told := come()
	if d := cmp.Diff(want, told); d != "" {
		t.Errorf("after seven clicks, a switch and two greetings the page is told (-changed +told):\n%s", d)
	}
	right("after a cut")

	// A server that was never asked anything by this page.
	began := time.Now()
	s.worries = append(s.worries, "reason=write_error")
	s.stop()
	second.leave()
	startServer(t, file, listenAt)
	t.Logf("the server was away for %v", time.Since(began).Round(time.Millisecond))
	bob.post("/rooms/home/counter/add", "by=-1").wantStatus(t, http.StatusSeeOther)
	if d := cmp.Diff([]string{"counter-total"}, changed()); d != "" {
		t.Fatalf("what changed (-want +got):\n%s", d)
	}
	third, told := come()
	if d := cmp.Diff([]string{"counter-total"}, told); d != "" {
		t.Errorf("after a restart and a click the page is told (-changed +told):\n%s", d)
	}
	right("after a restart")
	third.leave()
	if _, told := come(); len(told) > 0 {
		t.Errorf("a page that missed nothing is told of %v", told)
	}
}
