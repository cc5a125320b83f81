package keydb_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/state"
)

func keydbConfig(server *keydbtest.Server) keydb.Config { return keydb.Config{URL: server.URL()} }

// everything writes cells of every kind and returns them as the store holds them.
func everything(t *testing.T, s *keydb.Store) []state.Cell {
	t.Helper()
	removed := set("gone", "")
	removed.Cell.Removed = true
	m := state.Member{User: "u", Region: "lhr", Binary: binary}
	write(t, s, set("a", "1\n<b>\x00"), removed, add("n", 1<<53+1), push("words", "one", 3), engine.Change{Cell: state.Join(room, "tab", m)})
	for i := range 3 {
		write(t, s, push("words", fmt.Sprint(i), 3))
	}
	return load(t, s, room)
}

func restore(t *testing.T, s *keydb.Store, r site.Restore) site.Written {
	t.Helper()
	done, err := s.Restore(t.Context(), r)
	if err != nil {
		t.Fatalf("Restore: %v", err)
	}
	return done
}

func TestStore_Restore_putsBackWhatIsLost(t *testing.T) {
	s, server := openRedis(t)
	want := everything(t, s)
	last := want[len(want)-1].Stamp.ID
	server.Do("FLUSHALL")
	done := restore(t, s, site.Restore{Binary: binary, Cells: want, Events: []string{"e1"}})
	if done.ID.Compare(last) <= 0 {
		t.Errorf("Restore = %s, want more than %s", done.ID, last)
	}
	if diff := cmp.Diff(want, load(t, open(t, keydbConfig(server)), room)); diff != "" {
		t.Errorf("cells in another store (-want +got):\n%s", diff)
	}
	records := readAll(t, s, home)
	if len(records) != 1 || !records[0].Restores || records[0].ID != done.ID || records[0].Events[0] != "e1" {
		t.Fatalf("log = %+v", records)
	}
	if diff := cmp.Diff(want, records[0].Cells); diff != "" {
		t.Errorf("cells in the log (-want +got):\n%s", diff)
	}
	if got := write(t, s, add("n", 1)); got.Totals[0] != fmt.Sprint(1<<53+2) {
		t.Errorf("totals = %v", got.Totals)
	}
	write(t, s, push("words", "3", 3))
	if got := items(t, s); !cmp.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("items = %v", got)
	}
}

// items returns the values of the list, oldest first.
func items(t *testing.T, s *keydb.Store) []string {
	t.Helper()
	var all []string
	for _, c := range load(t, s, room) {
		if c.Field == "words" {
			all = append(all, c.Value)
		}
	}
	return all
}

func TestStore_Restore_leavesWhatIsNewer(t *testing.T) {
	s, _ := openRedis(t)
	old := everything(t, s)
	m := state.Member{User: "u", Region: "lhr", Binary: "binary-2"}
	write(t, s, set("a", "2"), set("gone", "back"), add("n", 1), push("words", "3", 3), engine.Change{Cell: state.Join(room, "tab", m)})
	want := load(t, s, room)
	restore(t, s, site.Restore{Binary: binary, Cells: old})
	if diff := cmp.Diff(want, load(t, s, room)); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
}

func TestStore_Restore_mergesItems(t *testing.T) {
	s, server := openRedis(t)
	for i := range 4 {
		write(t, s, push("words", fmt.Sprint(i), 5))
	}
	all := load(t, s, room)
	tests := []struct {
		name string
		lost []int // places in the list, from 1
		want []string
	}{
		{"TheMiddle", []int{2, 3}, []string{"0", "1", "2", "3"}},
		{"Nothing", nil, []string{"0", "1", "2", "3"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, n := range tt.lost {
				server.Do("HDEL", "gp:state:lhr:home:demo", fmt.Sprintf("words\x1f%d", n))
			}
			restore(t, s, site.Restore{Cells: all})
			if got := items(t, s); !cmp.Equal(got, tt.want) {
				t.Errorf("items = %v, want %v", got, tt.want)
			}
		})
	}
	write(t, s, push("words", "4", 5), push("words", "5", 5))
	restore(t, s, site.Restore{Cells: all}) // what the cap has dropped stays away
	if got, want := items(t, s), []string{"1", "2", "3", "4", "5"}; !cmp.Equal(got, want) {
		t.Errorf("items = %v, want %v", got, want)
	}
}

func TestStore_Restore_writesEqualOnesAgain(t *testing.T) {
	primary := keydbtest.Start(t, keydbtest.Options{})
	s := open(t, keydbConfig(primary))
	want := everything(t, s)
	replica := keydbtest.StartReplica(t, primary, keydbtest.Options{Args: []string{"--replica-read-only", "no"}})
	replica.Do("FLUSHALL") // it has lost what the primary holds
	restore(t, s, site.Restore{Cells: want})
	wait(t, "copy on the replica", func() string {
		return cmp.Diff(want, load(t, open(t, keydbConfig2(primary, replica)), room))
	})
}

func keydbConfig2(write, read *keydbtest.Server) keydb.Config {
	return keydb.Config{URL: write.URL(), ReadURL: read.URL()}
}

func TestStore_Write_isCopiedWhole(t *testing.T) {
	primary := keydbtest.Start(t, keydbtest.Options{})
	replica := keydbtest.StartReplica(t, primary, keydbtest.Options{})
	t.Run("ToARedisReplica", func(t *testing.T) {
		isCopiedWhole(t, open(t, keydbConfig(primary)), open(t, keydbConfig2(primary, replica)))
	})
	t.Run("ToAnActiveReplica", func(t *testing.T) {
		mesh := keydbtest.StartMesh(t, 2, keydbtest.Options{})
		cfg := keydbConfig(mesh[1])
		cfg.Site = "syd"
		isCopiedWhole(t, open(t, keydbConfig(mesh[0])), open(t, cfg))
	})
}

// isCopiedWhole writes to one store and expects the same log and the same cells,
// stamps and all, in the other.
func isCopiedWhole(t *testing.T, from, to *keydb.Store) {
	t.Helper()
	woken := runStore(t, to)
	waitWoken(t, woken, "")
	want := everything(t, from)
	last := want[len(want)-1].Stamp.ID
	for {
		records := readAll(t, to, home)
		if n := len(records); n > 0 && records[n-1].ID == last {
			break
		}
		waitWoken(t, woken, home)
	}
	if diff := cmp.Diff(readAll(t, from, home), readAll(t, to, home)); diff != "" {
		t.Errorf("log (-from +to):\n%s", diff)
	}
	if diff := cmp.Diff(want, load(t, to, room)); diff != "" { // who sees the entry finds its cells
		t.Errorf("cells (-from +to):\n%s", diff)
	}
}

func TestStore_Restore_takesAMemberAway(t *testing.T) {
	s, _ := openRedis(t)
	m := state.Member{User: "u", Region: "lhr", Binary: binary}
	write(t, s, engine.Change{Cell: state.Join(room, "tab", m)})
	left := state.Leave(room, "tab")
	left.Stamp = load(t, s, room)[0].Stamp
	left.Stamp.Index++
	restore(t, s, site.Restore{Cells: []state.Cell{left}})
	if cells := load(t, s, room); len(cells) != 0 {
		t.Errorf("cells = %+v, want none", cells)
	}
}

func TestStore_Restore_refusesOthersCells(t *testing.T) {
	s, _ := openRedis(t)
	c := set("a", "1").Cell
	c.Stamp = state.Stamp{ID: state.ID{MS: 1}, Site: "syd"}
	if _, err := s.Restore(t.Context(), site.Restore{Cells: []state.Cell{c}}); !errors.Is(err, engine.ErrRefused) {
		t.Errorf("Restore = %v, want ErrRefused", err)
	}
}
