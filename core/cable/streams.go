package cable

import (
	"errors"
	"slices"
	"sync"
)

// streams knows which sessions follow what.
type streams struct {
	mu       sync.RWMutex
	sessions map[string]*Session // by id; guarded by mu
	rooms    map[string]*room    // those that somebody follows; guarded by mu
	closed   bool                // no session is added any more; guarded by mu
	empty    chan struct{}       // closed when closed and without sessions

	addresses  map[string]int // sessions by address; guarded by mu
	perAddress int            // the most sessions of one
}

// room is who follows one room, by the identifier they use for it, which is the
// same for nearly everybody.
type room struct {
	name string
	refs int // subscriptions, also those on their way; guarded by streams.mu

	mu     sync.Mutex
	groups []*group                   // guarded by mu
	users  map[string][]*subscription // by user; guarded by mu
}

type group struct {
	identifier string          // the JSON string as it came
	prefix     []byte          // what a data frame starts with
	foreign    bool            // not as our own client writes it
	members    []*subscription // in no order; guarded by room.mu
}

type subscription struct {
	session *Session
	room    *room
	group   *group
	place   int        // in group.members; guarded by room.mu
	later   *laterSync // the newest, or nil; of the reading goroutine alone
}

func newStreams(perAddress int) *streams {
	return &streams{
		sessions:   map[string]*Session{},
		rooms:      map[string]*room{},
		empty:      make(chan struct{}),
		addresses:  map[string]int{},
		perAddress: perAddress,
	}
}

// add makes a session known and returns "", or returns the reason not to:
// reasonRestart when the server is stopping, or reasonSessions.
func (t *streams) add(s *Session) (reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return reasonRestart
	case t.addresses[s.address] >= t.perAddress:
		return reasonSessions
	}
	t.sessions[s.ID()] = s
	t.addresses[s.address]++
	return ""
}

// remove forgets a session, whose subscriptions have ended.
func (t *streams) remove(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sessions, s.ID())
	if t.addresses[s.address]--; t.addresses[s.address] == 0 {
		delete(t.addresses, s.address)
	}
	if t.closed && len(t.sessions) == 0 {
		close(t.empty)
	}
}

// close lets no session in any more and returns those that are there. empty is
// closed when the last one has gone.
func (t *streams) close() []*Session {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		if t.closed = true; len(t.sessions) == 0 {
			close(t.empty)
		}
	}
	there := make([]*Session, 0, len(t.sessions))
	for _, s := range t.sessions {
		there = append(there, s)
	}
	return there
}

func (t *streams) isClosed() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.closed
}

// subscribe makes s follow a room and queues the confirm. Both happen before any
// other goroutine can broadcast to the subscription. An error is the reason why the
// room has no place for the identifier.
func (t *streams) subscribe(s *Session, identifier, name string) error {
	r := t.hold(name)
	r.mu.Lock()
	g, err := r.group(identifier)
	if err != nil {
		r.mu.Unlock()
		t.release(r)
		return err
	}
	defer r.mu.Unlock()
	sub := &subscription{session: s, room: r, group: g, place: len(g.members)}
	g.members = append(g.members, sub)
	user := s.person.User
	r.users[user] = append(r.users[user], sub)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.subs = append(s.subs, sub)
	s.enqueue(confirmFrame(g.identifier))
	return nil
}

// group returns the group of an identifier, which it makes if there is a place for
// it; r.mu is held.
func (r *room) group(identifier string) (*group, error) {
	foreign := 0
	for _, g := range r.groups {
		if g.identifier == identifier {
			return g, nil
		}
		if g.foreign {
			foreign++
		}
	}
	g := &group{identifier: identifier, prefix: dataPrefix(identifier), foreign: !isCanonical(identifier, r.name)}
	if g.foreign && foreign >= maxForeign {
		return nil, errors.New("too many identifiers for this room")
	}
	r.groups = append(r.groups, g)
	return g, nil
}

// unsubscribe ends a subscription: when it returns, nothing more is sent for it.
func (t *streams) unsubscribe(sub *subscription) {
	sub.leave()
	t.release(sub.room)
}

func (sub *subscription) leave() {
	r, g, s := sub.room, sub.group, sub.session
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(g.members) - 1
	moved := g.members[last]
	g.members[sub.place], moved.place = moved, sub.place
	g.members[last] = nil
	if g.members = g.members[:last]; last == 0 {
		r.groups = slices.DeleteFunc(r.groups, func(o *group) bool { return o == g })
	}
	user := s.person.User
	left := slices.DeleteFunc(r.users[user], func(o *subscription) bool { return o == sub })
	if r.users[user] = left; len(left) == 0 {
		delete(r.users, user)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subs = slices.DeleteFunc(s.subs, func(o *subscription) bool { return o == sub })
}

// hold returns the room of a name, which stays known until release.
func (t *streams) hold(name string) *room {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rooms[name]
	if r == nil {
		r = &room{name: name, users: map[string][]*subscription{}}
		t.rooms[name] = r
	}
	r.refs++
	return r
}

func (t *streams) release(r *room) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.refs--; r.refs == 0 {
		delete(t.rooms, r.name)
	}
}

// broadcast returns in how many outboxes it has put the message. All that goes to a
// room or a part of it does so under the room's lock, one after the other.
func (t *streams) broadcast(to Stream, message []byte) (delivered int) {
	t.mu.RLock()
	r, s := t.rooms[to.Room], t.sessions[to.Session]
	t.mu.RUnlock()
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case to.Session != "":
		if s != nil && (to.User == "" || to.User == s.person.User) {
			delivered = s.deliver(r, message)
		}
	case to.User != "":
		delivered = r.deliver(to.User, message)
	default:
		delivered = r.broadcast(message)
	}
	return delivered
}

// broadcast puts a message in the outboxes of everybody; r.mu is held.
func (r *room) broadcast(message []byte) (delivered int) {
	for _, g := range r.groups {
		frame := dataFrame(g.prefix, message)
		for _, sub := range g.members {
			s := sub.session
			s.mu.Lock()
			if s.enqueue(frame) {
				delivered++
			}
			s.mu.Unlock()
		}
	}
	return delivered
}

// deliver puts a message in the outboxes of one user's tabs; r.mu is held.
func (r *room) deliver(user string, message []byte) (delivered int) {
	var once encoder
	for _, sub := range r.users[user] {
		s := sub.session
		s.mu.Lock()
		if s.enqueue(once.encode(sub.group, message)) {
			delivered++
		}
		s.mu.Unlock()
	}
	return delivered
}

// encoder makes a message's frame once for each run of the same identifier.
type encoder struct {
	group *group
	frame []byte
}

func (e *encoder) encode(g *group, message []byte) []byte {
	if e.group != g {
		e.group, e.frame = g, dataFrame(g.prefix, message)
	}
	return e.frame
}

// deliver puts a message in the outbox for each subscription to a room.
func (s *Session) deliver(r *room, message []byte) (delivered int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.subs {
		if sub.room == r && s.enqueue(dataFrame(sub.group.prefix, message)) {
			delivered++
		}
	}
	return delivered
}

// reply puts a message in the outbox of one subscription, unless it has ended.
func (s *Session) reply(sub *subscription, message []byte) {
	frame := dataFrame(sub.group.prefix, message)
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.subs, sub) {
		s.enqueue(frame)
	}
}
