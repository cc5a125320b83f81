package keydb_test

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

func TestStore_Write_addsExactly(t *testing.T) {
	s, server := openRedis(t)
	edges := rapid.SampledFrom([]int64{
		math.MinInt64, math.MinInt64 + 1, -1 << 53, -1<<53 - 1, -1e15, -1e14, -1e7, -1, 0, 1, 1e7, 1e14,
		999_999_999_999_999, 1e15, 1<<53 - 1, 1 << 53, 1<<53 + 1, math.MaxInt64 - 1, math.MaxInt64,
	})
	number := rapid.OneOf(edges, rapid.Int64())
	rapid.Check(t, func(t *rapid.T) {
		server.Client().FlushAll(t.Context())
		want := new(big.Int)
		var changes []engine.Change
		for _, delta := range rapid.SliceOfN(number, 1, 8).Draw(t, "deltas") {
			changes = append(changes, add("n", delta))
		}
		done, err := s.Write(t.Context(), site.Write{Batch: engine.Batch{Binary: binary, Changes: changes}})
		if err != nil {
			t.Fatal(err)
		}
		for i, total := range done.Totals {
			want.Add(want, big.NewInt(changes[i].Delta))
			want = saturated(want)
			if total != want.String() {
				t.Fatalf("total %d = %s, want %s after %+v", i, total, want, changes)
			}
		}
		if len(done.Totals) != len(changes) {
			t.Fatalf("%d totals of %d changes", len(done.Totals), len(changes))
		}
	})
}

// saturated returns n as an int64 that stays at either end.
func saturated(n *big.Int) *big.Int {
	if !n.IsInt64() {
		if n.Sign() < 0 {
			return big.NewInt(math.MinInt64)
		}
		return big.NewInt(math.MaxInt64)
	}
	return n
}

func TestStore_Write_takesTheLeastID(t *testing.T) {
	far := time.Now().Add(time.Hour).UnixMilli()
	tests := []struct {
		name        string
		last, after state.ID
		want        state.ID
	}{
		{"AfterTheLast", state.ID{MS: far, Seq: 3}, state.ID{}, state.ID{MS: far, Seq: 4}},
		{"AfterWhatWasMerged", state.ID{MS: far, Seq: 3}, state.ID{MS: far + 1, Seq: 9}, state.ID{MS: far + 1, Seq: 10}},
		{"BeyondDoubles", state.ID{MS: far}, state.ID{MS: 1<<53 + 1, Seq: 1<<53 + 1}, state.ID{MS: 1<<53 + 2}},
		{"LongerIsLater", state.ID{MS: far, Seq: 10}, state.ID{MS: far, Seq: 9}, state.ID{MS: far, Seq: 11}},
		{"LastNumber", state.ID{MS: far, Seq: math.MaxInt64}, state.ID{}, state.ID{MS: far + 1}},
		{"LastThatFitsATile", state.ID{MS: far, Seq: state.MaxSeq}, state.ID{}, state.ID{MS: far + 1}},
		{"NextToLastNumber", state.ID{MS: far, Seq: state.MaxSeq - 1}, state.ID{}, state.ID{MS: far, Seq: state.MaxSeq}},
	}
	s, server := openRedis(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server.Do("FLUSHALL")
			server.Do("XADD", "gp:log:lhr", tt.last.String(), "p", "0-0", "e", "{}")
			got := writeAll(t, s, site.Write{Batch: engine.Batch{Binary: binary, After: tt.after, Changes: []engine.Change{set("a", "1")}}})
			if diff := cmp.Diff(site.Written{ID: tt.want, Prev: tt.last}, got); diff != "" {
				t.Errorf("Write (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("NoneIsLeft", func(t *testing.T) {
		server.Do("FLUSHALL")
		server.Do("XADD", "gp:log:lhr", state.ID{MS: math.MaxInt64, Seq: math.MaxInt64}.String(), "p", "0-0", "e", "{}")
		_, err := s.Write(t.Context(), site.Write{Batch: engine.Batch{Events: []string{"e"}}})
		if !errors.Is(err, engine.ErrRefused) {
			t.Errorf("Write = %v, want ErrRefused", err)
		}
	})
	t.Run("TheClocks", func(t *testing.T) {
		server.Do("FLUSHALL")
		before := time.Now().UnixMilli()
		got := write(t, s, set("a", "1"))
		if after := time.Now().UnixMilli(); got.ID.MS < before || got.ID.MS > after || got.ID.Seq != 0 || !got.Prev.IsZero() {
			t.Errorf("Write = %+v between %d and %d", got, before, after)
		}
	})
}

func TestStore_Write_followsTheCellsItReplaces(t *testing.T) {
	s, server := openRedis(t)
	ahead := state.ID{MS: time.Now().Add(time.Hour).UnixMilli()}
	first := writeAll(t, s, site.Write{Batch: engine.Batch{After: ahead, Changes: []engine.Change{set("a", "1"), push("words", "x", 3)}}})
	server.Do("DEL", "gp:log:lhr") // rolled back further than the state
	if got := write(t, s, set("a", "2")); got.ID.Compare(first.ID) <= 0 {
		t.Errorf("Write = %s, which is not after the cell of %s that it replaces", got.ID, first.ID)
	}
	server.Do("DEL", "gp:log:lhr")
	if got := write(t, s, push("words", "y", 3)); got.ID.Compare(first.ID) <= 0 {
		t.Errorf("Write = %s, which is not after the list of %s that it adds to", got.ID, first.ID)
	}
}

func TestStore_Write_refusesALogThatLostEntries(t *testing.T) {
	s, server := openRedis(t)
	one := write(t, s, set("a", "1"))
	two := write(t, s, set("a", "2"))
	server.Do("XDEL", "gp:log:lhr", two.ID.String())
	_, err := s.Write(t.Context(), site.Write{Last: two.ID, Batch: engine.Batch{Changes: []engine.Change{set("a", "3")}}})
	if !errors.Is(err, site.ErrLost) || !strings.Contains(err.Error(), one.ID.String()) {
		t.Errorf("Write = %v, want ErrLost that names %s", err, one.ID)
	}
	if got := value(t, s, "a"); got != "2" {
		t.Errorf("a = %q after a refused write, want 2", got)
	}
	if got := writeAll(t, s, site.Write{Last: one.ID, Batch: engine.Batch{Changes: []engine.Change{set("a", "3")}}}); got.Prev != one.ID {
		t.Errorf("Write = %+v, want it to follow %s", got, one.ID)
	}
}

func TestStore_Write_addsToTheNewerTotal(t *testing.T) {
	s, _ := openRedis(t)
	first := write(t, s, add("n", 10))
	cell := func(id state.ID, index int, total string) state.Cell {
		c := add("n", 0).Cell
		c.Value, c.Stamp = total, state.Stamp{ID: id, Site: home, Index: index}
		return c
	}
	older := state.ID{MS: first.ID.MS - 1, Seq: 5}
	newer := state.ID{MS: first.ID.MS, Seq: first.ID.Seq + 5}
	tests := []struct {
		name   string
		totals []state.Cell
		want   string
	}{
		{"WithoutAny", nil, "11"},
		{"OlderThanTheStores", []state.Cell{cell(older, 0, "500")}, "12"},
		{"NewerThanTheStores", []state.Cell{cell(state.ID{MS: newer.MS + 1_000_000}, 0, "9007199254740993")}, "9007199254740994"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := writeAll(t, s, site.Write{Batch: engine.Batch{Changes: []engine.Change{add("n", 1)}}, Totals: tt.totals})
			if diff := cmp.Diff([]string{tt.want}, got.Totals); diff != "" {
				t.Errorf("totals (-want +got):\n%s", diff)
			}
			for _, c := range tt.totals {
				if c.Stamp.ID.Compare(got.ID) >= 0 {
					t.Errorf("Write = %s, which is not after the total of %s", got.ID, c.Stamp.ID)
				}
			}
		})
	}
}

func TestStore_Write_keepsKindsApart(t *testing.T) {
	s, _ := openRedis(t)
	write(t, s, set("a", "text"), push("l", "one", 3))
	write(t, s, add("a", 5), set("l", "text"), push("l", "two", 3)) // a feature that changed its mind
	var got []string
	for _, c := range load(t, s, room) {
		got = append(got, c.Field+" "+strconv.Itoa(int(c.Kind))+" "+c.Value)
	}
	want := []string{"l 3 one", "a 2 5", "l 1 text", "l 3 two"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
}

func TestStore_Write_isAllOrNothing(t *testing.T) {
	s, server := openRedis(t)
	write(t, s, set("a", "1"))
	server.Do("SET", "gp:state:lhr:elsewhere:demo", "a key of another program")
	there := set("a", "2")
	there.Cell.Room = "elsewhere"
	_, err := s.Write(t.Context(), site.Write{Batch: engine.Batch{Changes: []engine.Change{set("a", "2"), there}}})
	if !errors.Is(err, engine.ErrRefused) {
		t.Errorf("Write = %v, want ErrRefused", err)
	}
	if got := value(t, s, "a"); got != "1" {
		t.Errorf("a = %q, want 1", got)
	}
	if got := len(readAll(t, s, home)); got != 1 {
		t.Errorf("log has %d entries, want 1", got)
	}
}

func TestStore_Write_keepsRoomsAndFeaturesApart(t *testing.T) {
	s, _ := openRedis(t)
	one, two := set("x", "1"), set("x", "2")
	one.Cell.Room, one.Cell.Feature = "a", "b:c"
	two.Cell.Room, two.Cell.Feature = "a:b", "c"
	write(t, s, one, two)
	for room, want := range map[string]string{"a": "1", "a:b": "2"} {
		if cells := load(t, s, room); len(cells) != 1 || cells[0].Value != want {
			t.Errorf("cells of %s = %+v, want one with %s", room, cells, want)
		}
	}
}

func TestStore_Write_beat(t *testing.T) {
	s, server := openRedis(t)
	write(t, s, set("a", "1"))
	server.Do("DEL", "gp:site:lhr") // a resync brought back an older copy
	writeAll(t, s, site.Write{Batch: engine.Batch{Binary: binary, Beat: &engine.Beat{Region: "lhr", Version: "1.2"}}})
	fields, err := server.Client().HGetAll(t.Context(), "gp:site:lhr").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"beat", "started", "binary:" + binary} {
		ms, err := strconv.ParseInt(fields[name], 10, 64)
		if ago := time.Since(time.UnixMilli(ms)); err != nil || ago.Abs() > time.Minute {
			t.Errorf("%s = %q, want the milliseconds of now", name, fields[name])
		}
		delete(fields, name)
	}
	want := map[string]string{"region": "lhr", "version": "1.2", "feature:" + feature: "1"}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("hash of the site (-want +got):\n%s", diff)
	}
	if got := value(t, open(t, keydbConfig(server)), "a"); got != "1" {
		t.Errorf("a = %q in another store, want 1", got)
	}
}

func TestStore_Read_passesOverWhatItCannotRead(t *testing.T) {
	s, server := openRedis(t)
	first := write(t, s, set("a", "1"))
	strange := state.ID{MS: first.ID.MS + 1_000_000}
	server.Do("XADD", "gp:log:lhr", strange.String(), "e", "of a later version", "p", first.ID.String())
	last := write(t, s, add("n", 1))
	var got []site.Record
	for _, r := range readAll(t, s, home) {
		got = append(got, site.Record{Entry: engine.Entry{ID: r.ID}, Prev: r.Prev})
	}
	want := []site.Record{
		{Entry: engine.Entry{ID: first.ID}},
		{Entry: engine.Entry{ID: strange}, Prev: strange}, // as if something before it was missed
		{Entry: engine.Entry{ID: last.ID}, Prev: strange},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestStore_Load_ofAnEmptyStore(t *testing.T) {
	s, _ := openRedis(t)
	cells, at, err := s.Load(t.Context(), room)
	if len(cells) != 0 || len(at) != 0 || err != nil {
		t.Errorf("Load = %v, %v, %v", cells, at, err)
	}
}

func TestStore_members(t *testing.T) {
	s, _ := openRedis(t)
	m := state.Member{User: "u", Region: "lhr", Binary: binary}
	write(t, s, engine.Change{Cell: state.Join(room, "tab-1", m)}, engine.Change{Cell: state.Join(room, "tab-2", m)})
	write(t, s, engine.Change{Cell: state.Leave(room, "tab-1")})
	cells := load(t, s, room)
	if len(cells) != 1 || cells[0].Key != "tab-2" || cells[0].Kind != plugins.Presence || cells[0].Value != m.Encode() {
		t.Errorf("cells = %+v, want tab-2", cells)
	}
}
