package wire_test

import (
	"strconv"
	"testing"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/internal/wire"
)

// BenchmarkHandle is what a batch of 64 events costs on each side, besides the feature.
func BenchmarkHandle(b *testing.B) {
	events := make([]plugins.Event, 64)
	outcomes := make([]plugins.Outcome, 64)
	for i := range events {
		events[i] = plugins.Event{
			ID: "01j9zq6w5d3k8v7n" + strconv.Itoa(i), Name: "say", Room: "home", Fields: plugins.Fields{"text": "hello, world"},
			Person: plugins.Person{User: "k7qf2abcdefghijk", Session: "s1", Region: "lhr", Edge: "lhr"},
		}
		outcomes[i].Mutations = []plugins.Mutation{plugins.Set("said", "hello, world")}
	}
	states := map[string]plugins.State{"home": {
		Registers: map[string]plugins.Item{"said": {ID: "mdqk3x9f-0-0-lhr", Value: "hello", Site: "lhr"}},
		Counters:  map[string]int64{"count": 42},
	}}
	in, err := wire.Handle(events, states)
	if err != nil {
		b.Fatal(err)
	}
	out, err := wire.Outcomes(b.Context(), outcomes)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("ask", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = wire.Handle(events, states)
		}
	})
	b.Run("hear", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _, _ = wire.ParseHandle(in)
		}
	})
	b.Run("answer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = wire.Outcomes(b.Context(), outcomes)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = wire.ParseOutcomes(out)
		}
	})
}
