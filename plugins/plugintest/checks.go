package plugintest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"pgregory.net/rapid"

	"github.com/global-presence/presence/plugins"
)

// atOnce is how many goroutines ask the same when answers are compared.
const atOnce = 4

// checkHandle: any event in any room gives mutations that fit, always the same,
// and leaves its input alone.
func (s *suite) checkHandle(t rapid.TB) {
	t.Helper()
	if !s.hasEvents() {
		t.Skip("the feature takes no events")
	}
	rapid.Check(t, func(t *rapid.T) {
		state, known := s.anyState(t)
		ev := s.event(t, rooms.Draw(t, "room"))
		type answer struct {
			Mutations []plugins.Mutation
			Err       string
		}
		first, err := s.handle(t, ev, state)
		if _, refused := errors.AsType[*plugins.Refusal](err); err != nil && known && !refused {
			t.Fatalf("event %s in a room that it must know: %v", describe(ev), err)
		}
		want := answer{first, text(err)}
		same(t, "Handle", func() string {
			mutations, err := s.feature.Handle(context.Background(), ev, clone(state))
			return difference(want, answer{mutations, text(err)})
		})
	})
}

// handle asks about one event and checks the answer.
func (s *suite) handle(t *rapid.T, ev plugins.Event, state plugins.State) ([]plugins.Mutation, error) {
	before := clone(state)
	mutations, err := s.feature.Handle(context.Background(), ev, state)
	if diff := difference(before, state); diff != "" {
		t.Fatalf("Handle changes the state it was given (-before +after):\n%s", diff)
	}
	sure(t, "Handle", outcomeFault(s.manifest, mutations, err))
	return mutations, err
}

// checkRender: any view gives fragments that a page can take, always the same, or
// an error.
func (s *suite) checkRender(t rapid.TB) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		state, known := s.anyState(t)
		v := s.anyView(t, state)
		type answer struct {
			Fragments []plugins.Fragment
			Err       string
		}
		first, err := s.render(t, v)
		if err != nil && known {
			t.Fatalf("Render of a room that it must know: %v", err)
		}
		want := answer{first, text(err)}
		same(t, "Render", func() string {
			v := v
			v.State = clone(v.State)
			fragments, err := s.feature.Render(context.Background(), v)
			return difference(want, answer{fragments, text(err)})
		})
	})
}

// render asks for one view and checks the answer.
func (s *suite) render(t *rapid.T, v plugins.View) ([]plugins.Fragment, error) {
	before := clone(v.State)
	fragments, err := s.feature.Render(context.Background(), v)
	if diff := difference(before, v.State); diff != "" {
		t.Fatalf("Render changes the state it was given (-before +after):\n%s", diff)
	}
	sure(t, "Render", fragmentsFault(v, fragments))
	return fragments, err
}

// same asks several times at once; each answer is compared by the asker.
func same(t *rapid.T, what string, ask func() (diff string)) {
	diffs := make([]string, atOnce)
	var wg sync.WaitGroup
	for i := range diffs {
		wg.Go(func() { diffs[i] = ask() })
	}
	wg.Wait()
	for _, diff := range diffs {
		if diff != "" {
			t.Fatalf("%s answers the same question differently (-first +later):\n%s", what, diff)
		}
	}
}

// checkChanges: in a room that lives through events, rendering what changed shows
// the same as rendering everything.
func (s *suite) checkChanges(t rapid.TB) {
	t.Helper()
	if !s.changes() {
		t.Skip("nothing ever changes")
	}
	rapid.Check(t, func(t *rapid.T) {
		r := &room{manifest: s.manifest, state: empty()}
		name := rooms.Draw(t, "room")
		before := s.everything(t, r, name)
		for range rapid.IntRange(1, 5).Draw(t, "renders") {
			s.live(t, r, name, func(t *rapid.T, ev plugins.Event, state plugins.State) ([]plugins.Mutation, error) {
				mutations, err := s.handle(t, ev, state)
				if _, refused := errors.AsType[*plugins.Refusal](err); err != nil && !refused {
					t.Fatalf("event %s in a room of its own making: %v", describe(ev), err)
				}
				return mutations, err
			})
			before = s.step(t, r, name, before)
		}
	})
}

// filled are the fields that the host itself fills in.
func (s *suite) filled() []plugins.Field {
	return slices.DeleteFunc(slices.Clone(s.manifest.State), func(f plugins.Field) bool {
		return f.Kind != plugins.Presence && f.Kind != plugins.Sites
	})
}

// changes reports whether a room of the feature can ever change.
func (s *suite) changes() bool { return s.hasEvents() || len(s.filled()) > 0 }

// live lets some things happen in a room, events among them, which handle answers.
func (s *suite) live(
	t *rapid.T, r *room, name string,
	handle func(*rapid.T, plugins.Event, plugins.State) ([]plugins.Mutation, error),
) {
	filled := s.filled()
	for range rapid.IntRange(1, 4).Draw(t, "happenings") {
		if len(filled) > 0 && (!s.hasEvents() || rapid.Bool().Draw(t, "the host moves")) {
			r.move(t, rapid.SampledFrom(filled).Draw(t, "field"))
			continue
		}
		mutations, err := handle(t, s.event(t, name), r.view(func(string, string) bool { return false }))
		if err == nil {
			r.apply(t, mutations)
		}
	}
}

// everything renders all for everybody in the room.
func (s *suite) everything(t *rapid.T, r *room, name string) map[key]string {
	return s.shown(t, plugins.View{
		Feature: s.manifest.Name, Room: name, State: r.view(func(string, string) bool { return false }),
	})
}

// personal renders all for one person.
func (s *suite) personal(t *rapid.T, r *room, name, user string) map[key]string {
	return s.shown(t, plugins.View{
		Feature: s.manifest.Name, Room: name, Viewer: plugins.Person{User: user, Region: "lhr", Edge: "lhr"},
		State: r.view(func(_, u string) bool { return u == user }),
	})
}

func (s *suite) shown(t *rapid.T, v plugins.View) map[key]string {
	fragments, err := s.render(t, v)
	sure(t, "Render of a room of its own making", err)
	html := map[key]string{}
	for _, f := range fragments {
		html[keyOf(f)] = f.HTML
	}
	return html
}

// step renders what has changed in r and compares it with everything, before and
// after. It returns everything as it is now.
func (s *suite) step(t *rapid.T, r *room, name string, before map[key]string) map[key]string {
	now := s.everything(t, r, name)
	if len(r.changes) == 0 {
		return now
	}
	part := s.shown(t, plugins.View{
		Feature: s.manifest.Name, Room: name, Changes: r.changes, State: r.view(r.changed),
	})
	if !r.shownOnce() { // else it shows what no other render can
		for at, html := range part {
			if at.audience.Session != "" { // a render of everything knows no tabs
				continue
			}
			full := now
			if at.audience.User != "" && s.manifest.Personal {
				full = s.personal(t, r, name, at.audience.User)
			}
			if want, ok := full[at]; !ok || want != html {
				t.Fatalf("after the changes %s, fragment %q for %+v is\n%s\nbut in a render of everything\n%s",
					describe(r.changes), at.id, at.audience, html, want)
			}
		}
	}
	for at, html := range now {
		if _, ok := part[at]; !ok && before[at] != html {
			t.Fatalf("the changes %s leave out fragment %q, which was\n%s\nand is now\n%s",
				describe(r.changes), at.id, before[at], html)
		}
	}
	r.changes = nil
	return now
}

// checkDeadline: a call whose context has ended, or ends at once, returns soon.
func (s *suite) checkDeadline(t rapid.TB) {
	t.Helper()
	const soon = 2 * time.Second
	rapid.Check(t, func(t *rapid.T) {
		state, _ := s.anyState(t)
		v := s.anyView(t, state)
		ctx, cancel := context.WithTimeout(context.Background(),
			time.Duration(rapid.IntRange(0, 200).Draw(t, "microseconds"))*time.Microsecond)
		defer cancel()
		returned := make(chan struct{})
		var ev plugins.Event
		if s.hasEvents() {
			ev = s.event(t, v.Room)
		}
		go func() {
			defer close(returned)
			_, _ = s.feature.Render(ctx, v)
			if s.hasEvents() {
				_, _ = s.feature.Handle(ctx, ev, state)
			}
		}()
		select {
		case <-returned:
		case <-time.After(soon):
			t.Fatalf("Handle or Render is still at work %v after its context ended", soon)
		}
	})
}
