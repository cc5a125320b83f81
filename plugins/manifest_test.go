package plugins_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/plugins"
)

// lamp is a manifest that has one of everything.
func lamp() plugins.Manifest {
	return plugins.Manifest{
		Name: "lamp-2", Title: "Lamp", Personal: true,
		State: []plugins.Field{
			{Name: "light", Kind: plugins.Register},
			{Name: "clicks", Kind: plugins.Counter},
			{Name: "said", Kind: plugins.List, Cap: plugins.MaxListSize},
			{Name: "people", Kind: plugins.Presence, By: plugins.ByRegion},
			{Name: "mine", Kind: plugins.Presence, By: plugins.ByUser},
			{Name: "flash_1", Kind: plugins.Volatile},
			{Name: "sites", Kind: plugins.Sites},
			{Name: "path", Kind: plugins.Register},
			{Name: "hits", Kind: plugins.Volatile, Direct: true},
			{Name: "all", Kind: plugins.Traffic},
			{Name: "pixels", Kind: plugins.Grid, Width: plugins.MaxGridSide, Height: 1, Palette: []plugins.Colour{
				{Name: "white", RGB: "#ffffff"}, {Name: "dark red", RGB: "#800000"},
			}},
		},
		Leaves: "left", Joins: "joined",
		Events: []plugins.EventType{
			{Name: "set", Rate: 1000, Burst: 10000, Fields: []plugins.Param{
				{Name: "on", Type: plugins.Bool},
				{Name: "by", Type: plugins.Int, Min: -1, Max: 1},
				{Name: "note", Type: plugins.Text, Max: plugins.MaxTextSize, Optional: true},
				{Name: "colour", Type: plugins.Choice, Choices: []string{"red", "blue"}},
			}},
			{Name: "switch-off"},
			{Name: "paint", Fields: []plugins.Param{{Name: "cells", Type: plugins.Cells, Of: "pixels", Max: 8}}},
			{Name: "move", Latest: true},
			{Name: "clear", Admin: true},
			{Name: "pulse", Trace: "path"},
		},
		Watches: []plugins.Watch{
			{Keys: "lamp:mood", Event: "mood"},
			{Keys: "lamp:*:mood", Event: "mood", Room: "room-*"},
		},
		Style: ":scope { color: red }",
	}
}

func TestManifest_Validate(t *testing.T) {
	t.Run("OK", func(t *testing.T) {
		for name, m := range map[string]plugins.Manifest{
			"Full":    lamp(),
			"Least":   {Name: "a", Title: "A"},
			"Longest": {Name: "a" + strings.Repeat("-", 31), Title: strings.Repeat("t", plugins.MaxSentenceSize), Style: "/*" + strings.Repeat("x", plugins.MaxStyleSize-4) + "*/"},
		} {
			if err := m.Validate(); err != nil {
				t.Errorf("%s: Validate() = %v, want nil", name, err)
			}
		}
	})

	for _, tt := range []struct {
		name  string
		spoil func(*plugins.Manifest)
		want  string // a part of the one line it costs
	}{
		{"TwoGrids", func(m *plugins.Manifest) {
			m.State = append(m.State, plugins.Field{Name: "more", Kind: plugins.Grid, Width: 1, Height: 1, Palette: m.State[10].Palette})
		}, "grids pixels, more: want one at most"},
		{"GridTooWide", func(m *plugins.Manifest) { m.State[10].Width++ }, `"pixels": 2049 × 1 cells`},
		{"GridWithoutHeight", func(m *plugins.Manifest) { m.State[10].Height = 0 }, `"pixels": 2048 × 0 cells`},
		{"GridOfOneColour", func(m *plugins.Manifest) { m.State[10].Palette = m.State[10].Palette[:1] }, `1 colours: want 2 to 64`},
		{"ColourTwice", func(m *plugins.Manifest) { m.State[10].Palette[1].Name = "white" }, `colour "white" is there twice`},
		{"ColourWithoutName", func(m *plugins.Manifest) { m.State[10].Palette[1].Name = "a;b" }, `name "a;b" of colour 1`},
		{"ColourInUpperCase", func(m *plugins.Manifest) { m.State[10].Palette[1].RGB = "#FF0000" }, `"#FF0000": want "#rrggbb" in lower case`},
		{"RegisterWithWidth", func(m *plugins.Manifest) { m.State[0].Width = 3 }, `"light": only a grid`},
		{"RegisterDirect", func(m *plugins.Manifest) { m.State[0].Direct = true }, `"light": only a volatile one is direct`},
		{"CellsOfNothing", func(m *plugins.Manifest) { m.Events[2].Fields[0].Of = "light" }, `cells of "light": the manifest declares no such grid`},
		{"TooManyCells", func(m *plugins.Manifest) { m.Events[2].Fields[0].Max = plugins.MaxCells + 1 }, `a max of 1 to 64 cells`},
		{"IntOfGrid", func(m *plugins.Manifest) { m.Events[0].Fields[1].Of = "pixels" }, `only cells lie in a grid`},
		{"TraceOfNothing", func(m *plugins.Manifest) { m.Events[5].Trace = "clicks" }, `trace "clicks": want a register`},
		{"TraceOfLatest", func(m *plugins.Manifest) { m.Events[5].Latest = true }, `trace "path"`},
		{"LeavesAnEvent", func(m *plugins.Manifest) { m.Leaves = "move" }, `leaves "move"`},
		{"LeavesNoName", func(m *plugins.Manifest) { m.Leaves = "Left!" }, `leaves "Left!"`},
		{"JoinsAnEvent", func(m *plugins.Manifest) { m.Joins = "move" }, `joins "move"`},
		{"JoinsNoName", func(m *plugins.Manifest) { m.Joins = "Came!" }, `joins "Came!"`},
		{"JoinsAsLeaves", func(m *plugins.Manifest) { m.Joins = "left" }, `joins "left": want`},
		{"WatchJoins", func(m *plugins.Manifest) { m.Watches[0].Event = "joined" }, `event "joined"`},
		{"WatchLeaves", func(m *plugins.Manifest) { m.Watches[0].Event = "left" }, `event "left"`},
		{"NameMissing", func(m *plugins.Manifest) { m.Name = "" }, `name ""`},
		{"NameOfCapitals", func(m *plugins.Manifest) { m.Name = "Lamp" }, `name "Lamp"`},
		{"NameOfUnderscore", func(m *plugins.Manifest) { m.Name = "my_lamp" }, `name "my_lamp"`},
		{"NameOfDigit", func(m *plugins.Manifest) { m.Name = "2lamp" }, `name "2lamp"`},
		{"NameOfLineBreak", func(m *plugins.Manifest) { m.Name = "lamp\n" }, `name "lamp\n"`},
		{"NameTooLong", func(m *plugins.Manifest) { m.Name = strings.Repeat("a", 33) }, "at most 32"},
		{"TitleMissing", func(m *plugins.Manifest) { m.Title = "" }, `title ""`},
		{"TitleTooLong", func(m *plugins.Manifest) { m.Title = strings.Repeat("t", plugins.MaxSentenceSize+1) }, "title"},
		{"TitleOfTwoLines", func(m *plugins.Manifest) { m.Title = "a\nb" }, `title "a\nb"`},
		{"StyleTooLong", func(m *plugins.Manifest) { m.Style = strings.Repeat(" ", plugins.MaxStyleSize+1) }, "style"},
		{"StyleNotUTF8", func(m *plugins.Manifest) { m.Style = "a{}\xff" }, "UTF-8"},
		{"StyleUnbalanced", func(m *plugins.Manifest) { m.Style = "a{" }, "style: "},
		{"StateTwice", func(m *plugins.Manifest) {
			m.State = append(m.State, plugins.Field{Name: "light", Kind: plugins.Register})
		}, `state field "light": declared twice`},
		{"StateName", func(m *plugins.Manifest) { m.State[0].Name = "my-light" }, `state field "my-light"`},
		{"KindMissing", func(m *plugins.Manifest) { m.State[0].Kind = 0 }, `state field "light": unknown kind 0`},
		{"KindUnknown", func(m *plugins.Manifest) { m.State[0].Kind = plugins.Traffic + 1 }, "unknown kind 9"},
		{"CapMissing", func(m *plugins.Manifest) { m.State[2].Cap = 0 }, `state field "said": cap 0`},
		{"CapTooLarge", func(m *plugins.Manifest) { m.State[2].Cap = plugins.MaxListSize + 1 }, `state field "said": cap 1001`},
		{"CapElsewhere", func(m *plugins.Manifest) { m.State[1].Cap = 3 }, `state field "clicks": only a list has a cap`},
		{"GroupingMissing", func(m *plugins.Manifest) { m.State[3].By = 0 }, `state field "people": want by region or by user`},
		{"GroupingUnknown", func(m *plugins.Manifest) { m.State[3].By = plugins.ByUser + 1 }, `state field "people": want by region or by user`},
		{"GroupingElsewhere", func(m *plugins.Manifest) { m.State[0].By = plugins.ByUser }, `state field "light": only presence is grouped`},
		{"CapOfSites", func(m *plugins.Manifest) { m.State[6].Cap = 1 }, `state field "sites": only a list has a cap`},
		{"GroupingOfSites", func(m *plugins.Manifest) { m.State[6].By = plugins.ByRegion }, `state field "sites": only presence is grouped`},
		{"WatchTwice", func(m *plugins.Manifest) { m.Watches = append(m.Watches, m.Watches[0]) }, `watch of "lamp:mood": declared twice`},
		{"TooManyWatches", func(m *plugins.Manifest) {
			for i := range plugins.MaxWatches {
				m.Watches = append(m.Watches, plugins.Watch{Keys: fmt.Sprint("lamp:", i), Event: "mood"})
			}
		}, "18 watches: want at most 16"},
		{"KeysMissing", func(m *plugins.Manifest) { m.Watches[0].Keys = "" }, `watch of "": want 1 to 128 bytes`},
		{"KeysTooLong", func(m *plugins.Manifest) {
			m.Watches[0].Keys = strings.Repeat("k", plugins.MaxPatternSize+1)
		}, "want 1 to 128 bytes"},
		{"KeysNotUTF8", func(m *plugins.Manifest) { m.Watches[0].Keys = "a\xff" }, `watch of "a\xff": want 1 to 128 bytes of UTF-8`},
		{"KeysOfTwoLines", func(m *plugins.Manifest) { m.Watches[0].Keys = "a\nb" }, "without control characters"},
		{"KeysOfTwoStars", func(m *plugins.Manifest) { m.Watches[1].Keys = "a*b*" }, `watch of "a*b*": want at most one *`},
		{"KeysOfTheHost", func(m *plugins.Manifest) { m.Watches[0].Keys = "gp:site:lhr" }, `matches keys of the host, which begin with "gp:"`},
		{"KeysOfTheHostByPattern", func(m *plugins.Manifest) { m.Watches[1].Keys = "gp:*" }, `watch of "gp:*": it matches keys of the host`},
		{"KeysOfAll", func(m *plugins.Manifest) { m.Watches[1].Keys = "*" }, `watch of "*": it matches keys of the host`},
		{"KeysThatMayBeTheHosts", func(m *plugins.Manifest) { m.Watches[1].Keys = "gp*:mood" }, "it matches keys of the host"},
		{"WatchEventName", func(m *plugins.Manifest) { m.Watches[0].Event = "Mood" }, `watch of "lamp:mood": event "Mood"`},
		{"WatchEventOfPeople", func(m *plugins.Manifest) { m.Watches[0].Event = "set" }, `watch of "lamp:mood": event "set" is one that people send`},
		{"RoomTooLong", func(m *plugins.Manifest) { m.Watches[0].Room = strings.Repeat("r", 129) }, "want at most 128 bytes"},
		{"RoomOfTwoLines", func(m *plugins.Manifest) { m.Watches[0].Room = "a\nb" }, `room "a\nb"`},
		{"RoomOfTwoStars", func(m *plugins.Manifest) { m.Watches[1].Room = "**" }, `room "**": want at most one *`},
		{"RoomOfAStarAlone", func(m *plugins.Manifest) { m.Watches[0].Room = "*" }, `room "*": want at most one *, and only where the keys have one`},
		{"EventTwice", func(m *plugins.Manifest) { m.Events = append(m.Events, plugins.EventType{Name: "set"}) }, `event "set": declared twice`},
		{"EventName", func(m *plugins.Manifest) { m.Events[1].Name = "switch_off" }, `event "switch_off"`},
		{"RateNegative", func(m *plugins.Manifest) { m.Events[1].Rate = -1 }, `event "switch-off": rate -1`},
		{"RateTooLarge", func(m *plugins.Manifest) { m.Events[1].Rate = 1001 }, "rate 1001"},
		{"BurstNegative", func(m *plugins.Manifest) { m.Events[1].Burst = -1 }, "burst -1"},
		{"BurstTooLarge", func(m *plugins.Manifest) { m.Events[1].Burst = 10001 }, "burst 10001"},
		{"ParamTwice", func(m *plugins.Manifest) { m.Events[0].Fields[1] = m.Events[0].Fields[0] }, `event "set": field "on" declared twice`},
		{"ParamName", func(m *plugins.Manifest) { m.Events[0].Fields[0].Name = "ON" }, `event "set": field "ON"`},
		{"TypeMissing", func(m *plugins.Manifest) { m.Events[0].Fields[0].Type = 0 }, `event "set": field "on": unknown type 0`},
		{"TypeUnknown", func(m *plugins.Manifest) { m.Events[0].Fields[0].Type = plugins.Cells + 1 }, "unknown type 6"},
		{"MinOverMax", func(m *plugins.Manifest) { m.Events[0].Fields[1].Min = 2 }, `field "by": min 2 is more than max 1`},
		{"TextNegative", func(m *plugins.Manifest) { m.Events[0].Fields[2].Min = -1 }, `field "note": want a length of 0 to 1024`},
		{"TextTooLong", func(m *plugins.Manifest) { m.Events[0].Fields[2].Max = plugins.MaxTextSize + 1 }, `field "note": want a length of 0 to 1024`},
		{"BoolBounded", func(m *plugins.Manifest) { m.Events[0].Fields[0].Max = 1 }, `field "on": only a text and an int`},
		{"ChoiceBounded", func(m *plugins.Manifest) { m.Events[0].Fields[3].Max = 1 }, `field "colour": only a text and an int`},
		{"ChoicesMissing", func(m *plugins.Manifest) { m.Events[0].Fields[3].Choices = nil }, `field "colour": want 1 to 100 choices`},
		{"ChoicesTooMany", func(m *plugins.Manifest) { m.Events[0].Fields[3].Choices = make([]string, 101) }, `field "colour": want 1 to 100 choices`},
		{"ChoiceTwice", func(m *plugins.Manifest) { m.Events[0].Fields[3].Choices[1] = "red" }, `field "colour": choice "red" is there twice`},
		{"ChoiceOfTwoLines", func(m *plugins.Manifest) { m.Events[0].Fields[3].Choices[1] = "b\nc" }, `field "colour": choice "b\nc"`},
		{"ChoiceNotUTF8", func(m *plugins.Manifest) { m.Events[0].Fields[3].Choices[1] = "\xff" }, `field "colour": choice "\xff"`},
		{"TitleNotUTF8", func(m *plugins.Manifest) { m.Title = "a\xff" }, `title "a\xff"`},
		{"RateNotANumber", func(m *plugins.Manifest) { m.Events[1].Rate = math.NaN() }, "rate NaN"},
		{"TooManyFields", func(m *plugins.Manifest) {
			for len(m.State) <= plugins.MaxFields {
				m.State = append(m.State, plugins.Field{Name: fmt.Sprint("f", len(m.State)), Kind: plugins.Counter})
			}
			m.State = append(m.State, plugins.Field{Name: "Not gone through"})
		}, "66 state fields: want at most 64"},
		{"TooManyEvents", func(m *plugins.Manifest) {
			for len(m.Events) <= plugins.MaxEvents {
				m.Events = append(m.Events, plugins.EventType{Name: fmt.Sprint("e", len(m.Events))})
			}
			m.Events = append(m.Events, plugins.EventType{Name: "Not gone through"})
		}, "66 events: want at most 64"},
		{"TooManyParams", func(m *plugins.Manifest) {
			for i := range plugins.MaxParams + 1 {
				m.Events[1].Fields = append(m.Events[1].Fields, plugins.Param{Name: fmt.Sprint("p", i), Type: plugins.Int})
			}
		}, `event "switch-off": 33 fields: want at most 32`},
		{"ChoicesElsewhere", func(m *plugins.Manifest) { m.Events[0].Fields[0].Choices = []string{"yes"} }, `field "on": only a choice has choices`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := lamp()
			tt.spoil(&m)
			err := m.Validate()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Validate() = %v, want an error with %s", err, tt.want)
			}
			if strings.Contains(strings.TrimSpace(err.Error()), "\n") {
				t.Errorf("one fault costs more than one line:\n%v", err)
			}
		})
	}
}

// An author must not have to find faults one by one.
func TestManifest_Validate_AllAtOnce(t *testing.T) {
	m := lamp()
	m.Name, m.Title, m.Style = "Lamp", "", "a{"
	m.State[0].Kind, m.State[2].Cap = 0, 0
	m.Events[0].Rate, m.Events[0].Fields[0].Type, m.Events[1].Name = -1, 0, "Off"
	m.Events[0].Fields[1].Min = 2
	err := m.Validate()
	if err == nil {
		t.Fatal("Validate() = nil, want an error")
	}
	for _, want := range []string{
		`manifest of "Lamp"`, `name "Lamp"`, "title", "style", `"light"`, `"said"`, "rate -1", `"on"`, `"by"`, `event "Off"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Validate() does not tell of %s:\n%v", want, err)
		}
	}
}

// What has several faults tells of each of them.
func TestManifest_Validate_AllOfOne(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*plugins.Manifest)
		want  []string // the lines, without "manifest of …: "
	}{
		{"Field", func(m *plugins.Manifest) {
			m.State[0] = plugins.Field{Name: "Light", Kind: plugins.Counter, Cap: 3, By: plugins.ByUser, Direct: true, Width: 1}
			m.Events[5].Trace = ""
		}, []string{
			`state field "Light": want lower-case letters, digits and underscores, starting with a letter, at most 32 characters`,
			`state field "Light": only a list has a cap`,
			`state field "Light": only presence is grouped`,
			`state field "Light": only a volatile one is direct`,
			`state field "Light": only a grid has a width, a height and a palette`,
		}},
		{"Grid", func(m *plugins.Manifest) {
			m.State[10].Height, m.State[10].Palette = 0, []plugins.Colour{{Name: ":", RGB: "red"}, {Name: "a", RGB: "#000000"}, {Name: "a", RGB: "#"}}
		}, []string{
			`state field "pixels": 2048 × 0 cells: want 1 to 2048 each`,
			`state field "pixels": name ":" of colour 0: want 1 to 32 bytes without control characters, ':' and ';'`,
			`state field "pixels": colour ":" is "red": want "#rrggbb" in lower case`,
			`state field "pixels": colour "a" is there twice`,
			`state field "pixels": colour "a" is "#": want "#rrggbb" in lower case`,
		}},
		{"Param", func(m *plugins.Manifest) {
			m.Events[0].Fields[0] = plugins.Param{Name: "On", Type: plugins.Bool, Min: 2, Max: 1, Choices: []string{"a"}, Of: "pixels"}
		}, []string{
			`event "set": field "On": want lower-case letters, digits and underscores, starting with a letter, at most 32 characters`,
			`event "set": field "On": min 2 is more than max 1`,
			`event "set": field "On": only a text and an int have min and max`,
			`event "set": field "On": only a choice has choices`,
			`event "set": field "On": only cells lie in a grid`,
		}},
		{"Watch", func(m *plugins.Manifest) {
			m.Watches = []plugins.Watch{{Keys: "gp:**", Event: "Mood", Room: "a\n**"}}
		}, []string{
			`watch of "gp:**": want at most one *`,
			`watch of "gp:**": it matches keys of the host, which begin with "gp:"`,
			`watch of "gp:**": event "Mood": want lower-case letters, digits and hyphens, starting with a letter, at most 32 characters`,
			`watch of "gp:**": room "a\n**": want at most 128 bytes of UTF-8 without control characters`,
			`watch of "gp:**": room "a\n**": want at most one *, and only where the keys have one`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := lamp()
			tt.spoil(&m)
			err := m.Validate()
			if err == nil {
				t.Fatal("Validate() = nil, want an error")
			}
			faulty, ok := errors.AsType[*plugins.ManifestError](err)
			if !ok || faulty.Name != "lamp-2" {
				t.Fatalf("Validate() is the error %#v, want a ManifestError of lamp-2", err)
			}
			got := strings.Split(faulty.Err.Error(), "\n")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Validate() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestManifest_Lookup(t *testing.T) {
	m := lamp()
	if e, ok := m.Event("switch-off"); !ok || e.Name != "switch-off" {
		t.Errorf("Event(switch-off) = %v, %v", e, ok)
	}
	if e, ok := m.Event("smash"); ok || e.Name != "" {
		t.Errorf("Event(smash) = %v, %v, want none", e, ok)
	}
	if f, ok := m.Field("said"); !ok || f.Cap != plugins.MaxListSize {
		t.Errorf("Field(said) = %v, %v", f, ok)
	}
	if f, ok := m.Field("set"); ok || f.Name != "" {
		t.Errorf("Field(set) = %v, %v, want none", f, ok)
	}
}

func TestMutation_Check(t *testing.T) {
	long := strings.Repeat("x", plugins.MaxValueSize)
	for _, tt := range []struct {
		name     string
		mutation plugins.Mutation
		want     string // "" for none
	}{
		{"Set", plugins.Set("light", long), ""},
		{"Unset", plugins.Unset("light"), ""},
		{"Add", plugins.Add("clicks", -3), ""},
		{"Push", plugins.Push("said", "hello"), ""},
		{"Signal", plugins.Signal("flash_1", ""), ""},
		{"ErrUnknownField", plugins.Set("dark", "1"), "declares no such field"},
		{"ErrNoField", plugins.Mutation{Op: plugins.OpSet}, "declares no such field"},
		{"ErrNoOp", plugins.Mutation{Field: "light"}, "operation 0 does not fit"},
		{"ErrUnknownOp", plugins.Mutation{Field: "light", Op: plugins.OpSignal + 1}, "operation 6 does not fit"},
		{"ErrSetCounter", plugins.Set("clicks", "1"), "does not fit kind 2"},
		{"ErrAddRegister", plugins.Add("light", 1), "does not fit kind 1"},
		{"ErrPushVolatile", plugins.Push("flash_1", "x"), "does not fit kind 5"},
		{"ErrSignalList", plugins.Signal("said", "x"), "does not fit kind 3"},
		{"ErrUnsetList", plugins.Unset("said"), "does not fit kind 3"},
		{"ErrSites", plugins.Set("sites", "x"), "does not fit kind 6"},
		{"ErrPresence", plugins.Set("people", "x"), "does not fit kind 4"},
		{"ErrTooLong", plugins.Set("light", long+"x"), "at most 4096 are allowed"},
		{"ErrNotUTF8", plugins.Push("said", "\xff"), "not UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.mutation.Check(lamp())
			if tt.want == "" && err != nil {
				t.Errorf("Check() = %v, want nil", err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Check() = %v, want an error with %q", err, tt.want)
			}
			if _, refusal := errors.AsType[*plugins.Refusal](err); refusal {
				t.Error("a feature's mistake is told to the person")
			}
		})
	}
}

// A manifest that is wrong in every place is told of in few words.
func TestManifest_Validate_Long(t *testing.T) {
	m := plugins.Manifest{Name: strings.Repeat("n", 1<<20), Title: strings.Repeat("t", 1<<20)}
	for range plugins.MaxEvents {
		e := plugins.EventType{Name: strings.Repeat("E", 1<<10)}
		for range plugins.MaxParams {
			e.Fields = append(e.Fields, plugins.Param{Name: "P", Type: plugins.Choice, Choices: slices.Repeat([]string{"twice"}, 100)})
		}
		m.Events = append(m.Events, e)
	}
	err := m.Validate()
	if err == nil {
		t.Fatal("Validate() = nil")
	}
	text := err.Error()
	if lines := strings.Count(text, "\n") + 1; lines != 51 || len(text) > 32<<10 {
		t.Errorf("Validate has %d lines and %d bytes; want 51 lines of at most 32 KiB", lines, len(text))
	}
	for _, want := range []string{`name "nnn`, `title "ttt`, "\nand "} {
		if !strings.Contains(text, want) {
			t.Errorf("Validate says %.1000s…; want %q in it", text, want)
		}
	}
}
