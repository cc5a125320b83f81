package keydb_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/state"
)

// onEachServer runs a test on each kind of server.
func onEachServer(t *testing.T, test func(t *testing.T, server *keydbtest.Server)) {
	t.Helper()
	for _, program := range []string{"redis-server", "keydb-server"} {
		t.Run(program, func(t *testing.T) {
			test(t, keydbtest.Start(t, keydbtest.Options{Program: program}))
		})
	}
}

func beatWrite() site.Write {
	return site.Write{Batch: engine.Batch{Binary: binary, Beat: &engine.Beat{Region: "lhr"}}}
}

// beatOn has the store beat, whether it is taken or not, until the test ends.
func beatOn(tb testing.TB, s *keydb.Store) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			s.Write(ctx, beatWrite()) //nolint:errcheck // tried again
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	})
	tb.Cleanup(func() {
		cancel()
		wg.Wait()
	})
}

func TestStore_Write_beatsBoundTheLogInTime(t *testing.T) {
	onEachServer(t, func(t *testing.T, server *keydbtest.Server) {
		s := open(t, keydb.Config{URL: server.URL(), LogAge: time.Minute})
		old := time.Now().Add(-2 * time.Minute).UnixMilli()
		for i := range 1000 {
			server.Client().Do(t.Context(), "XADD", "gp:log:lhr", fmt.Sprint(old+int64(i), "-0"), "p", "0-0", "e", "{}")
		}
		recent := write(t, s, set("a", "1"))
		if n := len(readAll(t, s, home)); n != 1001 {
			t.Fatalf("log has %d entries before a beat, want all 1001", n)
		}
		last := writeAll(t, s, beatWrite())
		got := readAll(t, s, home)
		if n := len(got); n > 200 {
			t.Errorf("log has %d entries after a beat, want about the last minute's", n)
		}
		if n := len(got); n < 2 || got[n-2].ID != recent.ID || got[n-1].ID != last.ID {
			t.Errorf("log does not end with the entries of the last minute")
		}
	})
}

// What a beat trims goes from the copies as well.
func TestStore_Write_beatsBoundTheCopies(t *testing.T) {
	mesh := keydbtest.StartMesh(t, 2, keydbtest.Options{})
	s := open(t, keydb.Config{URL: mesh[0].URL(), LogAge: time.Minute})
	old := time.Now().Add(-2 * time.Minute).UnixMilli()
	for i := range 500 {
		mesh[0].Client().Do(t.Context(), "XADD", "gp:log:lhr", fmt.Sprint(old+int64(i), "-0"), "p", "0-0", "e", "{}")
	}
	last := writeAll(t, s, beatWrite())
	peer := open(t, keydb.Config{URL: mesh[1].URL(), Site: "iad"})
	wait(t, "trimmed copy", func() string {
		got := readAll(t, peer, home)
		if n, own := len(got), len(readAll(t, s, home)); n == 0 || n != own || n > 200 || got[n-1].ID != last.ID {
			return fmt.Sprintf("%d entries, %d where they are written", n, own)
		}
		return ""
	})
}

// The log's newest entry was removed: no id may come again.
func TestStore_Write_followsRemovedEntries(t *testing.T) {
	onEachServer(t, func(t *testing.T, server *keydbtest.Server) {
		s := open(t, keydbConfig(server))
		first := write(t, s, add("n", 1))
		ahead := state.ID{MS: time.Now().Add(time.Hour).UnixMilli(), Seq: 7}
		server.Do("XADD", "gp:log:lhr", ahead.String(), "p", first.ID.String(), "e", "{}")
		server.Do("XDEL", "gp:log:lhr", ahead.String())
		got := write(t, s, add("n", 1))
		want := site.Written{ID: state.ID{MS: ahead.MS, Seq: 8}, Prev: first.ID, Totals: []string{"2"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Write (-want +got):\n%s", diff)
		}
		server.Do("XTRIM", "gp:log:lhr", "MAXLEN", "0")
		got = write(t, s, add("n", 1))
		want = site.Written{ID: state.ID{MS: ahead.MS, Seq: 9}, Totals: []string{"3"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Write to an empty log (-want +got):\n%s", diff)
		}
		done, err := s.Restore(t.Context(), restoreOf())
		if err != nil || done.ID.Compare(got.ID) <= 0 {
			t.Errorf("Restore = %+v, %v", done, err)
		}
		server.Do("XADD", "gp:log:lhr", "18446744073709551614-1", "p", "1")
		server.Do("XDEL", "gp:log:lhr", "18446744073709551614-1")
		for range 2 {
			if _, err := s.Write(t.Context(), siteWrite(add("n", 1))); !errors.Is(err, engine.ErrRefused) {
				t.Errorf("Write = %v after the last id there is, want ErrRefused", err)
			}
		}
		if got := value(t, s, "n"); got != "3" {
			t.Errorf("n = %s, want 3: what was refused does not count", got)
		}
	})
}

func TestStore_Write_refusesKeysOfAnotherType(t *testing.T) {
	onEachServer(t, func(t *testing.T, server *keydbtest.Server) {
		s := open(t, keydbConfig(server))
		there := add("n", 1)
		there.Cell.Room = "poison"
		server.Do("SET", "gp:state:lhr:poison:demo", "x")
		if _, err := s.Write(t.Context(), siteWrite(add("n", 1), there)); !errors.Is(err, engine.ErrRefused) {
			t.Errorf("Write to a string = %v, want ErrRefused", err)
		}
		server.Do("DEL", "gp:state:lhr:poison:demo")
		server.Do("HSET", "gp:state:lhr:poison:demo", "n", "c 1-0-0 many")
		if _, err := s.Write(t.Context(), siteWrite(add("n", 1), there)); !errors.Is(err, engine.ErrRefused) {
			t.Errorf("Write to a counter that is no number = %v, want ErrRefused", err)
		}
		if got := value(t, s, "n"); got != "" {
			t.Errorf("n = %s, want nothing written", got)
		}
		server.Do("SET", "gp:log:lhr", "x")
		if _, err := s.Write(t.Context(), siteWrite(add("n", 1))); !errors.Is(err, engine.ErrUnavailable) || !strings.Contains(err.Error(), "gp:log:lhr holds a string") {
			t.Errorf("Write = %v, want ErrUnavailable that names the log", err)
		}
	})
}

func TestStore_Restore_leavesKeysOfAnotherTypeAlone(t *testing.T) {
	s, server := openRedis(t)
	server.Do("SET", "gp:state:lhr:poison:demo", "x")
	cell := set("a", "1").Cell
	cell.Stamp = state.Stamp{ID: state.ID{MS: 1}, Site: home}
	there := cell
	there.Room = "poison"
	if _, err := s.Restore(t.Context(), site.Restore{Binary: binary, Cells: []state.Cell{there, cell}}); err != nil {
		t.Fatalf("Restore: %v", err)
	}
	if got := value(t, s, "a"); got != "1" {
		t.Errorf("a = %q, want 1", got)
	}
	if got := server.Do("GET", "gp:state:lhr:poison:demo"); got != "x" {
		t.Errorf("the other program's key = %q", got)
	}
}

func TestStore_Sites_passesOverWhatIsNoLog(t *testing.T) {
	onEachServer(t, func(t *testing.T, server *keydbtest.Server) {
		server.Do("SET", "gp:log:foo", "x")
		var log journal
		s := open(t, keydb.Config{URL: server.URL(), Logger: log.logger()})
		write(t, s, set("a", "1"))
		names, err := s.Sites(t.Context())
		if err != nil || !slices.Equal(names, []string{home}) {
			t.Errorf("Sites = %v, %v; want only %s", names, err, home)
		}
		for range 2 {
			records, err := s.Read(t.Context(), engine.Positions{"foo": {}, home: {}}, 10)
			if err != nil || len(records) != 1 {
				t.Errorf("Read = %d records, %v; want the entry of %s", len(records), err, home)
			}
		}
		if n := log.count("is none"); n != 1 {
			t.Errorf("%d lines of the key, want 1: %s", n, &log)
		}
	})
}

// A new site is seen, and woken for, though the server tells of nothing.
func TestStore_Sites_withoutNotifications(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{})
	server.Do("ACL", "SETUSER", "limited", "on", ">pw", "~gp:*", "&*", "+@all", "-config")
	s := open(t, keydb.Config{URL: "redis://limited:pw@" + server.Addr()})
	woken := runStore(t, s)
	waitWoken(t, woken, "")
	if names, err := s.Sites(t.Context()); len(names) != 0 || err != nil {
		t.Fatalf("Sites = %v, %v", names, err)
	}
	write(t, open(t, keydb.Config{URL: server.URL(), Site: "syd"}), set("a", "1"))
	wait(t, "new site", func() string {
		names, err := s.Sites(t.Context())
		if !slices.Contains(names, "syd") {
			return fmt.Sprint(names, err)
		}
		return ""
	})
	waitWoken(t, woken, "syd")
}

func TestStore_Read_boundsItsBytes(t *testing.T) {
	s, server := openRedis(t)
	woken := runStore(t, s)
	waitWoken(t, woken, "")
	after := engine.Positions{}
	for _, name := range []string{"iad", "syd"} {
		other := open(t, keydb.Config{URL: server.URL(), Site: name})
		var changes []engine.Change
		for i := range 200 {
			changes = append(changes, set(fmt.Sprint("f", i), strings.Repeat("x", 4000)))
		}
		for range 20 {
			write(t, other, changes...)
		}
		after[name] = state.ID{}
	}
	total, pages := 0, 0
	for total < 40 {
		for len(woken) > 0 {
			<-woken
		}
		records, err := s.Read(t.Context(), after, 512)
		if err != nil || len(records) == 0 {
			t.Fatalf("Read = %d records, %v after %d of 40", len(records), err, total)
		}
		if n := len(records); n > 16 { // of 800 kB each
			t.Errorf("a page has %d records of 800 kB", n)
		}
		for _, r := range records {
			if r.ID.Compare(after[r.Site]) <= 0 {
				t.Errorf("record %s of %s came again", r.ID, r.Site)
			}
			after[r.Site] = r.ID
		}
		total += len(records)
		pages++
		if total < 40 {
			select {
			case <-woken:
			case <-time.After(keydbtest.Patience):
				t.Fatal("not woken for what was left out")
			}
		}
	}
	if total != 40 || pages < 3 {
		t.Errorf("%d records in %d pages, want 40 in several", total, pages)
	}
}

func TestStore_Read_entriesOfALaterVersion(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{})
	var log journal
	s := open(t, keydb.Config{URL: server.URL(), Logger: log.logger()})
	client := server.Client()
	prev, want := "0-0", 0
	put := func(ms int64, entry string) {
		id := fmt.Sprint(ms, "-0")
		if err := client.Do(t.Context(), "XADD", "gp:log:syd", id, "p", prev, "e", entry).Err(); err != nil {
			t.Fatal(err)
		}
		prev = id
	}
	for i := range int64(500) { // 50 a second, for ten seconds
		put(1_000_000+20*i, `{"b":"later","e":["e`+fmt.Sprint(i)+`"],"beat":{"region":"syd","more":[1]},"c":{"not":"a list"}}`)
	}
	put(1_010_000, `{"b":"later","beat":{"region":"syd"}}`)
	put(1_010_001, `{"b":"later","beat":{"region":"syd"}}`)
	for range 2 { // each reader is told the same
		var gaps []int64
		records := readAll(t, s, "syd")
		for i, r := range records {
			if r.Prev == r.ID {
				gaps = append(gaps, r.ID.MS)
			}
			if r.Beat == nil || r.Beat.Region != "syd" || r.Binary != "later" || i < 500 && !slices.Equal(r.Events, []string{fmt.Sprint("e", i)}) {
				t.Fatalf("record %d = %+v, want its binary, event and beat", i, r)
			}
		}
		for want = range 11 {
			if want >= len(gaps) || gaps[want] != 1_000_000+int64(want)*1000 {
				t.Fatalf("gaps at %d, want one at the start of each second and one after the last", gaps)
			}
		}
		if len(records) != 502 || len(gaps) != 11 {
			t.Errorf("%d records with %d gaps, want 502 with 11", len(records), len(gaps))
		}
	}
	if n := log.count("cannot be read"); n != 1 {
		t.Errorf("%d lines, want 1: %s", n, &log)
	}
}

// What keeps the own beats from the store keeps those of the living from it as well.
func TestStore_Run_keepsMembersWhenNobodyCanBeat(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{})
	var log journal
	s := open(t, keydb.Config{URL: server.URL(), DeadAfter: 400 * time.Millisecond, Logger: log.logger()})
	m := state.Member{User: "u", Region: "lhr", Binary: "other"}
	write(t, s, engine.Change{Cell: state.Join(room, "tab", m)})
	server.Do("HSET", "gp:site:lhr", "binary:other", time.Now().UnixMilli())
	server.Do("CONFIG", "SET", "maxmemory", "1")
	runStore(t, s)
	beatOn(t, s)
	until := time.Now().Add(2 * time.Second) // many times DeadAfter
	wait(t, "end of the time without room", func() string {
		if time.Now().Before(until) {
			return "not yet"
		}
		return ""
	})
	if n := len(load(t, s, room)); n != 1 || log.count("removed the members") != 0 {
		t.Errorf("%d members, want 1: %s", n, &log)
	}
	server.Do("CONFIG", "SET", "maxmemory", "0")
	wait(t, "removal once the other one could beat and did not", func() string {
		if n := len(load(t, s, room)); n != 0 {
			return fmt.Sprint(n, " members")
		}
		return ""
	})
}

func TestStore_Watch_mayNotRead(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{})
	server.Do("ACL", "SETUSER", "p", "on", ">pw", "~gp:*", "&*", "+@all")
	var log journal
	s := open(t, keydb.Config{URL: "redis://p:pw@" + server.Addr(), Logger: log.logger(), Retry: time.Millisecond, RetryMax: 50 * time.Millisecond})
	runStore(t, s)
	startWatch(t, s, "presence:ticker")
	wait(t, "word of it", func() string {
		if log.count("watched keys") == 0 {
			return log.String()
		}
		return ""
	})
	until := time.Now().Add(time.Second)
	wait(t, "many tries", func() string {
		if time.Now().Before(until) {
			return "not yet"
		}
		return ""
	})
	if n := log.count("level=WARN"); n != 1 || log.count("no permissions to access") != 1 {
		t.Errorf("log = %s, want one line that says what is refused", &log)
	}
}
