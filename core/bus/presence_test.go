package bus_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/plugins"
)

// TestBus_Join: people come and go in every binary's view, and those of a binary
// that dies are gone after three missed beats.
func TestBus_Join(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := startEngine(t, memory.Config{})
		cable := &away{Engine: e}
		here, there := startNode(t, e), startNode(t, cable, func(c *bus.Config) { c.Region = "syd" })
		sees := func(when string, want int) {
			t.Helper()
			settle()
			for name, n := range map[string]*node{"here": here, "there": there} {
				if got := strip(n.page(t)); !strings.Contains(got, fmt.Sprintf(">%d people<", want)) {
					t.Errorf("%s: %s sees %s, want %d people", when, name, got, want)
				}
			}
		}
		sees("at first", 0)
		for _, user := range []string{"ann", "bob"} {
			if err := here.Join("home", person(user)); err != nil {
				t.Fatal(err)
			}
		}
		if err := there.Join("home", plugins.Person{User: "cyd", Session: "c1", Region: "syd"}); err != nil {
			t.Fatal(err)
		}
		sees("three joined", 3)
		here.Leave("home", "tab-of-bob")
		sees("bob left", 2)

		<-time.After(time.Minute)
		sees("a minute later", 2)

		cable.append.Store(true) // killed: it can no longer say that it leaves
		there.stop()
		<-time.After(2 * time.Second)
		settle()
		if got := strip(here.page(t)); !strings.Contains(got, ">2 people<") {
			t.Errorf("2s after the kill: %s, want cyd still there", got)
		}
		<-time.After(2 * time.Second)
		settle()
		if got := strip(here.page(t)); !strings.Contains(got, ">1 people<") {
			t.Errorf("4s after the kill: %s, want only ann", got)
		}
	})
}

// TestBus_Run_leaves: a binary that stops in order takes its members with it at
// once.
func TestBus_Run_leaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := startEngine(t, memory.Config{})
		here, there := startNode(t, e), startNode(t, e)
		if err := there.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		settle()
		there.stop()
		settle()
		if got := strip(here.page(t)); !strings.Contains(got, ">0 people<") {
			t.Errorf("page has %s, want nobody", got)
		}
	})
}

// TestBus_Join_storeAway: who comes while the store is away is seen when it is back.
func TestBus_Join_storeAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &away{Engine: startEngine(t, memory.Config{})}
		n := startNode(t, e)
		settle()
		e.append.Store(true)
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		<-time.After(10 * time.Second)
		e.append.Store(false)
		<-time.After(time.Second)
		settle()
		if got := strip(n.page(t)); !strings.Contains(got, ">1 people<") {
			t.Errorf("page has %s, want ann", got)
		}
	})
}

func TestBus_Join_badRoom(t *testing.T) {
	n := startNode(t, startEngine(t, memory.Config{}))
	if err := n.Join("a\nb", person("ann")); err == nil {
		t.Error("Join of a room with a line break: nil, want an error")
	}
}

// TestBus_unload: rooms that nobody looks at leave memory, and come back whole.
func TestBus_unload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}), func(c *bus.Config) { c.MaxIdleRooms = 10 })
		n.do(t, request("e1", "3"))
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			if _, err := n.Page(context.Background(), fmt.Sprint("room-", i), "", person("ann")); err != nil {
				t.Fatal(err)
			}
		}
		if got := n.Rooms(); got != 101 {
			t.Fatalf("%d rooms, want 101", got)
		}
		<-time.After(2 * time.Second)
		if got := n.Rooms(); got != 11 {
			t.Errorf("%d rooms, want the 10 idle ones that are allowed and the one with ann in it", got)
		}
		<-time.After(2 * time.Minute)
		if got := n.Rooms(); got != 1 {
			t.Errorf("%d rooms after two minutes, want the one with ann in it", got)
		}
		n.Leave("home", "tab-of-ann")
		<-time.After(2 * time.Minute)
		if got := n.Rooms(); got != 0 {
			t.Errorf("%d rooms after ann left, want none", got)
		}
		if got := strip(n.page(t)); !strings.Contains(got, `<p id="demo-count">3</p>`) {
			t.Errorf("page has %s, want the count of 3", got)
		}
	})
}
