package wasm_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/internal/wire"
	"github.com/global-presence/presence/plugins/plugintest"
	"github.com/global-presence/presence/plugins/wasm"
)

// poll builds the guest in AssemblyScript and returns its file.
func poll(tb testing.TB) string {
	tb.Helper()
	const dir = "../testdata/assemblyscript"
	if _, err := exec.LookPath("npm"); err != nil {
		if os.Getenv("CI") != "" {
			tb.Fatal("npm is missing: install Node 20 or newer")
		}
		tb.Skip("npm is missing: install Node 20 or newer")
	}
	run := func(name string, args ...string) {
		tb.Helper()
		cmd := exec.CommandContext(tb.Context(), name, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			tb.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
	}
	lock, err := os.Stat(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		tb.Fatal(err)
	}
	// npm writes this file last, so it is as new as the installed packages.
	if installed, err := os.Stat(filepath.Join(dir, "node_modules/.package-lock.json")); err != nil || installed.ModTime().Before(lock.ModTime()) {
		run("npm", "ci", "--no-audit", "--no-fund")
	}
	out := filepath.Join(tb.TempDir(), "poll.wasm")
	run("npm", "run", "--silent", "build", "--", "--outFile", out)
	return out
}

// carried is a Feature that a module carries.
type carried struct {
	module   *wasm.Module
	manifest plugins.Manifest
}

func carry(tb testing.TB, cfg wasm.Config) carried {
	tb.Helper()
	c := carried{module: open(tb, cfg)}
	b, err := c.module.Describe(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	d, err := wire.ParseDescription(b)
	if err != nil {
		tb.Fatal(err)
	}
	c.manifest = d.Manifest
	return c
}

func (c carried) Manifest() plugins.Manifest { return c.manifest }

func (c carried) Handle(ctx context.Context, ev plugins.Event, s plugins.State) ([]plugins.Mutation, error) {
	in, err := wire.Handle([]plugins.Event{ev}, map[string]plugins.State{ev.Room: s})
	if err != nil {
		return nil, err
	}
	out, err := c.module.Handle(ctx, in)
	if err != nil {
		return nil, err
	}
	outcomes, err := wire.ParseOutcomes(out)
	if err != nil {
		return nil, err
	}
	return outcomes[0].Mutations, outcomes[0].Err
}

func (c carried) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	in, err := wire.View(v)
	if err != nil {
		return nil, err
	}
	out, err := c.module.Render(ctx, in)
	if err != nil {
		return nil, err
	}
	return wire.ParseFragments(out)
}

// The ABI is not Go's: a feature in AssemblyScript passes everything that one in Go
// has to.
func TestAssemblyScript(t *testing.T) {
	cfg := wasm.Config{Path: poll(t), CacheDir: cacheDir}
	t.Run("Conform", func(t *testing.T) {
		if err := wasm.Conform(t.Context(), cfg); err != nil {
			t.Error(err)
		}
	})
	feature := carry(t, cfg)
	t.Run("Contract", func(t *testing.T) { plugintest.Run(t, feature) })

	asked := plugins.State{
		Registers: map[string]plugins.Item{"question": {ID: "i1", Value: `Is <b>"5 & 6's"</b> prime? 🌍`, Site: "lhr"}},
		Counters:  map[string]int64{"yes": 3, "no": -1},
	}
	event := func(name string, fields plugins.Fields) plugins.Event {
		return plugins.Event{ID: "e1", Name: name, Room: "a room", Fields: fields}
	}
	for _, tc := range []struct {
		name     string
		event    plugins.Event
		state    plugins.State
		want     []plugins.Mutation
		sentence string
	}{
		{"Ask", event("ask", plugins.Fields{"question": "  Tea? 🍵 "}), asked, []plugins.Mutation{
			plugins.Set("question", "Tea? 🍵"), plugins.Add("yes", -3), plugins.Add("no", 1),
		}, ""},
		{"AskNothing", event("ask", plugins.Fields{"question": "   "}), asked, nil, "A question needs words."},
		{"Vote", event("vote", plugins.Fields{"answer": "no"}), asked, []plugins.Mutation{plugins.Add("no", 1)}, ""},
		{"VoteEarly", event("vote", plugins.Fields{"answer": "no"}), plugins.State{}, nil, "Nobody has asked anything yet."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := feature.Handle(t.Context(), tc.event, tc.state)
			refusal, _ := errors.AsType[*plugins.Refusal](err)
			if (refusal == nil) != (tc.sentence == "") || refusal != nil && refusal.Sentence != tc.sentence {
				t.Errorf("Handle: %v; want the sentence %q", err, tc.sentence)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("mutations (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("Render", func(t *testing.T) {
		fragments, err := feature.Render(t.Context(), plugins.View{Feature: "poll", Room: "a room", State: asked})
		if err != nil || len(fragments) != 1 {
			t.Fatalf("Render = %v, %v; want one fragment", fragments, err)
		}
		for _, want := range []string{
			"<p>Is &lt;b&gt;&#34;5 &amp; 6&#39;s&#34;&lt;/b&gt; prime? 🌍</p>", "Yes 3<", "No -1<", `action="/rooms/a%20room/poll/vote"`,
		} {
			if !strings.Contains(fragments[0].HTML, want) {
				t.Errorf("HTML %s; want %s in it", fragments[0].HTML, want)
			}
		}
	})
	// Its abort says why, before it traps. No host sends a room that is not UTF-8.
	t.Run("Abort", func(t *testing.T) {
		_, err := feature.module.Render(t.Context(), []byte("\x12\x03\xed\xa0\x80"))
		if f := faultOf(t, err); !strings.HasPrefix(f.Error(), "presence_render: panic: URI malformed at ") {
			t.Errorf("fault %q; want one that says where it aborted", f)
		}
	})
}
