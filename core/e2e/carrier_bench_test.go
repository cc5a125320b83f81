package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// carry runs a feature of the program in a process of its own, as a process or as the
// carrier of its module, until the benchmark ends.
func carry(b *testing.B, kind, name string) *process.Plugin {
	b.Helper()
	was := *carrier
	*carrier = kind
	args := featureArgs(b, name)
	*carrier = was
	up := make(chan struct{})
	var once sync.Once
	p := process.New(process.Config{
		Name: name, Path: program(b), Args: args, StartTimeout: time.Minute,
		OnStatus: func(s plugins.Status) {
			if s.Up {
				once.Do(func() { close(up) })
			}
		},
	})
	runUntilEnd(b, p.Run)
	select {
	case <-up:
	case <-time.After(time.Minute):
		b.Fatalf("%s is not up", name)
	}
	return p
}

// BenchmarkCarrier is one view shown through the whole carrier: the stream to its
// process and, with wasm, the module in it. A light is shown with templ; of pointers only
// their element is, written by hand. It reports what the process takes after that.
func BenchmarkCarrier(b *testing.B) {
	for _, kind := range []string{"process", "wasm"} {
		for name, state := range map[string]plugins.State{
			"lightbulb": {Registers: map[string]plugins.Item{"light": {ID: "i1", Value: "on=true&region=lhr", Site: "lhr"}}},
			"cursors":   {},
		} {
			b.Run(kind+"/"+name, func(b *testing.B) {
				p := carry(b, kind, name)
				v := plugins.View{Feature: name, Room: "home", State: state}
				var samples []float64
				once := func() {
					began := time.Now()
					fragments, err := p.Render(b.Context(), v)
					samples = append(samples, time.Since(began).Seconds()*1000)
					if err != nil || len(fragments) == 0 {
						b.Fatalf("Render = %d fragments, %v", len(fragments), err)
					}
				}
				for b.Loop() {
					once()
				}
				for len(samples) < fewest {
					once()
				}
				report(b, samples)
				for _, pid := range childrenOf(os.Getpid()) {
					reportMemory(b, "", pid)
				}
			})
		}
	}
}

// BenchmarkCarrierStart is from the start of the program to its first page with all
// features on it: as processes, as modules that have to be compiled first, and as
// modules that were compiled before. It reports what the program takes then, and what it
// takes with all its carriers.
func BenchmarkCarrierStart(b *testing.B) {
	for _, kind := range []string{"process", "wasm-cold", "wasm-cached"} {
		b.Run(kind, func(b *testing.B) {
			args := []string{"--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--region=lhr"}
			if kind != "process" {
				args = append(args, "--carrier=wasm", "--modules="+modules(b))
			}
			var samples []float64
			for b.Loop() {
				cache := cacheDir()
				if kind == "wasm-cold" {
					cache = b.TempDir()
				}
				began := time.Now()
				s := launchWith(b, []string{"XDG_CACHE_HOME=" + cache}, args...)
				found := s.waitSaid(served)
				s.url, s.admin = found[1], found[2]
				v := newVisitor(b, s.url)
				waitWithin(b, 2*time.Minute, "a page with all features", func() (string, bool) {
					a, err := v.try("GET", "/", "")
					if err != nil {
						return err.Error(), false
					}
					resting := strings.Count(a.body, "Resting")
					return fmt.Sprintf("%d rest", resting), resting == 0 && strings.Contains(a.body, `id="counter-total"`)
				})
				s.waitReady()
				samples = append(samples, float64(time.Since(began).Milliseconds()))
				reportMemory(b, "host-", s.cmd.Process.Pid)
				reportMemory(b, "all-", append(childrenOf(s.cmd.Process.Pid), s.cmd.Process.Pid)...)
				s.stop()
			}
			slices.Sort(samples)
			b.ReportMetric(samples[len(samples)/2], "median-ms")
		})
	}
}

// BenchmarkFolder is from a file that is copied into the folder to the page that shows
// its feature. The folder looks twice a second, and a file has to rest for a second.
func BenchmarkFolder(b *testing.B) {
	for _, kind := range []string{"process", "wasm-cold", "wasm-cached"} {
		b.Run(kind, func(b *testing.B) {
			build, cold := strings.CutSuffix(strings.TrimSuffix(kind, "-cached"), "-cold")
			file := tally(b, build, "Tally", "1")
			dir, cache := b.TempDir(), cacheDir()
			if cold {
				cache = b.TempDir()
			}
			s := launchWith(b, []string{"XDG_CACHE_HOME=" + cache}, "--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--region=lhr", "--plugins="+dir)
			found := s.waitSaid(served)
			s.url, s.admin = found[1], found[2]
			s.waitReady()
			d := pluginDir{s, dir}
			v := newVisitor(b, s.url)
			shown := func(want bool) {
				waitFor(b, "the page to change", func() (string, bool) {
					return "", strings.Contains(v.get("/").body, `id="tally-total"`) == want
				})
			}
			var samples []float64
			for b.Loop() {
				if cold {
					if err := os.RemoveAll(filepath.Join(cache, "presence")); err != nil {
						b.Fatal(err)
					}
				}
				d.copy(file, "tally")
				began := time.Now()
				shown(true)
				samples = append(samples, float64(time.Since(began).Milliseconds()))
				d.remove("tally")
				shown(false)
			}
			slices.Sort(samples)
			b.ReportMetric(samples[len(samples)/2], "median-ms")
		})
	}
}

// childrenOf are the process ids of what a process has started.
func childrenOf(pid int) (children []int) {
	all, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil
	}
	for _, path := range all {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		for word := range strings.FieldsSeq(string(content)) {
			var child int
			if _, err := fmt.Sscan(word, &child); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

// reportMemory reports what processes hold together, with and without what they share.
func reportMemory(b *testing.B, prefix string, pids ...int) {
	b.Helper()
	var pss, rss float64
	for _, pid := range pids {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			b.Logf("no memory of process %d: %v", pid, err)
			return
		}
		for line := range strings.Lines(string(content)) {
			for name, sum := range map[string]*float64{"Pss:": &pss, "Rss:": &rss} {
				var kB float64
				if rest, ok := strings.CutPrefix(line, name); ok {
					if _, err := fmt.Sscan(rest, &kB); err != nil {
						b.Fatal(err)
					}
					*sum += kB * 1024 / 1e6
				}
			}
		}
	}
	b.ReportMetric(pss, prefix+"MB-PSS")
	b.ReportMetric(rss, prefix+"MB-RSS")
}
