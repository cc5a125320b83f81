package bus

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// passage is one way through the door of a room.
type passage struct {
	id   string // what the event's id begins with
	name func(plugins.Manifest) string
}

var (
	came = passage{"joined-", func(m plugins.Manifest) string { return m.Joins }}
	went = passage{"left-", func(m plugins.Manifest) string { return m.Leaves }}
)

// announce has the event happen that each feature's manifest names for somebody who has come
// or gone. It waits for nobody, and nobody for what becomes of it.
func (b *Bus) announce(room string, p plugins.Person, way passage) {
	for _, f := range b.features() {
		b.tellOf(f, room, p, way)
	}
}

// tellOf is announce for one feature. What it returns is OK where that has no such event.
func (b *Bus) tellOf(f *feature, room string, p plugins.Person, way passage) Outcome {
	m, _ := f.manifest()
	name := way.name(m)
	if name == "" || !f.isUp() {
		return Outcome{Status: OK}
	}
	now := time.Now()
	return b.enqueue(f, &job{at: now, done: func(Outcome) {}, event: plugins.Event{
		ID: way.id + p.Session, Name: name, Room: room, Person: p, Time: now.UTC().Truncate(time.Millisecond),
	}}, false)
}

// tellDead has features hear that those have left whose sockets a binary held that is
// dead, or cut off, and so tells nobody; b.leasing is held.
func (b *Bus) tellDead(binary string) {
	b.dead[binary] = time.Now()
	maps.DeleteFunc(b.dead, func(_ string, at time.Time) bool { return time.Since(at) > deadKeep })
	b.announceAll(binary, went)
}

// deadKeep is how long a binary may be cut off and be heard again as the one that it was.
const deadKeep = 24 * time.Hour

// tellBack has features hear that those are there again who are by way of a binary that was
// only cut off; b.leasing is held.
func (b *Bus) tellBack(binary string) {
	if _, told := b.dead[binary]; told {
		delete(b.dead, binary)
		b.announceAll(binary, came)
	}
}

// announceAll announces everybody whose socket another binary holds, in the rooms that
// this one is to tell of.
func (b *Bus) announceAll(binary string, way passage) {
	type passing struct {
		room   string
		person plugins.Person
	}
	var all []passing
	for _, r := range b.loadedRooms() {
		for _, p := range b.toTell(r, binary) {
			all = append(all, passing{r.name, p})
		}
	}
	b.spawn(func(ctx context.Context) {
		for _, x := range all {
			for _, f := range b.features() {
				// A whole region at once may be more than waits for one feature, and people
				// are to find room there too.
				for len(f.lane) >= doWindow || b.tellOf(f, x.room, x.person, way).Status == Busy {
					if !sleep(ctx, b.cfg.Frame) {
						return
					}
				}
			}
		}
	})
}

// toTell returns the people of a binary in a room of which this one is to tell: it is the
// first, by site and name, of the others by way of which somebody is there. All of them
// know the same of that, unless they are cut off from each other.
func (b *Bus) toTell(r *room, binary string) (people []plugins.Person) {
	live := b.leases.live()
	first, own := [2]string{}, [2]string{b.cfg.Engine.Site(), b.binary}
	r.mu.Lock()
	r.state.EachMember(func(site, session string, m state.Member) {
		host := [2]string{site, m.Binary}
		if m.Binary == binary {
			people = append(people, plugins.Person{User: m.User, Session: session, Region: m.Region})
		} else if _, beats := live[m.Binary]; beats && (first[1] == "" || slices.Compare(host[:], first[:]) < 0) {
			first = host
		}
	})
	r.mu.Unlock()
	if first != own {
		return nil
	}
	slices.SortFunc(people, func(a, b plugins.Person) int { return strings.Compare(a.Session, b.Session) })
	return people
}
