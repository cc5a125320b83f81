package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Person is somebody who has opened the page of a server of ours.
type Person struct {
	// Cookie is what their browser sends from then on.
	Cookie string

	// Revs are the revisions of what the page shows, by the ids of the elements.
	Revs map[string]string

	// Total is what the page shows as the counter of its room, 0 if it shows none.
	Total int64
}

// Meet opens the pages of cfg's rooms in turn, once for each of cfg.People, as browsers
// do: what Run does first unless Config.Met holds them. People who meet one server may
// then be let loose on another one of the same region and secret.
func Meet(ctx context.Context, cfg Config) ([]Person, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	return meet(ctx, cfg.withDefaults())
}

// meet is Meet for a Config that is whole.
func meet(ctx context.Context, cfg Config) ([]Person, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: cfg.Patience}
	defer client.CloseIdleConnections()
	people := make([]Person, cfg.People)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i := range people {
		g.Go(func() (err error) {
			people[i], err = visit(ctx, client, web(cfg.URL, "/r/"+url.PathEscape(cfg.room(i))))
			return err
		})
	}
	return people, g.Wait()
}

// visit returns somebody new who has opened a page.
func visit(ctx context.Context, client *http.Client, page string) (Person, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return Person{}, err
	}
	res, err := client.Do(req)
	if err != nil {
		return Person{}, fmt.Errorf("open the page: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxFrame)) // all of it, so that the connection is used again
	if err != nil {
		return Person{}, fmt.Errorf("open the page: %w", err)
	}
	var all []string
	for _, c := range res.Cookies() {
		all = append(all, c.Name+"="+c.Value)
	}
	if res.StatusCode != http.StatusOK || len(all) == 0 {
		return Person{}, fmt.Errorf("open the page %s: %s, with %d cookies; want 200 and one: is this a server of ours?", page, res.Status, len(all))
	}
	p := Person{Cookie: strings.Join(all, "; "), Revs: revisions(body)}
	if at := bytes.Index(body, []byte(`id="`+counterTotal+`"`)); at >= 0 {
		p.Total, _ = numbers{marker: []byte(counterTotal), total: true}.read(body[at:])
	}
	return p, nil
}

var (
	liveTag = regexp.MustCompile(`<[a-z][^<>]*\sdata-live-rev="[^<>]*>`)
	idOf    = regexp.MustCompile(`\sid="([^"]*)"`)
	revOf   = regexp.MustCompile(`\sdata-live-rev="([^"]*)"`)
)

// revisions returns what a page says of its live elements. In what our pages are made
// of, no attribute holds '<' or '>'.
func revisions(page []byte) map[string]string {
	revs := map[string]string{}
	for _, tag := range liveTag.FindAll(page, -1) {
		id, rev := idOf.FindSubmatch(tag), revOf.FindSubmatch(tag)
		if id != nil && rev != nil {
			revs[html.UnescapeString(string(id[1]))] = html.UnescapeString(string(rev[1]))
		}
	}
	return revs
}

// stale is a revision that nothing has.
const stale = "-"

// sync returns the data of the command by which a page of p's asks for what it lacks, as
// the binder sends it. The counter counts as missed: its answer is how the answer to
// all of it is recognised.
func (p Person) sync() string {
	revs := map[string]string{}
	maps.Copy(revs, p.Revs)
	revs[counterTotal] = stale
	b, _ := json.Marshal(map[string]any{"action": "sync", "tabId": "bench", "frags": revs}) // of texts: it cannot fail
	return string(b)
}
