package process_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
	"github.com/global-presence/presence/plugins/process"
)

func TestPlugin_Handle(t *testing.T) {
	r := startUp(t, "echo", process.Config{})

	t.Run("OneOutcomeAnEventInOrder", func(t *testing.T) {
		got, err := r.Handle(t.Context(), []plugins.Event{
			{Name: "say", Fields: plugins.Fields{"text": "one"}},
			{Name: "refuse"},
			{Name: "recall", Room: "home"},
			{Name: "nothing"},
		}, map[string]plugins.State{"home": {Registers: map[string]plugins.Item{"said": {Value: "kept"}}}})
		if err != nil {
			t.Fatal(err)
		}
		want := []plugins.Outcome{
			{Mutations: []plugins.Mutation{plugins.Set("said", "one")}},
			{Err: plugins.Refuse("That is taken.")},
			{Mutations: []plugins.Mutation{plugins.Set("said", "kept")}},
			{},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Handle (-want +got):\n%s", diff)
		}
	})
	t.Run("NoEvents", func(t *testing.T) {
		if got, err := r.Handle(t.Context(), nil, nil); got != nil || err != nil {
			t.Errorf("Handle(no events) = %v, %v; want nothing", got, err)
		}
	})
	t.Run("EventIsNotUTF8", func(t *testing.T) {
		_, err := r.Handle(t.Context(), []plugins.Event{{Name: "\xff"}}, nil)
		if err == nil || errors.Is(err, plugins.ErrUnavailable) {
			t.Errorf("Handle = %v, want an error of the event's", err)
		}
	})
	t.Run("EventIsTooLarge", func(t *testing.T) {
		_, err := r.Handle(t.Context(), []plugins.Event{{Name: strings.Repeat("x", 17<<20)}}, nil)
		if err == nil || errors.Is(err, plugins.ErrUnavailable) {
			t.Errorf("Handle = %v, want an error of the event's", err)
		}
	})
	t.Run("AnswersThatCannotBeSent", func(t *testing.T) {
		for _, name := range []string{"not utf-8", "huge"} {
			o := r.handle(t, plugins.Event{Name: name})
			if o.Err == nil || !strings.Contains(o.Err.Error(), "encode answer") || errors.Is(o.Err, plugins.ErrUnavailable) {
				t.Errorf("event %q: %v, want an error of the call's alone", name, o.Err)
			}
		}
	})
	t.Run("StillTheSameProcess", func(t *testing.T) {
		r.pid(t)
		select {
		case s := <-r.statuses:
			t.Errorf("status changed to %+v", s)
		default:
		}
	})
}

func TestPlugin_Handle_Errors(t *testing.T) {
	r := startUp(t, "echo", process.Config{})
	for _, tt := range []struct {
		event, text string
		is          error
		sentence    string
	}{
		{event: "refuse", text: "That is taken.", sentence: "That is taken."},
		{event: "refuse wrapped", text: "look it up: That is taken.", sentence: "That is taken."},
		{event: "unavailable", text: "sleeping: feature unavailable", is: plugins.ErrUnavailable},
		{event: "err", text: "disk on fire"},
	} {
		t.Run(tt.event, func(t *testing.T) {
			err := r.handle(t, plugins.Event{Name: tt.event}).Err
			if err == nil || err.Error() != tt.text {
				t.Fatalf("error %v, want %q", err, tt.text)
			}
			if refusal, ok := errors.AsType[*plugins.Refusal](err); ok != (tt.sentence != "") || ok && refusal.Sentence != tt.sentence {
				t.Errorf("refusal %v, want sentence %q", refusal, tt.sentence)
			}
			if got := errors.Is(err, plugins.ErrUnavailable); got != (tt.is != nil) {
				t.Errorf("errors.Is(err, ErrUnavailable) = %v, want %v", got, !got)
			}
		})
	}
}

func TestPlugin_Render(t *testing.T) {
	r := startUp(t, "echo", process.Config{})
	fragment := func(html string) plugins.Fragment {
		return plugins.Fragment{ID: "echo-said", HTML: html}
	}
	patched := fragment(`<p id="echo-said">0 of false</p>`)
	patched.Patch = []dom.Operation{dom.SetProperty("#echo-said", "textContent", "<&>")}
	personal := fragment(`<p id="echo-said">0 of false</p>`)
	personal.Audience.User = "u1"
	for _, tt := range []struct {
		name string
		view plugins.View
		want plugins.Fragment
	}{
		{"Everything", plugins.View{}, fragment(`<p id="echo-said">0 of false</p>`)},
		{"NoChanges", plugins.View{Changes: []plugins.Change{}}, fragment(`<p id="echo-said">0 of true</p>`)},
		{"Changes", plugins.View{Changes: []plugins.Change{{Field: "said"}}}, fragment(`<p id="echo-said">1 of true</p>`)},
		{"Personal", plugins.View{Viewer: plugins.Person{User: "u1"}}, personal},
		{"Patch", plugins.View{Room: "patch"}, patched},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := r.Render(t.Context(), tt.view)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]plugins.Fragment{tt.want}, got); diff != "" {
				t.Errorf("Render (-want +got):\n%s", diff)
			}
		})
	}
	for room, want := range map[string]string{
		"faulty patch": `patch of fragment "echo-said"`, "huge": "encode answer", "err": "disk on fire",
	} {
		_, err := r.Render(t.Context(), plugins.View{Room: room})
		if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, plugins.ErrUnavailable) {
			t.Errorf("Render of %q: %v, want an error with %q", room, err, want)
		}
	}
}

func TestPlugin_Many(t *testing.T) {
	r := startUp(t, "echo", process.Config{HandleTimeout: patience})
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			text := strings.Repeat("x", i*37)
			outcomes, err := r.Handle(t.Context(), []plugins.Event{{Name: "say", Fields: plugins.Fields{"text": text}}}, nil)
			if err != nil {
				t.Error(err)
			} else if got := outcomes[0].Mutations[0].Value; got != text {
				t.Errorf("call %d got the answer of another: %d bytes, want %d", i, len(got), len(text))
			}
		})
	}
	wg.Wait()
}

func TestPlugin_NotRunning(t *testing.T) {
	p := process.New(process.Config{Name: "echo"})
	_, err := p.Handle(t.Context(), []plugins.Event{{}}, nil)
	if !errors.Is(err, plugins.ErrUnavailable) {
		t.Errorf("Handle before Run: %v, want ErrUnavailable", err)
	}
	r := startUp(t, "echo", process.Config{})
	r.stop()
	if _, err := r.Render(t.Context(), plugins.View{}); !errors.Is(err, plugins.ErrUnavailable) {
		t.Errorf("Render after Run: %v, want ErrUnavailable", err)
	}
	last := r.waitStatus(t, func(s plugins.Status) bool { return !s.Up })
	if last.Err != nil || last.Manifest.Name != "echo" || last.Restarts != 0 {
		t.Errorf("last status %+v, want down without an error, manifest kept", last)
	}
}

func TestPlugin_Run_Config(t *testing.T) {
	err := process.New(process.Config{
		Checksum: []byte("short"), HandleTimeout: -1, BackoffMin: 2, BackoffMax: 1, MissedDeadlines: -1,
	}).Run(t.Context())
	for _, want := range []string{"no Name", "checksum of 5 bytes", "handle timeout", "backoff of 2ns to 1ns", "missed deadlines"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Run = %v, want %q in it", err, want)
		}
	}
}

func TestPlugin_StopAnswersCallsUnderWay(t *testing.T) {
	log, waiting := logWith("waiting")
	r := startUp(t, "echo", process.Config{HandleTimeout: time.Second, Logger: log})
	answered := make(chan error, 1)
	go func() {
		o, err := r.Handle(t.Context(), []plugins.Event{{Name: "wait"}}, nil)
		if err == nil && !errors.Is(o[0].Err, context.DeadlineExceeded) {
			err = errors.New("no outcome of the call's own")
		}
		answered <- err
	}()
	<-waiting
	r.stop()
	if err := <-answered; err != nil {
		t.Errorf("call under way at the stop: %v, want its answer", err)
	}
}
