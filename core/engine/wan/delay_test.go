package wan_test

import (
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine/wan"
)

func TestDelay(t *testing.T) {
	for _, tt := range []struct {
		name, from, to string
		want           time.Duration
	}{
		{"measured", "lhr", "syd", 130500 * time.Microsecond},
		{"measured, the other way", "syd", "lhr", 130500 * time.Microsecond},
		{"measured, near", "ams", "fra", 5500 * time.Microsecond},
		{"within a region", "lhr", "lhr", 500 * time.Microsecond},
		{"within a region that is unknown", "zzz", "zzz", 500 * time.Microsecond},
		{"unknown", "lhr", "zzz", 73 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := wan.Delay(tt.from, tt.to); got != tt.want {
				t.Errorf("Delay(%q, %q) = %v, want %v", tt.from, tt.to, got, tt.want)
			}
		})
	}
}

// TestDelay_fitted holds the fit against figures of the same source that are not in
// the table, such as those of Madrid, Warsaw, Hong Kong and Chennai; that of New
// Jersey is its neighbour Virginia's.
func TestDelay_fitted(t *testing.T) {
	for _, tt := range []struct {
		from, to string
		rtt      int // milliseconds
	}{
		{"ewr", "sjc", 68},
		{"mad", "lhr", 25},
		{"waw", "fra", 23},
		{"hkg", "nrt", 49},
		{"maa", "sin", 37},
		{"qro", "dfw", 22},
		{"phx", "iad", 57},
		{"mad", "gru", 183},
	} {
		got, want := wan.Delay(tt.from, tt.to), time.Duration(tt.rtt)*time.Millisecond/2
		if got < want*6/10 || got > want*16/10 {
			t.Errorf("Delay(%q, %q) = %v, want about %v", tt.from, tt.to, got, want)
		}
		if back := wan.Delay(tt.to, tt.from); back != got {
			t.Errorf("Delay(%q, %q) = %v, the other way %v", tt.from, tt.to, got, back)
		}
	}
}
