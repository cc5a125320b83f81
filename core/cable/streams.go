package cable

import (
	"slices"
	"sync"
)

// streams knows which sessions follow what.
type streams struct {
	mu       sync.RWMutex
	sessions map[string]*Session   // by id; guarded by mu
	users    map[string][]*Session // by user; guarded by mu
	rooms    map[string]*room      // those that somebody follows; guarded by mu
	closed   bool                  // no session is added any more; guarded by mu
	empty    chan struct{}         // closed when closed and without sessions
}

// room is who follows one room, by the identifier they use for it, which is the
// same for nearly everybody.
type room struct {
	name string
	refs int // subscriptions, also those on their way; guarded by streams.mu

	mu     sync.Mutex
	groups []*group // guarded by mu
}

type group struct {
	identifier string          // the JSON string as it came
	prefix     []byte          // what a data frame starts with
	members    []*subscription // in no order; guarded by room.mu
}

type subscription struct {
	session *Session
	room    *room
	group   *group
	place   int // in group.members; guarded by room.mu
}

func newStreams() *streams {
	return &streams{
		sessions: map[string]*Session{},
		users:    map[string][]*Session{},
		rooms:    map[string]*room{},
		empty:    make(chan struct{}),
	}
}

// add makes a session known, unless the server is stopping.
func (t *streams) add(s *Session) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.sessions[s.ID()] = s
	t.users[s.person.User] = append(t.users[s.person.User], s)
	return true
}

// remove forgets a session, whose subscriptions have ended.
func (t *streams) remove(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sessions, s.ID())
	user := s.person.User
	left := slices.DeleteFunc(t.users[user], func(o *Session) bool { return o == s })
	if t.users[user] = left; len(left) == 0 {
		delete(t.users, user)
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
// other goroutine can broadcast to the subscription.
func (t *streams) subscribe(s *Session, identifier, name string) {
	r := t.hold(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.groups, func(g *group) bool { return g.identifier == identifier })
	if i < 0 {
		i = len(r.groups)
		r.groups = append(r.groups, &group{identifier: identifier, prefix: dataPrefix(identifier)})
	}
	g := r.groups[i]
	sub := &subscription{session: s, room: r, group: g, place: len(g.members)}
	g.members = append(g.members, sub)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.subs = append(s.subs, sub)
	s.enqueue(confirmFrame(g.identifier))
}

// unsubscribe ends a subscription: when it returns, nothing more is sent for it.
func (t *streams) unsubscribe(sub *subscription) {
	sub.leave()
	t.mu.Lock()
	defer t.mu.Unlock()
	if sub.room.refs--; sub.room.refs == 0 {
		delete(t.rooms, sub.room.name)
	}
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
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subs = slices.DeleteFunc(s.subs, func(o *subscription) bool { return o == sub })
}

// hold returns the room of a name, which stays known until unsubscribe.
func (t *streams) hold(name string) *room {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rooms[name]
	if r == nil {
		r = &room{name: name}
		t.rooms[name] = r
	}
	r.refs++
	return r
}

// broadcast returns in how many outboxes it has put the message.
func (t *streams) broadcast(to Stream, message []byte) (delivered int) {
	if to.User == "" && to.Session == "" {
		t.mu.RLock()
		r := t.rooms[to.Room]
		t.mu.RUnlock()
		if r == nil {
			return 0
		}
		return r.broadcast(message)
	}

	t.mu.RLock()
	defer t.mu.RUnlock()
	var once encoder
	if to.Session == "" {
		for _, s := range t.users[to.User] {
			delivered += s.deliver(to.Room, message, &once)
		}
	} else if s := t.sessions[to.Session]; s != nil && (to.User == "" || to.User == s.person.User) {
		delivered = s.deliver(to.Room, message, &once)
	}
	return delivered
}

func (r *room) broadcast(message []byte) (delivered int) {
	r.mu.Lock()
	defer r.mu.Unlock()
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
func (s *Session) deliver(room string, message []byte, once *encoder) (delivered int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.subs {
		if sub.room.name == room && s.enqueue(once.encode(sub.group, message)) {
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
