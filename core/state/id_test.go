package state_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/global-presence/presence/core/state"
)

func TestID_String_roundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := state.ID{MS: rapid.Int64Min(0).Draw(t, "ms"), Seq: rapid.Int64Min(0).Draw(t, "seq")}
		got, err := state.ParseID(id.String())
		if err != nil || got != id {
			t.Fatalf("ParseID(%q) = %v, %v; want %v", id.String(), got, err, id)
		}
	})
}

func TestParseID_invalid(t *testing.T) {
	for _, s := range []string{"", "1", "-", "1-", "-1", "a-b", "1-2-3", "-1-0", "1--1"} {
		if id, err := state.ParseID(s); err == nil {
			t.Errorf("ParseID(%q) = %v, want an error", s, id)
		}
	}
}

func TestID_Next(t *testing.T) {
	last := state.ID{MS: 1000, Seq: 4}
	for name, tc := range map[string]struct{ now, want int64 }{
		"clock ahead":  {1001, 1001},
		"clock same":   {1000, 1000},
		"clock behind": {5, 1000},
	} {
		got := last.Next(time.UnixMilli(tc.now))
		if got.MS != tc.want || got.Compare(last) <= 0 {
			t.Errorf("%s: Next = %v, want a later id at %d ms", name, got, tc.want)
		}
	}
}

func TestStamp_Compare_total(t *testing.T) {
	stamp := rapid.Custom(func(t *rapid.T) state.Stamp {
		return state.Stamp{
			ID:    state.ID{MS: rapid.Int64Range(0, 2).Draw(t, "ms"), Seq: rapid.Int64Range(0, 2).Draw(t, "seq")},
			Site:  rapid.SampledFrom(sites).Draw(t, "site"),
			Index: rapid.IntRange(0, 2).Draw(t, "index"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := stamp.Draw(t, "a"), stamp.Draw(t, "b"), stamp.Draw(t, "c")
		if (a.Compare(b) == 0) != (a == b) || a.Compare(b) != -b.Compare(a) {
			t.Fatalf("Compare(%v, %v) = %d, the other way %d", a, b, a.Compare(b), b.Compare(a))
		}
		if a.Compare(b) <= 0 && b.Compare(c) <= 0 && a.Compare(c) > 0 {
			t.Fatalf("%v ≤ %v ≤ %v, but not %v ≤ %v", a, b, c, a, c)
		}
		if (a.Key() == b.Key()) != (a == b) {
			t.Fatalf("keys %q and %q of %v and %v", a.Key(), b.Key(), a, b)
		}
	})
}

func TestCheckRoom(t *testing.T) {
	for _, name := range []string{"home", "product-42", "日本", "a b", "a/b?c#d", strings.Repeat("x", state.MaxRoomSize)} {
		if err := state.CheckRoom(name); err != nil {
			t.Errorf("CheckRoom(%q) = %v, want nil", name, err)
		}
	}
	for _, name := range []string{"", " home", "home\u00a0", "a\nb", "a\x00", "\xff", "a\u202eb", ".", "..", strings.Repeat("x", state.MaxRoomSize+1)} {
		if err := state.CheckRoom(name); err == nil {
			t.Errorf("CheckRoom(%q) = nil, want an error", name)
		}
	}
}
