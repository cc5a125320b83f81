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
}

// poster posts JSON.
type poster struct {
	client *http.Client
	url    string
	token  string
}

func newPoster(cfg Config, url string) poster {
	return poster{
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}, Timeout: cfg.Patience},
		url:    url, token: cfg.Token,
	}
}

// post posts a body until it is taken.
func (p poster) post(ctx context.Context, body []byte) error {
	for {
		wait, err := p.try(ctx, body)
		if err != nil || wait == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// try posts a body. It returns how long to wait before it is worth another try, 0 if it was taken.
func (p poster) try(ctx context.Context, body []byte) (wait time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	if p.token != "" {
		req.Header.Set("Authorization", "Bearer "+p.token)
	}
	res, err := p.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("publish: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	switch {
	case err != nil:
		return 0, fmt.Errorf("publish: %w", err)
	case res.StatusCode < 300:
		return 0, nil
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusServiceUnavailable:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After")) // without one, at once
		return max(time.Duration(seconds)*time.Second, 20*time.Millisecond), nil
	default:
		return 0, fmt.Errorf("publish: %s answers %s: %.300s", p.url, res.Status, bytes.TrimSpace(answer))
	}
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

// publish: the numbers are of one room, as width sees to.
func (p presence) publish(ctx context.Context, numbers []int64) error {
	p.url = web(p.cfg.URL, "/api/rooms/"+url.PathEscape(p.cfg.room(int(numbers[0]-1)))+"/events")
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
