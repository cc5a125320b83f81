package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// publisher has events happen. It may be called from several goroutines at once.
type publisher interface {
	// publish returns when the server has taken the events of these numbers. What the
	// server cannot take now is tried again until ctx ends, without happening twice
	// where the server can tell.
	publish(ctx context.Context, numbers []int64) error

	// width says how many calls are worth making at once, and how many numbers one takes,
	// where so many events are to be on their way.
	width(inFlight int) (calls, each int)

	// check asks whether the server would take events, so far as it says so without one.
	check(ctx context.Context) error

	// refused is how many calls the server has put off so far, and what it said to the last.
	refused() (times int64, last string)
}

// poster posts JSON.
type poster struct {
	client   *http.Client
	url      string
	token    string
	patience time.Duration
	put      *putOff
}

// putOff counts what a server would not take for a while.
type putOff struct {
	mu    sync.Mutex
	times int64  // guarded by mu
	last  string // guarded by mu
}

func (p *putOff) add(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.times++
	p.last = why.Error()
}

func newPoster(cfg Config, url string) poster {
	return poster{
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}, Timeout: cfg.Patience},
		url:    url, token: cfg.Token, patience: cfg.Patience, put: &putOff{},
	}
}

func (p poster) refused() (times int64, last string) {
	p.put.mu.Lock()
	defer p.put.mu.Unlock()
	return p.put.times, p.put.last
}

// post posts a body until it is taken, for as long as its patience lasts.
func (p poster) post(ctx context.Context, body []byte) error {
	for began := time.Now(); ; {
		status, after, err := p.send(ctx, body)
		if status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
			return err
		}
		p.put.add(err)
		after = max(20*time.Millisecond, after)
		if time.Since(began)+after > p.patience {
			return fmt.Errorf("%w, and is to be asked again after %v, which is more than %v in all", err, after, p.patience)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(after):
		}
	}
}

// send posts a body. A status beyond 299 is an error too; after says when to try again, if
// the server did.
func (p poster) send(ctx context.Context, body []byte) (status int, after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	if p.token != "" {
		req.Header.Set("Authorization", "Bearer "+p.token)
	}
	res, err := p.client.Do(req)
	if err != nil {
		return 0, 0, fmt.Errorf("publish: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return 0, 0, fmt.Errorf("publish: %w", err)
	}
	if res.StatusCode >= 300 {
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After")) // without one, at once
		return res.StatusCode, time.Duration(seconds) * time.Second, fmt.Errorf("publish: %s answers %s: %.300s", p.url, res.Status, bytes.TrimSpace(answer))
	}
	return res.StatusCode, 0, nil
}

// presence publishes to a server of ours.
type presence struct {
	poster
	cfg Config
	run string // name of this run, which makes the events' ids
}

var _ publisher = presence{}

func newPresence(cfg Config, run string) presence {
	return presence{newPoster(cfg, ""), cfg, run}
}

// width: where each event is of another room, they have nothing to share a call with.
func (p presence) width(inFlight int) (calls, each int) {
	if p.cfg.Rooms > 1 {
		return min(16, inFlight), 1
	}
	return 2, max(1, min(1000, inFlight/2))
}

// address is where events of a room are sent.
func (p presence) address(room string) string {
	return web(p.cfg.URL, "/api/rooms/"+url.PathEscape(room)+"/events")
}

// check: a list of nothing is what is wrong with the request, if the token is not.
func (p presence) check(ctx context.Context) error {
	p.url = p.address(p.cfg.room(0))
	status, _, err := p.send(ctx, []byte(`{"events":[]}`))
	if status == http.StatusBadRequest {
		return nil
	}
	return err
}

// publish: the numbers are of one room, as width sees to.
func (p presence) publish(ctx context.Context, numbers []int64) error {
	p.url = p.address(p.cfg.room(int(numbers[0] - 1)))
	type event struct {
		Target string            `json:"target"`
		ID     string            `json:"id"`
		Fields map[string]string `json:"fields"`
	}
	by := map[string]string{"by": "1"}
	events := make([]event, len(numbers))
	for i, n := range numbers {
		events[i] = event{"counter#add", p.run + "-" + strconv.FormatInt(n, 10), by}
	}
	body, err := json.Marshal(map[string]any{"events": events})
	if err != nil {
		return err
	}
	return p.post(ctx, body)
}

// broadcast publishes to a server that is not ours.
type broadcast struct {
	poster
	marker       string
	body, stream string
	size         int
}

var _ publisher = broadcast{}

func newBroadcast(cfg Config, run string) broadcast {
	return broadcast{newPoster(cfg, cfg.Publish), run, cfg.Body, quote(cfg.Stream), cfg.Size}
}

// check: there is no request to broadcast that broadcasts nothing.
func (broadcast) check(context.Context) error { return nil }

// width: one message a call, so that what it costs to publish them is what it costs there.
func (b broadcast) width(inFlight int) (calls, each int) { return min(16, inFlight), 1 }

func (b broadcast) publish(ctx context.Context, numbers []int64) error {
	for _, n := range numbers {
		message := `{"` + b.marker + `":` + strconv.FormatInt(n, 10) + `,"pad":"`
		message += strings.Repeat("x", max(0, b.size-len(message)-len(`"}`))) + `"}`
		if err := b.post(ctx, []byte(strings.NewReplacer("{stream}", b.stream, "{data}", quote(message)).Replace(b.body))); err != nil {
			return err
		}
	}
	return nil
}
