package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// keepBeats is for how many beats a binary that does not lead keeps the changes of
// keys that it hears: longer than it takes to see that the one that leads is gone.
const keepBeats = leaseBeats + 2

// watcher tells one feature of the keys that it watches.
type watcher struct {
	feature *feature
	watches []plugins.Watch
	keys    *keys
	resync  chan struct{} // holds a token when the engine is to tell what there is again

	known map[changedKey]bool // keys of patterns with a '*' that exist, and whether this sync told of them; of listen

	complained time.Time // when the log last told of a key that was not taken
}

// maxKnown is how many keys of one feature are remembered, so that it can be told of
// one that went unnoticed.
const maxKnown = 100_000

// serveWatches tells a feature of the keys that it watches, until ctx ends or the feature
// is removed.
//
// Every binary hears every change, and only the one that leads tells it: see
// [leases.leads]. To lead takes that it can: that it has caught up, runs the feature
// and hears its watches, which its beats say. One that comes to lead tells what it heard in the last moments,
// in which perhaps nobody led, and has the engine tell it what there is.
func (b *Bus) serveWatches(ctx context.Context, f *feature) {
	for ctx.Err() == nil && !f.isGone() {
		m, _ := f.manifest()
		during, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		if len(m.Watches) > 0 {
			if from, ok := b.cfg.Engine.(engine.Watcher); ok {
				w := &watcher{
					feature: f, watches: m.Watches, keys: newKeys(b.keyEventID), resync: make(chan struct{}, 1),
					known: map[changedKey]bool{},
				}
				wg.Go(func() { b.listen(during, from, w) })
				wg.Go(func() { b.tell(during, w) })
			} else {
				b.tellUnheard(ctx, f)
			}
		}
		select {
		case <-f.rewatch:
		case <-f.gone:
		case <-ctx.Done():
		}
		cancel()
		wg.Wait()
		f.setWatching(false)
	}
}

// tellUnheard says once that no watched key will ever be heard of here.
func (b *Bus) tellUnheard(ctx context.Context, f *feature) {
	b.unheard.Do(func() {
		b.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "no keys of other programs here, watching them needs --engine keydb", slog.String("feature", f.name))
	})
}

// listen keeps what the engine says of changed keys for tell, until ctx ends.
func (b *Bus) listen(ctx context.Context, from engine.Watcher, w *watcher) {
	var patterns []string
	for _, x := range w.watches {
		patterns = append(patterns, x.Keys)
	}
	for wait := 100 * time.Millisecond; ctx.Err() == nil; {
		during, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		wg.Go(func() {
			select {
			case <-w.resync:
				cancel()
			case <-during.Done():
			}
		})
		began := time.Now()
		w.feature.setWatching(true)
		for at := range w.known {
			w.known[at] = false
		}
		follows := func() bool { return b.follows(w.feature) }
		err := from.Watch(during, patterns, func(c engine.KeyChange) { w.heard(during, c, follows) })
		again := during.Err() != nil
		cancel()
		wg.Wait()
		if again {
			continue
		}
		w.feature.setWatching(false)
		if errors.Is(err, engine.ErrNoKeys) {
			b.tellUnheard(ctx, w.feature)
			return
		}
		b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "watching of keys broke off", slog.String("feature", w.feature.name), slog.Any("err", err))
		if time.Since(began) > time.Minute {
			wait = 100 * time.Millisecond
		}
		sleep(ctx, wait)
		wait = min(2*wait, 5*time.Second)
	}
}

// heard keeps what the engine says of a key. Who follows is not told what there is:
// it will be when it comes to lead.
func (w *watcher) heard(ctx context.Context, c engine.KeyChange, follows func() bool) {
	wild := strings.Contains(c.Pattern, "*")
	at := changedKey{c.Pattern, c.Key}
	switch {
	case c.Command == "synced":
		if !follows() {
			w.tellGone(ctx, c.Pattern, follows)
		}
		for at := range w.known {
			if at.pattern == c.Pattern {
				w.known[at] = false
			}
		}
		return
	case wild && c.Missing:
		delete(w.known, at)
	case wild:
		if _, known := w.known[at]; known || len(w.known) < maxKnown {
			w.known[at] = true
		}
	}
	if c.Command != "sync" || !follows() {
		w.keys.add(ctx, c, follows)
	}
}

// tellGone tells of the keys of a pattern that were there once and that a sync which
// has just ended did not find.
func (w *watcher) tellGone(ctx context.Context, pattern string, follows func() bool) {
	for at, there := range w.known {
		if at.pattern == pattern && !there {
			delete(w.known, at)
			w.keys.add(ctx, engine.KeyChange{Pattern: pattern, Key: at.key, Command: "sync", Missing: true}, follows)
		}
	}
}

// canTell reports whether this binary can tell a feature of its watched keys now. It
// must have heard them for a beat, so that one whose watches break off again and
// again does not count.
func (b *Bus) canTell(f *feature) bool {
	return f.hears(b.cfg.Beat) && b.takes(f).Status == OK
}

// tellable returns the features that this binary can tell of watched keys now.
func (b *Bus) tellable() (names []string) {
	for _, f := range b.features() {
		if len(names) < engine.MaxTells && b.canTell(f) {
			names = append(names, f.name)
		}
	}
	return names
}

// leads reports whether this binary tells a feature of watched keys, and follows that
// another one may. Where no binary can tell it now, neither holds, and each keeps what
// it hears.
func (b *Bus) leads(f *feature) bool   { return b.canTell(f) && b.leases.leads(f.name) }
func (b *Bus) follows(f *feature) bool { return !b.leads(f) && b.leases.led(f.name) }

// tell hands changed keys to the feature while this binary leads, until ctx ends.
func (b *Bus) tell(ctx context.Context, w *watcher) {
	tick := time.NewTicker(b.cfg.Beat / 2)
	defer tick.Stop()
	for led := false; ; {
		switch {
		case b.leads(w.feature):
			if !led {
				notify(w.resync)
			}
			led = true
		case b.follows(w.feature):
			led = false
			w.keys.expire(keepBeats * b.cfg.Beat)
		}
		for b.leads(w.feature) {
			changes := w.keys.take(laneBatch)
			if len(changes) == 0 || !b.tellChanges(ctx, w, changes) {
				break
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-w.keys.wake:
		}
	}
}

// tellChanges makes events of changed keys and waits for their outcomes. It reports
// whether all are settled; those that are not are told again later.
func (b *Bus) tellChanges(ctx context.Context, w *watcher, changes []change) (settled bool) {
	type answer struct {
		change
		Outcome
	}
	answers := make(chan answer, len(changes))
	waiting := 0
	for _, c := range changes {
		ev, err := b.keyEvent(w, c)
		if err != nil {
			b.complainOfKey(ctx, w, c, err)
			continue
		}
		waiting++
		b.dispatchKey(w.feature, ev, func(o Outcome) { answers <- answer{c, o} })
	}
	settled = true
	for range waiting {
		select {
		case a := <-answers:
			switch a.Status {
			case OK:
			case Unavailable, Busy:
				w.keys.again(a.change)
				settled = false
			default:
				b.complainOfKey(ctx, w, a.change, fmt.Errorf("outcome %s: %s", a.Status, a.Sentence))
			}
		case <-ctx.Done():
			return false
		}
	}
	return settled
}

// dispatchKey sets the event of a changed key on its way, as Dispatch does with one
// of a person.
func (b *Bus) dispatchKey(f *feature, ev plugins.Event, done func(Outcome)) {
	key := "@keys/" + ev.ID // no user's id
	if !b.seen.begin(key, b.counted(f.name, done)) {
		return
	}
	j := &job{key: key, event: ev, at: time.Now(), done: func(o Outcome) { b.seen.end(key, o) }}
	if o := b.enqueue(f, j, false); o.Status != OK {
		j.done(o)
	}
}

// keyEventID returns the id of the event of a changed key. A change keeps it, so that
// a feature that fails with it three times is told of it no more.
func (b *Bus) keyEventID() string {
	return b.binary + "-" + strconv.FormatUint(b.keyEvents.Add(1), 36)
}

// keyEvent makes the event of a changed key. An error says why the feature is not to
// have it.
func (b *Bus) keyEvent(w *watcher, c change) (plugins.Event, error) {
	i := slices.IndexFunc(w.watches, func(x plugins.Watch) bool { return x.Keys == c.Pattern })
	if i < 0 {
		return plugins.Event{}, fmt.Errorf("no watch of %q", c.Pattern)
	}
	room := w.watches[i].RoomOf(c.Key)
	switch err := state.CheckRoom(room); {
	case err != nil:
		return plugins.Event{}, err
	case strings.HasPrefix(c.Key, "gp:"):
		return plugins.Event{}, fmt.Errorf("it is the host's own")
	case len(c.Key) > plugins.MaxTextSize || !utf8.ValidString(c.Key):
		return plugins.Event{}, fmt.Errorf("name of %d bytes: want UTF-8 of at most %d", len(c.Key), plugins.MaxTextSize)
	case len(c.Value) > plugins.MaxValueSize || !utf8.ValidString(c.Value):
		return plugins.Event{}, fmt.Errorf("value of %d bytes: want UTF-8 of at most %d", len(c.Value), plugins.MaxValueSize)
	}
	fields := plugins.Fields{"key": c.Key, "command": c.Command}
	if !c.Missing {
		fields["value"] = c.Value
	}
	return plugins.Event{
		ID:   c.id,
		Name: w.watches[i].Event, Room: room, Fields: fields,
		Person: plugins.Person{Region: b.cfg.Region},
		Time:   time.Now().UTC().Truncate(time.Millisecond),
	}, nil
}

// complainOfKey logs a key that the feature does not have, once a minute at most.
func (b *Bus) complainOfKey(ctx context.Context, w *watcher, c change, err error) {
	if time.Since(w.complained) < time.Minute {
		return
	}
	w.complained = time.Now()
	b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "watched key not taken",
		slog.String("feature", w.feature.name), slog.String("key", clip(c.Key)), slog.Any("err", err))
}
