package plugins_test

import (
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/global-presence/presence/plugins"
)

func TestRecord_Survives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := plugins.Record(rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "record"))
		s := in.String()
		out, err := plugins.ParseRecord(s)
		if err != nil || !maps.Equal(in, out) {
			t.Errorf("%q is written as %q and read as %q, %v", in, s, out, err)
		}
		if again := maps.Clone(in).String(); again != s {
			t.Errorf("%q is written as %q and as %q", in, s, again)
		}
	})
}

func TestParseRecord(t *testing.T) {
	for s, want := range map[string]plugins.Record{
		"":                  {},
		"on=true&user=k7qf": {"on": "true", "user": "k7qf"},
		"a=":                {"a": ""},
		"=":                 {"": ""},
		"a=1&a=2":           {"a": "2"},
		"say=%26%3D%25 é":   {"say": "&=% é"},
	} {
		if got, err := plugins.ParseRecord(s); err != nil || !maps.Equal(got, want) {
			t.Errorf("ParseRecord(%q) = %q, %v; want %q", s, got, err, want)
		}
	}
	for _, s := range []string{"a", "a=1&b", "&", "a=%", "a=%1", "a=%zz", `{"on":true}`} {
		if got, err := plugins.ParseRecord(s); err == nil {
			t.Errorf("ParseRecord(%q) = %q, want an error", s, got)
		}
	}
}
