package process_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// echo does what the name of an event, or of a view's room, says. Most of it is
// what no feature should do.
type echo struct{ manifest func() plugins.Manifest }

var _ plugins.Feature = echo{}

func (e echo) Manifest() plugins.Manifest {
	if e.manifest != nil {
		return e.manifest()
	}
	return plugins.Manifest{
		Name: "echo", Title: "Echo",
		State: []plugins.Field{{Name: "said", Kind: plugins.Register}},
		Events: []plugins.EventType{
			{Name: "say", Fields: []plugins.Param{{Name: "text", Type: plugins.Text}}, Rate: 1.5, Burst: 3},
		},
	}
}

func (e echo) Handle(ctx context.Context, ev plugins.Event, s plugins.State) ([]plugins.Mutation, error) {
	said := func(value string) ([]plugins.Mutation, error) {
		return []plugins.Mutation{plugins.Set("said", value)}, nil
	}
	switch ev.Name {
	case "say":
		return said(ev.Fields.Text("text"))
	case "recall":
		return said(s.Registers["said"].Value)
	case "nothing":
		return nil, nil
	case "pid":
		return said(strconv.Itoa(os.Getpid()))
	case "environment":
		return said(strings.Join(os.Environ(), "\x00"))
	case "refuse":
		return nil, plugins.Refuse("That is taken.")
	case "refuse wrapped":
		return nil, fmt.Errorf("look it up: %w", plugins.Refuse("That is taken."))
	case "unavailable":
		return nil, fmt.Errorf("sleeping: %w", plugins.ErrUnavailable)
	case "err":
		return nil, errors.New("disk on fire")
	case "not utf-8":
		return said("\xff")
	case "huge":
		return said(strings.Repeat("x", 17<<20))
	case "loop":
		for spins := uint64(1); ; spins++ { // no feature may stop its host
			if spins == 0 {
				break
			}
		}
	case "wait": // slow, but does as it is told
		slog.Info("waiting") //nolint:sloglint // as authors of features do
		<-ctx.Done()
		slog.Info("let go") //nolint:sloglint // as authors of features do
		return nil, ctx.Err()
	case "nap": // takes a moment
		<-time.After(100 * time.Millisecond)
		return said("rested")
	case "late": // answers, but only after everybody has stopped waiting
		<-ctx.Done()
		<-time.After(100 * time.Millisecond)
		return said("late")
	case "panic":
		panic("boom")
	case "bomb":
		bomb()
	case "exit":
		os.Exit(7)
	case "last words":
		fmt.Fprint(os.Stderr, "first\nlast words")
		os.Exit(7)
	case "child": // starts a process of its own
		cmd := exec.Command("sleep", "1000")
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		return said(strconv.Itoa(cmd.Process.Pid))
	case "print":
		fmt.Println("printed")
		fmt.Fprintln(os.Stdout, strings.Repeat("long", 1<<20))
		slog.Warn("logged", slog.String("room", ev.Room)) //nolint:sloglint // as authors of features do
		_, _ = os.NewFile(2, "stderr").WriteString("raw\n{\"@message\":1}\n{\"@message\":\"m\",\"@timestamp\":\"no\"}\n")
	}
	return nil, nil
}

func (e echo) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	html := fmt.Sprintf("<p id=\"echo-said\">%d of %v</p>", len(v.Changes), v.Changes != nil)
	fragment := plugins.Fragment{ID: "echo-said", HTML: html, Audience: plugins.Audience{User: v.Viewer.User}}
	switch v.Room {
	case "wait":
		<-ctx.Done()
		return nil, ctx.Err()
	case "patch":
		fragment.Patch = []dom.Operation{dom.SetProperty("#echo-said", "textContent", "<&>")}
	case "faulty patch":
		fragment.Patch = []dom.Operation{{}}
	case "huge":
		fragment.HTML = strings.Repeat("x", 17<<20)
	case "err":
		return nil, errors.New("disk on fire")
	}
	return []plugins.Fragment{fragment}, nil
}

// bomb takes memory for ever.
func bomb() {
	var held [][]byte
	for len(held) < 1<<20 {
		b := make([]byte, 16<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		held = append(held, b)
	}
}
