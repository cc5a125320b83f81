package process_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
	"github.com/global-presence/presence/plugins/process"
)

// roundTrip checks that any value of one type survives the wire.
func roundTrip[V any](t *testing.T, values *rapid.Generator[V], trip func(V) (V, error)) {
	t.Helper()
	rapid.Check(t, func(rt *rapid.T) {
		in := values.Draw(rt, "value")
		out, err := trip(in)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(in, out); diff != "" {
			rt.Errorf("changed on the way (-sent +arrived):\n%s", diff)
		}
	})
}

// some is a slice with entries, or nil.
func some[V any](t *rapid.T, name string, g *rapid.Generator[V]) []V {
	if s := rapid.SliceOfN(g, 0, 4).Draw(t, name); len(s) > 0 {
		return s
	}
	return nil
}

// named is a map with entries, or nil.
func named[V any](t *rapid.T, name string, g *rapid.Generator[V]) map[string]V {
	if m := rapid.MapOfN(rapid.String(), g, 0, 4).Draw(t, name); len(m) > 0 {
		return m
	}
	return nil
}

func text(t *rapid.T, name string) string { return rapid.String().Draw(t, name) }

// moment is any time to the millisecond, the zero one too.
func moment(t *rapid.T, name string) time.Time {
	if rapid.Bool().Draw(t, name+" is zero") {
		return time.Time{}
	}
	return time.UnixMilli(rapid.Int64Range(-1<<45, 1<<45).Draw(t, name)).UTC()
}

func person(t *rapid.T) plugins.Person {
	return plugins.Person{
		User: text(t, "user"), Session: text(t, "session"), Region: text(t, "region"), Edge: text(t, "edge"),
	}
}

func item(t *rapid.T) plugins.Item {
	return plugins.Item{ID: text(t, "id"), Value: text(t, "value"), At: moment(t, "at"), Site: text(t, "site")}
}

func group(t *rapid.T) plugins.Group {
	return plugins.Group{Key: text(t, "key"), People: rapid.Int().Draw(t, "people"), Tabs: rapid.Int().Draw(t, "tabs")}
}

func param(t *rapid.T) plugins.Param {
	return plugins.Param{
		Name: text(t, "name"), Type: plugins.Type(rapid.Byte().Draw(t, "type")),
		Optional: rapid.Bool().Draw(t, "optional"), Choices: some(t, "choices", rapid.String()),
		Min: rapid.Int64().Draw(t, "min"), Max: rapid.Int64().Draw(t, "max"),
	}
}

func TestManifest_Survives(t *testing.T) {
	fields := rapid.Custom(func(t *rapid.T) plugins.Field {
		return plugins.Field{
			Name: text(t, "name"), Kind: plugins.Kind(rapid.Byte().Draw(t, "kind")),
			Cap: rapid.Int().Draw(t, "cap"), By: plugins.Grouping(rapid.Byte().Draw(t, "by")),
		}
	})
	events := rapid.Custom(func(t *rapid.T) plugins.EventType {
		return plugins.EventType{
			Name: text(t, "name"), Fields: some(t, "fields", rapid.Custom(param)),
			Rate: rapid.Float64().Draw(t, "rate"), Burst: rapid.Int().Draw(t, "burst"),
		}
	})
	watches := rapid.Custom(func(t *rapid.T) plugins.Watch {
		return plugins.Watch{Keys: text(t, "keys"), Event: text(t, "event"), Room: text(t, "room")}
	})
	roundTrip(t, rapid.Custom(func(t *rapid.T) plugins.Manifest {
		return plugins.Manifest{
			Name: text(t, "name"), Title: text(t, "title"), Personal: rapid.Bool().Draw(t, "personal"),
			State: some(t, "state", fields), Events: some(t, "events", events), Style: text(t, "style"),
			Watches: some(t, "watches", watches),
		}
	}), process.TripManifest)
}

func TestEvent_Survives(t *testing.T) {
	roundTrip(t, rapid.Custom(func(t *rapid.T) plugins.Event {
		return plugins.Event{
			ID: text(t, "id"), Name: text(t, "name"), Room: text(t, "room"),
			Fields: named(t, "fields", rapid.String()), Person: person(t), Time: moment(t, "time"),
		}
	}), process.TripEvent)
}

func TestView_Survives(t *testing.T) {
	changes := rapid.Custom(func(t *rapid.T) plugins.Change {
		return plugins.Change{Field: text(t, "field"), Group: text(t, "group"), ID: text(t, "id"), Value: text(t, "value")}
	})
	lists := rapid.Custom(func(t *rapid.T) []plugins.Item { return some(t, "items", rapid.Custom(item)) })
	groups := rapid.Custom(func(t *rapid.T) []plugins.Group { return some(t, "groups", rapid.Custom(group)) })
	pings := rapid.Custom(func(t *rapid.T) plugins.Ping {
		us := rapid.Int64Range(-1<<40, 1<<40).Draw(t, "rtt")
		return plugins.Ping{To: text(t, "to"), RTT: time.Duration(us) * time.Microsecond}
	})
	sites := rapid.Custom(func(t *rapid.T) []plugins.Site {
		return some(t, "sites", rapid.Custom(func(t *rapid.T) plugins.Site {
			return plugins.Site{
				Name: text(t, "name"), Region: text(t, "region"), CutOff: moment(t, "cut off"), Pings: some(t, "pings", pings),
			}
		}))
	})
	roundTrip(t, rapid.Custom(func(t *rapid.T) plugins.View {
		v := plugins.View{
			Feature: text(t, "feature"), Room: text(t, "room"), Viewer: person(t),
			State: plugins.State{
				Registers: named(t, "registers", rapid.Custom(item)),
				Counters:  named(t, "counters", rapid.Int64()),
				Lists:     named(t, "lists", lists),
				Presence:  named(t, "presence", groups),
				Sites:     named(t, "sites", sites),
			},
			Changes: some(t, "changes", changes),
		}
		if v.Changes == nil && rapid.Bool().Draw(t, "no changes") {
			v.Changes = []plugins.Change{}
		}
		return v
	}), process.TripView)
}

func TestMutation_Survives(t *testing.T) {
	roundTrip(t, rapid.Custom(func(t *rapid.T) plugins.Mutation {
		return plugins.Mutation{
			Field: text(t, "field"), Op: plugins.Op(rapid.Byte().Draw(t, "op")),
			Value: text(t, "value"), Delta: rapid.Int64().Draw(t, "delta"),
		}
	}), process.TripMutation)
	for _, m := range []plugins.Mutation{plugins.Add("n", math.MinInt64), plugins.Add("n", math.MaxInt64)} {
		if got, err := process.TripMutation(m); err != nil || got != m {
			t.Errorf("sent %+v, arrived %+v, %v", m, got, err)
		}
	}
}

func TestFragment_Survives(t *testing.T) {
	operations := rapid.Custom(func(t *rapid.T) dom.Operation {
		return rapid.SampledFrom([]func() dom.Operation{
			func() dom.Operation { return dom.SetProperty("#x-a", "textContent", text(t, "text")) },
			func() dom.Operation { return dom.SetProperty("#x-a", "tabIndex", rapid.Int().Draw(t, "number")) },
			func() dom.Operation { return dom.AddCSSClass("#x-a", []string{"on", "off"}) },
			func() dom.Operation { return dom.Remove("#x-a") },
		}).Draw(t, "operation")()
	})
	roundTrip(t, rapid.Custom(func(t *rapid.T) plugins.Fragment {
		return plugins.Fragment{
			ID: text(t, "id"), HTML: text(t, "html"),
			Audience: plugins.Audience{User: text(t, "user"), Session: text(t, "session")},
			Patch:    some(t, "patch", operations),
		}
	}), process.TripFragment)
}

func TestError_IsCut(t *testing.T) {
	for _, tt := range []struct{ name, text, message, sentence string }{
		{"Short", "No.", "No.", "No."},
		{"Long", strings.Repeat("x", 1<<20), strings.Repeat("x", 1<<10), strings.Repeat("x", plugins.MaxSentenceSize)},
		{"InACharacter", "x" + strings.Repeat("é", 1<<20), "x" + strings.Repeat("é", 511), "x" + strings.Repeat("é", 99)},
		{"AtACharacter", strings.Repeat("é", 1<<20), strings.Repeat("é", 512), strings.Repeat("é", 100)},
		{"NotUTF8", strings.Repeat("x\xff", 1<<20), strings.Repeat("x\uFFFD", 256), strings.Repeat("x\uFFFD", 50)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			message, sentence := process.ErrorOut(plugins.Refuse(tt.text))
			if message != tt.message || sentence != tt.sentence {
				t.Errorf("message of %d bytes, sentence of %d; want %d and %d", len(message), len(sentence), len(tt.message), len(tt.sentence))
			}
		})
	}
}
