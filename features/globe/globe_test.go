package globe_test

import (
	"testing"
	"time"

	"github.com/global-presence/presence/features/globe"
	"github.com/global-presence/presence/features/internal/golden"
	"github.com/global-presence/presence/plugins"
)

func TestFeature_Handle(t *testing.T) {
	got, err := globe.New().Handle(t.Context(), plugins.Event{Name: "pulse"}, plugins.State{})
	if err != nil || got != nil {
		t.Errorf("Handle(pulse) = %v, %v; want nothing: the host traces it", got, err)
	}
	if _, err := globe.New().Handle(t.Context(), plugins.Event{Name: "stop"}, plugins.State{}); err == nil {
		t.Error("Handle(stop) = nil, want an error")
	}
}

func TestFeature_Render(t *testing.T) {
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	sites := []plugins.Site{
		{Name: "iad", Region: "iad", Pings: []plugins.Ping{{To: "lhr", RTT: ms(76.2)}, {To: "syd", RTT: ms(201)}}},
		{Name: "lhr", Region: "lhr", Pings: []plugins.Ping{{To: "iad", RTT: ms(76.4)}}},
		{Name: "lhr-2", Region: "lhr", Pings: []plugins.Ping{{To: "lhr", RTT: ms(0.61)}}},
		{Name: "syd", Region: "syd"},
	}
	people := []plugins.Group{{Key: "iad", People: 1, Tabs: 1}, {Key: "lhr", People: 40, Tabs: 50}, {Key: "nrt", People: 2, Tabs: 2}, {Key: "xyz", People: 1}}
	cut := append([]plugins.Site(nil), sites...)
	cut[3].CutOff = time.Date(2026, 11, 24, 5, 6, 7, 0, time.UTC)
	alone := append([]plugins.Site(nil), cut...)
	alone[0].CutOff = cut[3].CutOff
	state := func(s []plugins.Site, trace string) plugins.State {
		return plugins.State{
			Sites: map[string][]plugins.Site{"sites": s}, Presence: map[string][]plugins.Group{"people": people},
			Registers: map[string]plugins.Item{"trace": {Value: trace}},
		}
	}
	pulse := plugins.Trace{
		ID: "x", By: "k7qf2abcdefghijk", Site: "lhr", Appended: ms(1.3), Done: true,
		Rows: []plugins.TraceRow{
			{Site: "iad", Region: "iad", Arrived: ms(39.4), Rendered: ms(41.1), Returned: ms(79)},
			{Site: "lhr", Region: "lhr", Arrived: ms(1.9), Rendered: ms(3.1), Returned: ms(3.2)},
			{Site: "syd", Region: "syd", Arrived: ms(140), Returned: ms(279)},
		},
	}
	begun := pulse
	begun.Rows, begun.Done = pulse.Rows[1:2], false
	for _, tt := range []struct {
		name string
		view plugins.View
	}{
		{"nobody", plugins.View{}},
		{"three_regions", plugins.View{State: state(sites, pulse.Format())}},
		{"cut_off", plugins.View{State: state(cut, ""), Changes: []plugins.Change{{Field: "sites"}}}},
		{"two_cut_off", plugins.View{State: state(alone, ""), Changes: []plugins.Change{{Field: "sites"}}}},
		{"begun", plugins.View{State: state(sites, begun.Format()), Changes: []plugins.Change{{Field: "trace"}}}},
		{"strange", plugins.View{State: state(nil, "no trace"), Changes: []plugins.Change{{Field: "trace"}}}},
		{"people", plugins.View{State: state(sites, ""), Changes: []plugins.Change{{Field: "people", Group: "iad"}}}},
		{"unchanged", plugins.View{State: state(sites, ""), Changes: []plugins.Change{}}},
	} {
		t.Run(tt.name, func(t *testing.T) { golden.Render(t, tt.name, globe.New(), tt.view) })
	}
}
