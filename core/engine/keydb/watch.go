package keydb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/plugins"
)

var _ engine.Watcher = (*Store)(nil)

// Watch tells of keys of other programs, as engine.Watcher says. Beyond it:
//
//   - Keys that begin with "gp:" are never told of.
//   - A value that is longer than plugins.MaxValueSize or not UTF-8 is not told of,
//     which is logged once a key. A key of another type than a string has no value.
//   - "sync" comes when Watch begins, after a lost connection, and after a link of
//     the server to another one has changed: a full resync notifies of nothing.
func (s *Store) Watch(ctx context.Context, patterns []string, changed func(engine.KeyChange)) error {
	w := watch{store: s, changed: changed, changes: s.changes.count(), patterns: map[string]string{}, warned: map[string]bool{}}
	sub := subscription{
		classes: "K$gxe",
		started: w.sync, message: w.message, idle: w.idle,
		refused: func(ctx context.Context, why string) {
			s.read.log.LogAttrs(ctx, slog.LevelWarn, "the store's server refuses to tell of watched keys, or to have them read: they are not followed",
				slog.String("err", why))
		},
	}
	for _, p := range patterns {
		if strings.Count(p, "*") > 1 || p == "" {
			return fmt.Errorf("watch keys %q: want a key with at most one '*'", p)
		}
		channel := glob(s.keyspace("")) + keyGlob(p)
		w.patterns[channel] = p
		sub.patterns = append(sub.patterns, channel)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stopped := unavailable(s.read.where, "the store has stopped")
	go func() {
		select {
		case <-ctx.Done():
		case <-s.ended:
			cancel(stopped)
		case <-s.closed:
			cancel(stopped)
		}
	}()
	if len(patterns) == 0 {
		<-ctx.Done()
	} else {
		s.subscribe(ctx, sub)
	}
	return context.Cause(ctx)
}

// keyGlob returns a pattern of a watch as one of the server.
func keyGlob(pattern string) string {
	before, after, star := strings.Cut(pattern, "*")
	if !star {
		return glob(pattern)
	}
	return glob(before) + "*" + glob(after)
}

// watch is one Watch at work.
type watch struct {
	store    *Store
	changed  func(engine.KeyChange)
	patterns map[string]string // the watch's patterns by those of the channels
	warned   map[string]bool   // keys whose values are not told, by key
	changes  int               // of links that were taken in
	again    []time.Time       // when to sync once more
}

// own reports whether a key is this program's.
func own(key string) bool { return strings.HasPrefix(key, "gp:") }

func (w *watch) message(ctx context.Context, m *redis.Message) error {
	_, key, ok := strings.Cut(m.Channel, "__:")
	pattern := w.patterns[m.Pattern]
	if !ok || pattern == "" || own(key) {
		return nil
	}
	return w.tell(ctx, pattern, []string{key}, m.Payload)
}

// sync tells what is there now.
func (w *watch) sync(ctx context.Context) error {
	for _, pattern := range w.patterns {
		if !strings.Contains(pattern, "*") {
			if err := w.tell(ctx, pattern, []string{pattern}, "sync"); err != nil {
				return err
			}
			continue
		}
		err := scan(ctx, w.store.read.client, keyGlob(pattern), func(keys []string) error {
			return w.tell(ctx, pattern, keys, "sync")
		})
		if err != nil {
			return err
		}
		w.changed(engine.KeyChange{Pattern: pattern, Command: "synced"})
	}
	return nil
}

// resyncs are the times after a change of a link at which a watch syncs: at once, and
// when a full resync that was under way then has surely ended.
var resyncs = []time.Duration{0, 3 * time.Second, 10 * time.Second}

// idle syncs when links have changed.
func (w *watch) idle(ctx context.Context) error {
	now := time.Now()
	if n := w.store.changes.count(); n != w.changes {
		w.changes = n
		w.again = w.again[:0]
		for _, d := range resyncs {
			w.again = append(w.again, now.Add(d))
		}
	}
	if len(w.again) == 0 || now.Before(w.again[0]) {
		return nil
	}
	w.again = w.again[1:]
	return w.sync(ctx)
}

// tell reads keys and tells what they hold. A key that a scan found and that is gone
// by now is left out: its end is told by itself.
func (w *watch) tell(ctx context.Context, pattern string, keys []string, command string) error {
	type reading struct {
		key    string
		exists *redis.IntCmd
		value  *redis.StringCmd
	}
	var readings []reading
	_, err := w.store.read.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, key := range keys {
			if own(key) {
				continue
			}
			readings = append(readings, reading{key, p.Exists(ctx, key), p.GetRange(ctx, key, 0, plugins.MaxValueSize)})
		}
		return nil
	})
	if err != nil && !redis.HasErrorPrefix(err, "WRONGTYPE") {
		return err
	}
	for _, r := range readings {
		change := engine.KeyChange{Pattern: pattern, Key: r.key, Command: command, Missing: r.exists.Val() == 0}
		change.Value, err = r.value.Result()
		if change.Missing {
			change.Value = "" // it came between the two questions, and is told of by itself
		}
		switch {
		case err != nil && !redis.HasErrorPrefix(err, "WRONGTYPE"):
			return err
		case change.Missing && command == "sync" && strings.Contains(pattern, "*"):
			continue
		case len(change.Value) > plugins.MaxValueSize:
			w.warn(ctx, r.key, errTooLong)
			continue
		case !utf8.ValidString(change.Value):
			w.warn(ctx, r.key, errNoText)
			continue
		}
		w.changed(change)
	}
	return nil
}

var (
	errTooLong = errors.New("value is too long: want at most 4 kB")
	errNoText  = errors.New("value is not UTF-8")
)

// maxWarned is how many keys are remembered as told of.
const maxWarned = 1000

func (w *watch) warn(ctx context.Context, key string, err error) {
	if w.warned[key] || len(w.warned) >= maxWarned {
		return
	}
	w.warned[key] = true
	w.store.log.LogAttrs(ctx, slog.LevelWarn, "a watched key is not told of", slog.String("key", key), slog.Any("err", err))
}
