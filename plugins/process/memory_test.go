//go:build linux

package process_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// TestPlugin_MemoryLimit: a feature that takes memory for ever is ended, and comes
// back.
func TestPlugin_MemoryLimit(t *testing.T) {
	r := startUp(t, "echo", process.Config{MemoryLimit: 512 << 20, HandleTimeout: time.Hour, PingInterval: time.Hour})
	pid := r.pid(t)
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid)); err != nil || string(b) != "1000\n" {
		t.Errorf("oom_score_adj of the feature is %q, %v; want 1000", b, err)
	}
	if o := r.handle(t, plugins.Event{Name: "bomb"}); o.Err == nil {
		t.Error("a call that takes memory for ever was answered")
	}
	s := r.waitStatus(t, func(s plugins.Status) bool { return !s.Up })
	if s.Err == nil || !strings.Contains(s.Err.Error(), "at most 512 are allowed") {
		t.Errorf("it ended with %v, want its memory as the reason", s.Err)
	}
	r.waitStatus(t, func(s plugins.Status) bool { return s.Up })
}

// TestDescribe_MemoryLimit: a program that takes memory before it says what it is.
func TestDescribe_MemoryLimit(t *testing.T) {
	_, err := process.Describe(t.Context(), process.Config{Args: []string{"bomb"}, MemoryLimit: 512 << 20, StartTimeout: time.Hour})
	if err == nil || !strings.Contains(err.Error(), "at most 512 are allowed") {
		t.Errorf("Describe = %v, want its memory as the reason", err)
	}
}
