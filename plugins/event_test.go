package plugins_test

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/plugins"
)

func TestEventType_Check(t *testing.T) {
	sixty := strings.Split(strings.Repeat("choice ", 60), " ")[:60]
	for _, tt := range []struct {
		name  string
		param plugins.Param
		good  []string
		bad   []string
		say   string // the whole sentence for each of bad
	}{
		{
			"Text",
			plugins.Param{Type: plugins.Text},
			[]string{"", "hello", "two\nlines\r\nand\ta tab", "日本 é \u202e", strings.Repeat("x", plugins.MaxTextSize)},
			[]string{"\x00", "a\x07b", "\u0085", "\xff", strings.Repeat("x", plugins.MaxTextSize+1), strings.Repeat("é", plugins.MaxTextSize/2+1)},
			`"it" must be a text of at most 1024 bytes.`,
		},
		{
			"TextBounded",
			plugins.Param{Type: plugins.Text, Min: 1, Max: 3},
			[]string{"a", "abc", "日本語"},
			[]string{"", "abcd", "日本語だ"},
			`"it" must be a text of 1 to 3 characters.`,
		},
		{
			"TextUpTo",
			plugins.Param{Type: plugins.Text, Max: 2},
			[]string{"", "é é"[:3], "ab"},
			[]string{"abc"},
			`"it" must be a text of 0 to 2 characters.`,
		},
		{
			"Int",
			plugins.Param{Type: plugins.Int},
			[]string{"0", "-1", "+7", "007", strconv.FormatInt(math.MaxInt64, 10), strconv.FormatInt(math.MinInt64, 10)},
			[]string{"", "-", "1.0", "1e3", " 1", "1 ", "0x10", "1_000", "٣", "9223372036854775808"},
			`"it" must be a whole number.`,
		},
		{
			"IntBounded",
			plugins.Param{Type: plugins.Int, Min: -1, Max: 1},
			[]string{"-1", "0", "1", "-0"},
			[]string{"-2", "2", "", "one"},
			`"it" must be a whole number from -1 to 1.`,
		},
		{
			"IntNegative",
			plugins.Param{Type: plugins.Int, Min: -5},
			[]string{"-5", "0"},
			[]string{"-6", "1"},
			`"it" must be a whole number from -5 to 0.`,
		},
		{
			"Bool",
			plugins.Param{Type: plugins.Bool},
			[]string{"true", "false"},
			[]string{"", "1", "True", "on", "yes"},
			`"it" must be true or false.`,
		},
		{
			"Choice",
			plugins.Param{Type: plugins.Choice, Choices: []string{"red", "blue"}},
			[]string{"red", "blue"},
			[]string{"", "Red", "red, blue", "green"},
			`"it" must be one of red, blue.`,
		},
		{
			"ChoiceOfMany",
			plugins.Param{Type: plugins.Choice, Choices: sixty},
			[]string{"choice"},
			[]string{"chosen"},
			`"it" must be one of the choices offered.`,
		},
		{
			"TypeMissing",
			plugins.Param{},
			nil,
			[]string{"", "x"},
			`"it" must be a text of at most 1024 bytes.`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.param.Name = "it"
			for _, optional := range []bool{false, true} {
				tt.param.Optional = optional
				e := plugins.EventType{Name: "set", Fields: []plugins.Param{tt.param}}
				for _, v := range tt.good {
					got, err := plugins.Manifest{}.CheckEvent(e, map[string]string{"it": v, "other": "dropped"})
					if diff := cmp.Diff(plugins.Fields{"it": v}, got); err != nil || diff != "" {
						t.Errorf("Check(%q) = %v (-want +got):\n%s", v, err, diff)
					}
				}
				for _, v := range tt.bad {
					got, err := plugins.Manifest{}.CheckEvent(e, map[string]string{"it": v})
					refusal, ok := errors.AsType[*plugins.Refusal](err)
					if !ok || got != nil {
						t.Errorf("Check(%q) = %v, %v, want a refusal", v, got, err)
						continue
					}
					if refusal.Sentence != tt.say {
						t.Errorf("Check(%q) says %s, want %s", v, refusal.Sentence, tt.say)
					}
				}
			}
		})
	}
}

func TestEventType_Check_Missing(t *testing.T) {
	e := plugins.EventType{Name: "set", Fields: []plugins.Param{
		{Name: "on", Type: plugins.Bool}, {Name: "note", Type: plugins.Text, Optional: true},
	}}
	got, err := plugins.Manifest{}.CheckEvent(e, map[string]string{"on": "true"})
	if diff := cmp.Diff(plugins.Fields{"on": "true"}, got); err != nil || diff != "" {
		t.Errorf("Check without an optional field = %v (-want +got):\n%s", err, diff)
	}
	_, err = plugins.Manifest{}.CheckEvent(e, map[string]string{"note": "x"})
	if refusal, ok := errors.AsType[*plugins.Refusal](err); !ok || refusal.Sentence != `"on" is missing.` {
		t.Errorf("Check without a field = %v, want the refusal %q", err, `"on" is missing.`)
	}
	if got, err := (plugins.Manifest{}).CheckEvent(plugins.EventType{Name: "ping"}, nil); err != nil || len(got) != 0 {
		t.Errorf("Check of an event without fields = %v, %v, want none", got, err)
	}
}

// Whatever a manifest declares and a browser sends: what is accepted holds what the
// feature reads, and what is refused fits where sentences are shown.
func FuzzEventType_Check(f *testing.F) {
	f.Add(uint8(plugins.Int), int64(-1), int64(1), "1")
	f.Add(uint8(plugins.Text), int64(0), int64(3), "日本語")
	f.Add(uint8(plugins.Bool), int64(0), int64(0), "true")
	f.Add(uint8(plugins.Choice), int64(0), int64(0), "red")
	f.Add(uint8(plugins.Int), int64(math.MinInt64), int64(math.MaxInt64), "-9223372036854775808")
	f.Add(uint8(plugins.Text), int64(0), int64(0), "\xff\x00")
	f.Fuzz(func(t *testing.T, typ uint8, least, most int64, value string) {
		p := plugins.Param{Name: strings.Repeat("n", 32), Type: plugins.Type(typ), Min: least, Max: most}
		if p.Type == plugins.Choice {
			p.Choices = []string{"red", strings.Repeat("b", 60), strings.Repeat("c", 30)}
		}
		e := plugins.EventType{Name: "set", Fields: []plugins.Param{p}}
		if (plugins.Manifest{Name: "a", Title: "A", Events: []plugins.EventType{e}}).Validate() != nil {
			t.Skip("no host takes that manifest")
		}
		fields, err := plugins.Manifest{}.CheckEvent(e, map[string]string{p.Name: value})
		if err != nil {
			refusal, ok := errors.AsType[*plugins.Refusal](err)
			if !ok || len(refusal.Sentence) > plugins.MaxSentenceSize || !strings.HasSuffix(refusal.Sentence, ".") {
				t.Errorf("Check(%q) = %v, want a sentence of at most %d bytes", value, err, plugins.MaxSentenceSize)
			}
			return
		}
		if fields.Text(p.Name) != value {
			t.Errorf("Text = %q, want %q as it was sent", fields.Text(p.Name), value)
		}
		bounded := least != 0 || most != 0
		switch p.Type {
		case plugins.Int:
			if n, err := strconv.ParseInt(value, 10, 64); err != nil || fields.Int(p.Name) != n || bounded && (n < least || n > most) {
				t.Errorf("Check(%q) lets through %d, bounds %d to %d", value, fields.Int(p.Name), least, most)
			}
		case plugins.Text:
			if n := int64(utf8.RuneCountInString(value)); !utf8.ValidString(value) || bounded && (n < least || n > most) {
				t.Errorf("Check(%q) lets through a text of %d characters, bounds %d to %d", value, n, least, most)
			}
		}
	})
}

func TestFields(t *testing.T) {
	f := plugins.Fields{"n": "-12", "yes": "true", "no": "false", "text": "two words"}
	if got := f.Int("n"); got != -12 {
		t.Errorf("Int = %d, want -12", got)
	}
	if f.Int("missing") != 0 || f.Int("text") != 0 {
		t.Error("Int of what is no number is not 0")
	}
	if !f.Bool("yes") || f.Bool("no") || f.Bool("missing") || f.Bool("text") {
		t.Error("Bool is true for something else than true")
	}
	if f.Text("text") != "two words" || f.Text("missing") != "" {
		t.Error("Text is not what was sent")
	}
	if none := plugins.Fields(nil); none.Text("x") != "" || none.Int("x") != 0 || none.Bool("x") {
		t.Error("no fields are not empty")
	}
}

// Both are written on pages in every region: a change of the rule would give people
// another name and colour in the middle of a rollout.
func TestPerson_Stable(t *testing.T) {
	for _, tt := range []struct {
		user, number string
		colour       int
	}{
		{"k7qf2mzr4x6yw3ab", "k7qf2", 1},
		{"aaaaaaaaaaaaaaaa", "aaaaa", 5},
		{"z2z3z4z5z6z7z2z3", "z2z3z", 9},
		{"k7q", "k7q", 10},
		{"", "", 1},
	} {
		p := plugins.Person{User: tt.user}
		if got := plugins.UserNumber(tt.user); got != tt.number || p.Number() != got {
			t.Errorf("UserNumber(%q) = %q, Number() = %q, want %q", tt.user, got, p.Number(), tt.number)
		}
		if got := plugins.UserColour(tt.user); got != tt.colour || p.Colour() != got {
			t.Errorf("UserColour(%q) = %d, Colour() = %d, want %d", tt.user, got, p.Colour(), tt.colour)
		}
	}
	seen := map[int]bool{}
	for n := range 1000 {
		c := plugins.UserColour("user" + strconv.Itoa(n))
		if c < 0 || c >= plugins.UserColours {
			t.Fatalf("colour %d, want 0 to %d", c, plugins.UserColours-1)
		}
		seen[c] = true
	}
	if len(seen) != plugins.UserColours {
		t.Errorf("1,000 users have %d colours, want all %d", len(seen), plugins.UserColours)
	}
}

func TestRefuse(t *testing.T) {
	err := plugins.Refuse("That name is taken.")
	if refusal, ok := errors.AsType[*plugins.Refusal](err); !ok || refusal.Sentence != "That name is taken." || err.Error() != refusal.Sentence {
		t.Errorf("Refuse = %v, want a Refusal with that sentence", err)
	}
}
