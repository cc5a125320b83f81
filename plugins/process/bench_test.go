//go:build unix

package process_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// sample is an event and the state it meets, of an ordinary size.
func sample() (plugins.Event, map[string]plugins.State) {
	ev := plugins.Event{
		ID: "01j9zq6w5d3k8v7n", Name: "say", Room: "home", Fields: plugins.Fields{"text": "hello, world"},
		Person: plugins.Person{User: "k7qf2abcdefghijk", Session: "s1", Region: "lhr", Edge: "lhr"},
	}
	return ev, map[string]plugins.State{"home": {
		Registers: map[string]plugins.Item{"said": {ID: "mdqk3x9f-0-0-lhr", Value: "hello", Site: "lhr"}},
		Counters:  map[string]int64{"count": 42},
	}}
}

// BenchmarkHandle is one batch answered, with nothing else going on.
func BenchmarkHandle(b *testing.B) {
	for _, size := range []int{1, 64} {
		b.Run(fmt.Sprintf("events=%d", size), func(b *testing.B) {
			r := startUp(b, "echo", process.Config{})
			ev, states := sample()
			events := make([]plugins.Event, size)
			for i := range events {
				events[i] = ev
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Handle(b.Context(), events, states); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/event")
		})
	}
}

// BenchmarkHandlePipelined is one event answered while 63 others are under way.
func BenchmarkHandlePipelined(b *testing.B) {
	r := startUp(b, "echo", process.Config{})
	ev, states := sample()
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := r.Handle(b.Context(), []plugins.Event{ev}, states); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkRender is one view rendered, with nothing else going on.
func BenchmarkRender(b *testing.B) {
	r := startUp(b, "echo", process.Config{})
	_, states := sample()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Render(b.Context(), plugins.View{Feature: "echo", Room: "home", State: states["home"]}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStart is from no process to one that has answered and is gone again,
// with the memory it held.
func BenchmarkStart(b *testing.B) {
	var resident float64
	for b.Loop() {
		r := startUp(b, "echo", process.Config{})
		resident = residentMB(b, r.pid(b))
		r.stop()
	}
	b.ReportMetric(resident, "MB-resident")
}

// residentMB is how much memory a process has, where the system tells.
func residentMB(b *testing.B, pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	var kB float64
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			if _, err := fmt.Sscan(rest, &kB); err != nil {
				b.Fatal(err)
			}
		}
	}
	return kB / 1000
}
