package process_test

import (
	"slices"
	"testing"
	"time"

	"github.com/global-presence/presence/plugins/process"
)

func TestMisses(t *testing.T) {
	ms := func(timeout int, at ...int) (all []process.Miss) {
		for _, n := range at {
			all = append(all, process.Miss{At: time.Duration(n) * time.Millisecond, Timeout: time.Duration(timeout) * time.Millisecond})
		}
		return all
	}
	for _, tt := range []struct {
		name string
		late []process.Miss
		want []bool // whether that was once too often, of three
	}{
		{"OneAfterTheOther", ms(100, 100, 200, 300, 400, 500), []bool{false, false, false, false, true}},
		{"Together", ms(100, 100, 100, 100, 101, 102), []bool{false, false, false, false, false}},
		{"TogetherAndAgain", ms(100, 100, 100, 100, 200, 600), []bool{false, false, false, false, true}},
		{"FarApart", ms(100, 100, 5000, 90000), []bool{false, false, true}},
		{"TheLongestFirst", append(ms(200, 200), ms(100, 300, 400, 600, 999, 1000)...), []bool{false, false, false, false, false, true}},
		{"TheLongestLast", append(ms(100, 100, 300), ms(200, 500, 999, 1000)...), []bool{false, false, false, false, true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := process.Hung(3, tt.late...); !slices.Equal(got, tt.want) {
				t.Errorf("hung: %v, want %v", got, tt.want)
			}
		})
	}
}
