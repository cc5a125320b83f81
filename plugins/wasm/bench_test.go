package wasm_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/internal/wire"
	"github.com/global-presence/presence/plugins/wasm"
)

// BenchmarkCall is one call with nothing to do: into the guest and back.
func BenchmarkCall(b *testing.B) {
	for name, module := range map[string][]byte{"tiny": valid.bytes(), "go": guest(b, "hostile")} {
		b.Run(name, func(b *testing.B) {
			m := open(b, wasm.Config{Bytes: module, Instances: 1})
			in := append([]byte("echo "), bytes.Repeat([]byte("x"), 200)...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Handle(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkHandle is one event of a small feature.
func BenchmarkHandle(b *testing.B) {
	for _, name := range []string{"steady", "claps"} {
		b.Run(name, func(b *testing.B) {
			m := open(b, wasm.Config{Bytes: guest(b, name), Instances: 1})
			in := clap(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Handle(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRender is one view shown: by hand, with templ, and with html/template.
func BenchmarkRender(b *testing.B) {
	light, err := wire.View(plugins.View{Feature: "lightbulb", Room: "home", State: plugins.State{
		Registers: map[string]plugins.Item{"light": {ID: "i1", Value: `{"on":true,"region":"lhr"}`, Site: "lhr"}},
	}})
	if err != nil {
		b.Fatal(err)
	}
	for _, bc := range []struct {
		name, guest string
		in          []byte
	}{
		{"by-hand", "steady", corner(b, 42)}, {"templ", "lightbulb", light}, {"html-template", "claps", corner(b, 42)},
	} {
		b.Run(bc.name, func(b *testing.B) {
			m := open(b, wasm.Config{Bytes: guest(b, bc.guest), Instances: 1})
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				out, err := m.Render(b.Context(), bc.in)
				if err != nil {
					b.Fatal(err)
				}
				size = len(out)
			}
			b.ReportMetric(float64(size), "B/answer")
		})
	}
}

// BenchmarkOpen is from a file to the first instance.
func BenchmarkOpen(b *testing.B) {
	for _, name := range []string{"steady", "lightbulb", "claps"} {
		module := guest(b, name)
		for _, cached := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/cached=%t", name, cached), func(b *testing.B) {
				cfg := wasm.Config{Bytes: module}
				if cached {
					cfg.CacheDir = cacheDir
				}
				for b.Loop() {
					m, err := wasm.Open(b.Context(), cfg)
					if err != nil {
						b.Fatal(err)
					}
					if err := m.Close(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(module))/1e6, "MB-module")
			})
		}
	}
}

// BenchmarkInstance is a new instance in the place of one that met a fault.
func BenchmarkInstance(b *testing.B) {
	m := open(b, wasm.Config{Bytes: guest(b, "hostile"), Instances: 1})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Handle(b.Context(), []byte("exit")); err == nil {
			b.Fatal("exit returned")
		}
	}
}

// BenchmarkMemory is what modules take that were opened and used: in processes of
// their own, and together in one.
func BenchmarkMemory(b *testing.B) {
	for _, name := range []string{"steady", "lightbulb", "claps"} {
		guest(b, name)
		for _, shape := range []struct{ processes, modules, instances int }{{1, 1, 1}, {1, 1, 2}, {1, 12, 1}, {12, 1, 1}} {
			for _, cached := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/processes=%d/modules=%d/instances=%d/cached=%t", name, shape.processes, shape.modules, shape.instances, cached), func(b *testing.B) {
					o := order{Path: guestFile(name), Modules: shape.modules, Instances: shape.instances}
					if name != "lightbulb" {
						o.Render = corner(b, 42)
					}
					if cached {
						o.Cache = cacheDir
					}
					for b.Loop() {
						holdMemory(b, shape.processes, o)
					}
				})
			}
		}
	}
}

// holdMemory starts processes that do what o says, and reports what they take.
func holdMemory(b *testing.B, processes int, o order) {
	b.Helper()
	var pids []int
	took := 0.0
	for range processes {
		cmd, in, out := child(b, "hold")
		defer func() { _, _ = cmd.Process.Kill(), cmd.Wait() }()
		var r report
		if err := in.Encode(o); err != nil {
			b.Fatal(err)
		}
		if err := out.Decode(&r); err != nil || r.State != "open" {
			b.Fatalf("report %+v, %v; want open", r, err)
		}
		pids = append(pids, cmd.Process.Pid)
		took += r.Open.Seconds()
	}
	pss, rss := 0.0, 0.0
	for _, pid := range pids {
		p, r := memoryOf(b, pid)
		pss, rss = pss+p, rss+r
	}
	b.ReportMetric(pss, "MB-PSS")
	b.ReportMetric(rss, "MB-RSS")
	b.ReportMetric(took/float64(processes*max(o.Modules, 1))*1000, "ms/open")
}

// memoryOf is how many MB a process takes, and that with its share of what it shares.
func memoryOf(b *testing.B, pid int) (pss, rss float64) {
	b.Helper()
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		b.Skipf("the system does not tell what a process takes: %v", err)
	}
	for line := range bytes.Lines(rollup) {
		for prefix, to := range map[string]*float64{"Pss:": &pss, "Rss:": &rss} {
			if rest, ok := bytes.CutPrefix(line, []byte(prefix)); ok {
				var kB float64
				if _, err := fmt.Fscan(bytes.NewReader(rest), &kB); err != nil {
					b.Fatal(err)
				}
				*to = kB * 1024 / 1e6
			}
		}
	}
	return pss, rss
}
