//go:build unix

package process_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/internal/wire"
	"github.com/global-presence/presence/plugins/process"
)

// grief is an Answerer that comes to grief over events of that name.
type grief struct{ wire.Answers }

func (g grief) Handle(ctx context.Context, in []byte) ([]byte, error) {
	events, _, err := wire.ParseHandle(in)
	if err != nil || events[0].Name == "grief" {
		return nil, errors.New("instance lost")
	}
	return g.Answers.Handle(ctx, in)
}

// TestServeAnswerer: one that comes to grief ends like a feature that panics, with its
// reason.
func TestServeAnswerer(t *testing.T) {
	r := startUp(t, "grief", process.Config{})
	if o := r.handle(t, plugins.Event{Name: "grief"}); !errors.Is(o.Err, plugins.ErrUnavailable) {
		t.Errorf("the call ended with %v, want unavailable", o.Err)
	}
	s := r.waitStatus(t, func(s plugins.Status) bool {
		return !s.Up && s.Err != nil && strings.Contains(s.Err.Error(), "process ended")
	})
	if !strings.Contains(s.Err.Error(), "instance lost") {
		t.Errorf("it ended with %v, want the reason", s.Err)
	}
	r.waitStatus(t, func(s plugins.Status) bool { return s.Up })
}
