package process_test

import (
	"slices"
	"testing"
	"time"

	"github.com/global-presence/presence/plugins/process"
)

func TestMisses(t *testing.T) {
	ms := func(all ...int) (times []time.Duration) {
		for _, n := range all {
			times = append(times, time.Duration(n)*time.Millisecond)
		}
		return times
	}
	for _, tt := range []struct {
		name string
		at   []time.Duration // when a call of 100 ms was late
		want []bool          // whether that was once too often, of three
	}{
		{"OneAfterTheOther", ms(100, 200, 300), []bool{false, false, true}},
		{"NoticedBeforehand", ms(90, 180, 270), []bool{false, false, true}},
		{"Together", ms(100, 100, 100, 101, 102), []bool{false, false, false, false, false}},
		{"TogetherAndAgain", ms(100, 100, 100, 200), []bool{false, false, false, true}},
		{"FarApart", ms(100, 5000, 90000), []bool{false, false, true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := process.Hung(100*time.Millisecond, 3, tt.at...)
			if !slices.Equal(got, tt.want) {
				t.Errorf("hung: %v, want %v", got, tt.want)
			}
		})
	}
}
