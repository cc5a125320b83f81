package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/global-presence/presence/core/engine"
)

func TestBatch_Check_beat(t *testing.T) {
	heard := engine.Heard{Site: "syd", ID: "1795465238001-3", Held: 712_345}
	ping := engine.Ping{Site: "syd", RTT: 243_001}
	for _, tt := range []struct {
		name string
		beat engine.Beat
		want string // "" for none
	}{
		{"OK", engine.Beat{Region: "lhr"}, ""},
		{"Full", engine.Beat{
			Heard: slices.Repeat([]engine.Heard{heard}, engine.MaxHeard),
			Pings: slices.Repeat([]engine.Ping{ping}, engine.MaxPings),
		}, ""},
		{"TooManyHeard", engine.Beat{Heard: slices.Repeat([]engine.Heard{heard}, engine.MaxHeard+1)}, "beat with 65 heard"},
		{"TooManyPings", engine.Beat{Pings: slices.Repeat([]engine.Ping{ping}, engine.MaxPings+1)}, "257 pings"},
		{"HeardNobody", engine.Beat{Heard: []engine.Heard{{ID: heard.ID}}}, "site heard: missing"},
		{"HeardNothing", engine.Beat{Heard: []engine.Heard{{Site: "syd"}}}, `beat heard of "syd"`},
		{"HeldTooShort", engine.Beat{Heard: []engine.Heard{{Site: "syd", ID: heard.ID, Held: -1}}}, "held for -1"},
		{"PingOfNobody", engine.Beat{Pings: []engine.Ping{{RTT: 1}}}, "site of a ping: missing"},
		{"PingTooShort", engine.Beat{Pings: []engine.Ping{{Site: "syd", RTT: -1}}}, `ping to "syd": -1`},
		{"TellsFull", engine.Beat{Tells: slices.Repeat([]string{"ticker"}, engine.MaxTells), Leaves: true}, ""},
		{"TooManyTells", engine.Beat{Tells: slices.Repeat([]string{"ticker"}, engine.MaxTells+1)}, "tells of 65 features"},
		{"TellsNothing", engine.Beat{Tells: []string{""}}, "feature told of: missing"},
		{"Region", engine.Beat{Region: "a\nb"}, "region"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := engine.Batch{Binary: "b1", Beat: &tt.beat}.Check()
			if tt.want == "" && err != nil {
				t.Errorf("Check() = %v, want nil", err)
			}
			if tt.want != "" && (!errors.Is(err, engine.ErrRefused) || !strings.Contains(fmt.Sprint(err), tt.want)) {
				t.Errorf("Check() = %v, want ErrRefused with %q", err, tt.want)
			}
		})
	}
}

// TestBatch_Size_beat: a beat that tells much counts for what it takes in a log.
func TestBatch_Size_beat(t *testing.T) {
	beat := &engine.Beat{Region: "lhr", Version: "v1.2.3"}
	for i := range engine.MaxHeard {
		beat.Heard = append(beat.Heard, engine.Heard{Site: "syd", ID: "1795465238001-3", Held: int64(i) * 1000})
		beat.Pings = append(beat.Pings, engine.Ping{Site: "syd", RTT: int64(i) * 1000})
	}
	b, err := engine.Entry{Binary: "b1", Beat: beat}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got := (engine.Batch{Binary: "b1", Beat: beat}).Size(); got < len(b) || got > 2*len(b) {
		t.Errorf("Size() = %d, want %d bytes of the log, up to twice of it", got, len(b))
	}
}
