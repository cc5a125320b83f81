package pluginfolder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/global-presence/presence/plugins"
)

const (
	// patience is how many times Config.Settle a file may rest without being whole
	// until somebody is told.
	patience = 5

	// retryMin and retryMax bound the wait until a program that did not start is
	// tried again. The wait doubles.
	retryMin = 30 * time.Second
	retryMax = 10 * time.Minute
)

// Folder is a folder of features that is watched.
type Folder struct {
	cfg     Config
	in      *inspector
	lock    *lockFile
	staging *staging
	metrics metrics

	// What follows is only used by Run.
	entries map[string]*entry
	dirTold string // the last line about the folder itself
}

// Open makes the place for private copies and reads the lock. It reports all that is
// wrong with cfg and with the lock, joined. Nothing is watched before [Folder.Run].
func Open(cfg Config) (*Folder, error) {
	var errs []error
	cfg, err := cfg.withDefaults()
	errs = append(errs, err)
	if cfg.Host == nil {
		errs = append(errs, errors.New("no Host"))
	}
	f := &Folder{cfg: cfg, entries: make(map[string]*entry)}
	if f.lock, err = openLock(cfg.Lock, cfg.Settle); err != nil {
		errs = append(errs, fmt.Errorf("lock: %w", err))
	}
	if f.metrics, err = newMetrics(cfg.Registerer); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("open plugin folder %q: %w", cfg.Dir, err)
	}
	if f.staging, err = openStaging(cfg.Staging); err != nil {
		return nil, fmt.Errorf("open plugin folder %q: %w", cfg.Dir, err)
	}
	f.in = &inspector{cfg: cfg, lock: f.lock, staging: f.staging}
	return f, nil
}

// Close removes the private copies. It is called after the host has ended what it runs,
// and may be called twice.
func (f *Folder) Close() error { return f.staging.Close() }

// Run watches the folder until ctx ends, and returns nil. It is called once.
func (f *Folder) Run(ctx context.Context) error {
	f.warnOfWriters()
	tick := time.NewTicker(f.cfg.Every)
	defer tick.Stop()
	for {
		f.look(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// warnOfWriters tells of a folder into which anybody may put a program.
func (f *Folder) warnOfWriters() {
	if info, err := os.Stat(f.cfg.Dir); err == nil && info.Mode().Perm()&0o002 != 0 {
		f.cfg.Logger.Warn("anybody may put programs into the plugin folder",
			slog.String("dir", f.cfg.Dir), slog.String("mend", "run chmod o-w on it"))
	}
}

// look compares the folder with what runs, once.
func (f *Folder) look(ctx context.Context) {
	now := time.Now()
	if !f.see(now) {
		return
	}
	if rests, changed := f.lock.look(now); !rests {
		return // soon
	} else if changed {
		f.relock()
	}
	for _, e := range f.sorted() {
		if e.due(now, f.cfg.Settle) && ctx.Err() == nil {
			f.judge(ctx, e)
		} else if e.judged && e.verdict != nil && e.verdict.cause == unfinished && now.Sub(e.since) >= patience*f.cfg.Settle {
			f.tell(e, slog.LevelWarn, "plugin file is not whole", e.verdict)
		}
	}
	for _, e := range f.sorted() {
		if e.gone && now.Sub(e.since) >= f.cfg.Settle && ctx.Err() == nil {
			f.drop(ctx, e)
		}
	}
	f.tidy()
}

// see notes what is in the folder. It reports whether that could be seen.
func (f *Folder) see(now time.Time) bool {
	all, err := scan(f.cfg.Dir)
	if err != nil {
		f.tellDir(err)
		return false
	}
	f.tellDir(nil)
	lock, _ := os.Stat(f.cfg.Lock)
	there := make(map[string]bool, len(all))
	for _, found := range all {
		if lock != nil && found.info != nil && os.SameFile(lock, found.info) {
			continue
		}
		there[found.name] = true
		e := f.entries[found.name]
		if e == nil {
			e = &entry{name: found.name, info: found.info, since: now}
			f.entries[found.name] = e
		}
		e.see(found.info, false, now)
	}
	for name, e := range f.entries {
		if !there[name] {
			e.see(e.info, true, now)
		}
	}
	return true
}

func (f *Folder) sorted() []*entry {
	return slices.SortedFunc(maps.Values(f.entries), func(a, b *entry) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
}

// relock has all files judged again that the lock before did not allow, and tells of
// those that run and are not allowed any more.
func (f *Folder) relock() {
	if f.lock.err != nil {
		f.cfg.Logger.Error("no plugin is started: the lock cannot be used",
			slog.String("err", oneLine(f.lock.err)), slog.String("mend", "mend the file: it is read again when it changes"))
	} else {
		f.cfg.Logger.Info("plugin lock read", slog.String("lock", f.lock.path), slog.Int("files", len(f.lock.lock.entries)))
	}
	for _, e := range f.sorted() {
		if e.judged && e.verdict != nil && e.verdict.cause == unlisted {
			e.again()
		}
		if e.running == nil || f.lock.err != nil {
			continue
		}
		if err := f.lock.check(e.name, e.running.Digest); err != nil {
			f.cfg.Logger.Warn("a plugin runs that the lock does not allow any more",
				slog.String("file", e.name), slog.String("feature", e.running.Manifest.Name),
				slog.String("reason", err.Error()), slog.String("mend", "remove the file to end it"))
		}
	}
}

// judge takes what is there, and runs it or tells why not.
func (f *Folder) judge(ctx context.Context, e *entry) {
	e.judged, e.retryAt = true, time.Time{}
	p, r := Program{}, unfinishedName(e.name)
	if r == nil {
		p, r = f.in.inspect(ctx, filepath.Join(f.cfg.Dir, e.name), e.info, func(d Digest) bool {
			return e.running != nil && e.running.Digest == d
		})
	}
	if r == nil && !(e.running != nil && e.running.Digest == p.Digest) {
		r = f.run(ctx, e, p)
	}
	if ctx.Err() != nil { // what went wrong may be because of that
		e.judged = false
		return
	}
	e.verdict = r
	if r == nil {
		e.retries = 0
		return
	}
	f.tellVerdict(e, r)
	if r.cause == passing {
		e.retryAt = time.Now().Add(min(retryMin<<min(e.retries, 10), retryMax))
		e.retries++
	}
}

// run hands p, the content of e, to the host.
func (f *Folder) run(ctx context.Context, e *entry, p Program) *refusal {
	name, before := p.Manifest.Name, e.running
	var holder *entry
	for _, other := range f.sorted() {
		switch {
		case other == e || other.running == nil:
		case other.runs(name):
			holder = other
		case plugins.TooClose(name, other.running.Manifest.Name):
			if !other.gone {
				return tooClose(p, other.running.Manifest.Name)
			}
			f.remove(ctx, other.name, *other.running) // its file has, and it is in the way
			other.running = nil
		}
	}
	if before != nil && plugins.TooClose(name, before.Manifest.Name) { // it would be in its own way
		f.remove(ctx, e.name, *before)
		before, e.running = nil, nil
	}
	if holder != nil && !holder.gone {
		return taken(p, holder.name)
	}
	if holder != nil && holder.running.Digest == p.Digest { // it was only given another name
		e.running, holder.running = &p, nil
		f.say("plugin file has another name", e, slog.String("before", holder.name))
	} else if holder != nil || before != nil && before.Manifest.Name == name {
		if err := f.cfg.Host.Replace(ctx, p); err != nil {
			return refuse(passing, "starts", "the version before goes on: mend this one", fmt.Errorf("it cannot take over: %w", err))
		}
		if holder != nil {
			holder.running = nil
		}
		e.running = &p
		f.say("plugin replaced", e)
	} else {
		if err := f.cfg.Host.Add(ctx, p); err != nil {
			return refuse(passing, "starts", "", fmt.Errorf("it cannot be added: %w", err))
		}
		e.running = &p
		f.say("plugin added", e)
	}
	if before != nil && before.Manifest.Name != name {
		f.remove(ctx, e.name, *before)
	}
	return nil
}

// drop ends what a file that is gone has left, unless another file has waited to be
// that feature.
func (f *Folder) drop(ctx context.Context, e *entry) {
	if e.running != nil {
		name := e.running.Manifest.Name
		for _, other := range f.sorted() {
			if e.running != nil && other.waitsFor(name) {
				f.judge(ctx, other)
			}
		}
	}
	if ctx.Err() != nil {
		return
	}
	if e.running != nil {
		f.remove(ctx, e.name, *e.running)
	}
	delete(f.entries, e.name)
}

// waitsFor reports that the file would be the feature of that name, if no other were.
func (e *entry) waitsFor(name string) bool {
	return !e.gone && e.judged && e.verdict != nil && e.verdict.cause == clash && e.verdict.name == name
}

// remove ends a feature and gives its name to whoever waits for it.
func (f *Folder) remove(ctx context.Context, file string, p Program) {
	name := p.Manifest.Name
	attrs := []any{slog.String("file", file), slog.String("feature", name)}
	if err := f.cfg.Host.Remove(ctx, name); err != nil {
		f.cfg.Logger.Error("plugin not removed", append(attrs, slog.Any("err", err))...)
	} else {
		f.cfg.Logger.Info("plugin removed", attrs...)
	}
	for _, other := range f.entries {
		if other.waitsFor(name) {
			other.again()
		}
	}
}

// tidy removes copies that are not used any more and counts the files.
func (f *Folder) tidy() {
	used, states := make(map[string]bool), make(map[State]int)
	for _, e := range f.entries {
		if e.running != nil {
			used[e.running.Path] = true
		}
		states[e.state()]++
	}
	f.staging.keep(used)
	f.metrics.set(states)
}

// say logs a change of what e runs.
func (f *Folder) say(msg string, e *entry, more ...any) {
	f.cfg.Logger.Info(msg, append([]any{ //nolint:sloglint // callers give constants
		slog.String("file", e.name), slog.String("feature", e.running.Manifest.Name),
		slog.String("kind", string(e.running.Kind)), slog.String("digest", e.running.Digest.Short()),
	}, more...)...)
}

// tellVerdict logs why a file does not run, if somebody would wonder.
func (f *Folder) tellVerdict(e *entry, r *refusal) {
	switch r.cause {
	case unfinished: // it may still come: see patience
	case notPlugin:
		level := slog.LevelDebug
		if r.mend != "" { // it may have been meant to run
			level = slog.LevelInfo
		}
		f.tell(e, level, "file in the plugin folder ignored", r)
	case notExecutable:
		f.tell(e, slog.LevelWarn, "file in the plugin folder ignored", r)
	default:
		f.tell(e, slog.LevelWarn, "plugin file refused", r)
	}
}

// tell logs a line about e, unless it was the last one.
func (f *Folder) tell(e *entry, level slog.Level, msg string, r *refusal) {
	reason := oneLine(r.err)
	if e.told == reason {
		return
	}
	e.told = reason
	attrs := []slog.Attr{slog.String("file", e.name), slog.String("reason", reason)}
	if r.mend != "" {
		attrs = append(attrs, slog.String("mend", r.mend))
	}
	if e.running != nil {
		attrs = append(attrs, slog.String("goes_on", e.running.Digest.Short()))
	}
	f.cfg.Logger.LogAttrs(context.Background(), level, msg, attrs...) //nolint:sloglint // callers give constants
}

// tellDir logs that the folder cannot be seen, or can again.
func (f *Folder) tellDir(err error) {
	line := ""
	if err != nil {
		line = err.Error()
	}
	if line == f.dirTold {
		return
	}
	f.dirTold = line
	dir := slog.String("dir", f.cfg.Dir)
	switch {
	case err == nil:
		f.cfg.Logger.Info("plugin folder is there", dir)
	case errors.Is(err, fs.ErrNotExist):
		f.cfg.Logger.Warn("plugin folder is missing", dir, slog.String("mend", "make it, and what is put there runs; what runs now goes on"))
	default:
		f.cfg.Logger.Error("plugin folder cannot be read", dir, slog.Any("err", err), slog.String("mend", "let presence read it; what runs now goes on"))
	}
}
