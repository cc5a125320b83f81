package wasm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/global-presence/presence/plugins/wasm"
)

// order is what a child is to do, and report what it answers: once when its modules
// are open and used, once when the call, if there is one, has returned.
type order struct {
	Path      string
	Cache     string
	Modules   int    // how often to open it; default 1
	Instances int    // how many to make of each; default 1
	Render    []byte // what to show 100 times with each module; default nothing
	Call      string // what to say in the end; default nothing
	Timeout   time.Duration
}

type report struct {
	State string        // "open", or how the call ended
	Open  time.Duration // how long all modules took to open
}

// hold is the main of a child: it opens modules, tells, and waits for standard input
// to end.
func hold() {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	if err := holdFor(in, out); err != nil {
		_ = out.Encode(report{State: err.Error()})
	}
	var end any
	_ = in.Decode(&end)
}

func holdFor(in *json.Decoder, out *json.Encoder) error {
	var o order
	if err := in.Decode(&o); err != nil {
		return err
	}
	ctx := context.Background()
	var modules []*wasm.Module
	start := time.Now()
	for range max(o.Modules, 1) {
		m, err := wasm.Open(ctx, wasm.Config{Path: o.Path, CacheDir: o.Cache, Instances: max(o.Instances, 1), Stderr: os.Stderr})
		if err != nil {
			return err
		}
		modules = append(modules, m)
	}
	took := time.Since(start)
	for _, m := range modules {
		give, err := m.Lend(ctx, max(o.Instances, 1))
		if err != nil {
			return err
		}
		give()
		for range 100 {
			if o.Render == nil {
				break
			}
			if _, err := m.Render(ctx, o.Render); err != nil {
				return err
			}
		}
	}
	if err := out.Encode(report{State: "open", Open: took}); err != nil {
		return err
	}
	if o.Call != "" {
		ctx, cancel := context.WithTimeout(ctx, o.Timeout)
		defer cancel()
		answer, err := modules[0].Handle(ctx, []byte(o.Call))
		return fmt.Errorf("returned %q, %w", answer, err)
	}
	return nil
}
