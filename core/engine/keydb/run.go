package keydb

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/global-presence/presence/core/engine"
)

// Run keeps the wake-ups, hears signals, tries servers that are away, and removes the members of
// dead binaries, until ctx ends or Close is called.
func (s *Store) Run(ctx context.Context, woken func(site string), signalled func(site string, payload []byte)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer s.ending.Do(func() { close(s.ended) })
	var wg sync.WaitGroup
	for _, server := range s.servers() {
		wg.Go(func() { server.keep(ctx) })
	}
	s.pages.wakes(woken)
	defer s.pages.wakes(nil)
	wg.Go(func() { s.sweep(ctx) })
	wg.Go(func() { s.keepSites(ctx, woken) })
	wg.Go(func() { s.hearSignals(ctx, signalled) })
	wg.Go(func() {
		channel := s.keyspace(logPrefix)
		s.subscribe(ctx, subscription{
			patterns: []string{glob(channel) + "*"},
			classes:  "Kt",
			refused: func(ctx context.Context, why string) {
				s.read.log.LogAttrs(ctx, slog.LevelWarn, "the store's server refuses a subscription: changes of other regions may be seen a second late",
					slog.String("err", why))
			},
			started: func(context.Context) error {
				s.sites.doubt()
				woken("")
				return nil
			},
			message: func(_ context.Context, m *redis.Message) error {
				name, ok := strings.CutPrefix(m.Channel, channel)
				if ok && engine.CheckSite(name) == nil {
					s.metrics.wake()
					s.notify.heard()
					s.sites.add(name)
					woken(name)
				}
				return nil
			},
			lost: s.notify.lost,
		})
	})
	select {
	case <-ctx.Done():
	case <-s.closed:
		cancel()
	}
	wg.Wait()
	return nil
}

// keyspace returns the channel of the notifications of a key, or what the channels
// of keys that begin so begin with.
func (s *Store) keyspace(key string) string {
	return "__keyspace@" + itoa(s.read.client.Options().DB) + "__:" + key
}

// subscription is what a subscriber wants of the read server.
type subscription struct {
	patterns []string // of channels
	classes  string   // of notifications, as notify-keyspace-events names them

	// started is called when the subscription stands, again after each time it was
	// lost; message with what comes; idle each second or so; lost when it ended. An
	// error ends the subscription, which then begins anew. refused logs that the server
	// refuses it or what those ask of the server.
	started func(ctx context.Context) error
	message func(ctx context.Context, m *redis.Message) error
	idle    func(ctx context.Context) error
	lost    func()
	refused func(ctx context.Context, why string)
}

const (
	// pingAfter is after how much silence a subscriber asks whether the server is
	// still there.
	pingAfter = 3 * time.Second

	// recheck is how often a subscriber looks whether the server still notifies:
	// another program may have set it otherwise.
	recheck = 10 * time.Second

	// steady is how long a subscription has to have stood before the next one that
	// breaks is told of anew, and tried again at once.
	steady = 5 * time.Second
)

// subscribe keeps a subscription until ctx ends.
func (s *Store) subscribe(ctx context.Context, sub subscription) {
	s.notify.want(sub.classes)
	pause, told := s.cfg.Retry, ""
	for ctx.Err() == nil {
		wait := pause
		if s.read.ready(ctx) == nil {
			began, err := s.listen(ctx, sub)
			if sub.lost != nil {
				sub.lost()
			}
			if !began.IsZero() && time.Since(began) > steady {
				pause, told = s.cfg.Retry, ""
			}
			switch {
			case ctx.Err() != nil:
			case !answered(err):
				s.read.judge(ctx, err) //nolint:errcheck // it is told to those who call
			case told != reason(err): // the server is there and will not have it
				told = reason(err)
				sub.refused(ctx, told)
			}
			wait, pause = pause, min(2*pause, s.cfg.RetryMax)
		} else if due, down := s.read.due(); down {
			wait = due
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// errSilent is why a subscription is given up.
var errSilent = errors.New("it does not answer its subscriber")

// listen holds one subscription until it breaks. It returns since when it stood, zero
// if it never did, and why it does no more.
func (s *Store) listen(ctx context.Context, sub subscription) (began time.Time, err error) {
	if sub.classes != "" {
		if err := s.allow(ctx); err != nil {
			return began, err
		}
	}
	ps := s.read.client.PSubscribe(ctx, sub.patterns...)
	defer ps.Close()
	defer context.AfterFunc(ctx, func() { ps.Close() })() // ends a wait
	for range sub.patterns {
		if _, err := ps.ReceiveTimeout(ctx, s.cfg.Timeout); err != nil {
			return began, err
		}
	}
	if err := sub.started(ctx); err != nil {
		return began, err
	}
	s.notify.began(sub.classes)
	return time.Now(), s.hear(ctx, sub, ps)
}

// hear takes what comes over a subscription until it breaks, and returns why.
func (s *Store) hear(ctx context.Context, sub subscription, ps *redis.PubSub) error {
	heard, checked := time.Now(), time.Now()
	pinged := false
	for {
		got, err := ps.ReceiveTimeout(ctx, time.Second)
		now := time.Now()
		switch m := got.(type) {
		case *redis.Message:
			heard, pinged = now, false
			if err := sub.message(ctx, m); err != nil {
				return err
			}
		case *redis.Pong:
			heard, pinged = now, false
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !timedOut(err):
			return err
		case pinged && now.Sub(heard) > pingAfter+s.cfg.Timeout:
			return errSilent
		case !pinged && now.Sub(heard) > pingAfter:
			pinged = true
			if err := ps.Ping(ctx); err != nil {
				return err
			}
		}
		if sub.idle != nil {
			if err := sub.idle(ctx); err != nil {
				return err
			}
		}
		if now.Sub(checked) > recheck {
			checked = now
			if err := s.allow(ctx); err != nil {
				return err
			}
		}
	}
}
