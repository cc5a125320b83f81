package demo_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/demo"
)

func TestStatus(t *testing.T) {
	three := []string{"iad", "lhr", "syd"}
	for _, tt := range []struct {
		name    string
		scene   demo.Scene
		verdict demo.Verdict
		regions []string // a sentence each
		labels  []string // of the links
	}{
		{
			"Quiet",
			demo.Scene{Regions: three},
			demo.Verdict{State: "agree", Sentence: "All three regions agree."},
			[]string{"Connected to the others.", "Connected to the others.", "Connected to the others."},
			[]string{"100 ms", "100 ms", "100 ms"},
		},
		{
			"Two",
			demo.Scene{Regions: three[:2]},
			demo.Verdict{State: "agree", Sentence: "Both regions agree."},
			[]string{"Connected to the other one.", "Connected to the other one."},
			[]string{"100 ms"},
		},
		{
			"Travelling",
			demo.Scene{Regions: three, Leaving: map[string]int{"iad": 1}, Waiting: map[[2]string]int{{"iad", "syd"}: 1}, Differ: []string{"light"}},
			demo.Verdict{State: "travelling", Sentence: "1 change is on its way."},
			[]string{"Connected to the others.", "Connected to the others.", "Connected to the others."},
			[]string{"100 ms", "100 ms", "100 ms"},
		},
		{
			"SeveralTravelling",
			demo.Scene{Regions: three, Leaving: map[string]int{"iad": 1, "lhr": 2}},
			demo.Verdict{State: "travelling", Sentence: "3 changes are on their way."},
			[]string{"Connected to the others.", "Connected to the others.", "Connected to the others."},
			[]string{"100 ms", "100 ms", "100 ms"},
		},
		{
			"CatchingUp",
			demo.Scene{Regions: three, Differ: []string{"light"}},
			demo.Verdict{State: "travelling", Sentence: "The regions are catching up."},
			[]string{"Connected to the others.", "Connected to the others.", "Connected to the others."},
			[]string{"100 ms", "100 ms", "100 ms"},
		},
		{
			"Cut",
			demo.Scene{Regions: three, Off: []string{"syd"}},
			demo.Verdict{State: "apart", Sentence: "Sydney is cut off. So far everyone still sees the same."},
			[]string{"Connected to the rest.", "Connected to the rest.", "Cut off: it goes on by itself."},
			[]string{"100 ms", "cut", "cut"},
		},
		{
			"CutAndBusy",
			demo.Scene{
				Regions: three, Off: []string{"syd"}, Leaving: map[string]int{"syd": 3, "lhr": 1},
				Waiting: map[[2]string]int{{"syd", "iad"}: 3, {"syd", "lhr"}: 3, {"lhr", "syd"}: 1}, Differ: []string{"counter", "hello", "light"},
			},
			demo.Verdict{State: "apart", Sentence: "Sydney is cut off. The regions differ in counter, hello and light."},
			[]string{"Connected to the rest.", "Connected to the rest.", "Cut off: 3 changes wait here, 1 outside."},
			[]string{"100 ms", "3 waiting", "4 waiting"},
		},
		{
			"TwoCut",
			demo.Scene{
				Regions: three, Off: []string{"lhr", "syd"}, Leaving: map[string]int{"iad": 1, "lhr": 1},
				Waiting: map[[2]string]int{{"iad", "lhr"}: 1, {"iad", "syd"}: 1, {"lhr", "iad"}: 1, {"lhr", "syd"}: 1},
			},
			demo.Verdict{State: "apart", Sentence: "London and Sydney are cut off. So far everyone still sees the same."},
			[]string{"Left alone: 1 change waits here, 1 outside.", "Cut off: 1 change waits here, 1 outside.", "Cut off: 2 changes wait outside."},
			[]string{"2 waiting", "1 waiting", "1 waiting"},
		},
		{
			"TwoSites",
			demo.Scene{Regions: []string{"lhr", "lhr-2"}, Off: []string{"lhr-2"}, Leaving: map[string]int{"lhr-2": 2}},
			demo.Verdict{State: "apart", Sentence: "London 2 is cut off. So far everyone still sees the same."},
			[]string{"Left alone: it goes on by itself.", "Cut off: 2 changes wait here."},
			[]string{"cut"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.scene.Delay = 100 * time.Millisecond
			st := tt.scene.Status()
			if diff := cmp.Diff(tt.verdict, st.Verdict); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			var sentences, labels []string
			for _, r := range st.Regions {
				sentences = append(sentences, r.Sentence)
			}
			for _, l := range st.Links {
				labels = append(labels, l.Label)
			}
			if diff := cmp.Diff(tt.regions, sentences); diff != "" {
				t.Errorf("regions (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.labels, labels); diff != "" {
				t.Errorf("links (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatus_Ways(t *testing.T) {
	st := demo.Scene{
		Regions: []string{"iad", "lhr", "syd", "xyz"}, Off: []string{"xyz"}, Delay: 38_600 * time.Microsecond,
		Took: map[[2]string]time.Duration{{"lhr", "iad"}: 40 * time.Millisecond, {"syd", "iad"}: 6540 * time.Millisecond, {"xyz", "iad"}: time.Second},
	}.Status()
	want := []string{"from London 39 ms (last 40 ms)", "from Sydney 39 ms (last 6.5 s)", "nothing from xyz"}
	if diff := cmp.Diff(want, st.Regions[0].Ways); diff != "" {
		t.Errorf("ways to iad (-want +got):\n%s", diff)
	}
}
