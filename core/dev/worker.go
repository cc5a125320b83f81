package dev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// worker makes programs of the folder and has them take over.
type worker struct {
	dev      *Dev
	builder  *builder
	place    *place // nil before the first program that works
	recorder *recorder
	running  program
}

// ended is closed when the region ends by itself, in which nothing can be shown any more.
func (w *worker) ended() <-chan struct{} {
	if w.place == nil {
		return nil
	}
	return w.place.ended
}

// failed returns why the region ended by itself, or nil.
func (w *worker) failed() error {
	if w.place == nil {
		return nil
	}
	select {
	case <-w.ended():
		return fmt.Errorf("run region: %w", errors.Join(w.place.err, errors.New("it ended")))
	default:
		return nil
	}
}

// update builds what is in the folder and shows it. What goes wrong is for the author,
// and the next change may mend it.
func (w *worker) update(ctx context.Context) {
	d := w.dev
	began := time.Now()
	w.say(Build{State: "building", Sentence: "Building …"})
	p, err := w.builder.build(ctx)
	if err != nil {
		w.fail(ctx, "The build failed", err)
		return
	}
	building := time.Since(began)
	if p.digest != "" && p.digest == w.running.digest {
		p.remove()
		w.say(Build{State: "live", Sentence: "Live. The last change made no difference to the program."})
		return
	}
	description, err := process.Describe(ctx, p.command)
	if err == nil {
		err = w.show(ctx, description.Manifest, p)
	}
	if err != nil {
		p.remove()
		w.fail(ctx, "The program was built but did not start", err)
		return
	}
	d.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "feature live", slog.String("feature", description.Manifest.Name),
		slog.Duration("build", building), slog.Duration("took", time.Since(began)))
	w.say(Build{State: "live", Sentence: fmt.Sprintf("Live. Built in %s, up in %s.", short(building), short(time.Since(began)-building))})
}

// show has a program take over, in this region or, as another feature, in a new one.
func (w *worker) show(ctx context.Context, m plugins.Manifest, p program) error {
	d := w.dev
	if w.place != nil && w.place.feature == m.Name {
		command := p.command
		command.Name = m.Name
		before := w.recorder.is(m) // already now: the first render comes before the answer
		if err := w.place.server.ReplaceFeature(ctx, command); err != nil {
			w.recorder.is(before)
			return err
		}
	} else {
		w.leave(ctx)
		w.recorder = newRecorder(d.journal)
		w.recorder.is(m)
		place, err := d.startPlace(ctx, m, p.command, w.recorder)
		if err != nil {
			return err
		}
		w.place = place
		d.current.Store(place)
	}
	w.forget()
	w.running = p
	return nil
}

// leave stops the region, if there is one.
func (w *worker) leave(ctx context.Context) {
	if w.place == nil {
		return
	}
	w.dev.current.Store(nil)
	err := w.place.close()
	w.place = nil
	w.forget()
	if err != nil {
		w.dev.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "region did not stop in order", slog.Any("err", err))
	}
}

// forget removes the program that no longer runs.
func (w *worker) forget() {
	if w.running.remove != nil {
		w.running.remove()
	}
	w.running = program{}
}

// fail tells the author what went wrong.
func (w *worker) fail(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}
	if w.place != nil {
		what += ". The last version that worked stays"
	}
	fmt.Fprintf(w.dev.cfg.Terminal, "%s:\n%s\n", what, err)
	w.say(Build{State: "failed", Sentence: what + ".", Output: err.Error()})
}

// say tells the page.
func (w *worker) say(b Build) {
	b.At = time.Now()
	if w.place != nil {
		b.Running, b.Port = true, portOf(w.place.server.Addr())
	}
	w.dev.journal.setBuild(b)
}

// short says a time to the hundredth of a second.
func short(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
