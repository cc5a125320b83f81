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

	shards     []*shard
	compressor *compressor

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
	identifier string // the JSON string as it came
	feature    string // the only one whose messages it gets, "" for all
	prefix     []byte // what a data frame starts with
	foreign    bool   // not as our own client writes it
	members    int    // guarded by room.mu

	// plain and packed are the parts by shard, nil where they have had no member. Those
	// in packed are of sessions that take compressed messages. Both are guarded by room.mu.
	plain, packed []*part
}

type subscription struct {
	session *Session
	room    *room
	group   *group
	part    *part
	later   *laterSync // the newest, or nil; of the reading goroutine alone

	// Of the shard's goroutine.
	at    uint64 // position in the log of part; up to it everything was given to the session
	place int    // in the part's members or mixed
	mixed bool   // in its mixed
}

func newStreams(perAddress int, shards []*shard, c *compressor) *streams {
	return &streams{
		shards:     shards,
		compressor: c,
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
func (t *streams) subscribe(s *Session, identifier, name, feature string) error {
	r := t.hold(name)
	r.mu.Lock()
	g, err := r.group(identifier, feature)
	if err != nil {
		r.mu.Unlock()
		t.release(r)
		return err
	}
	defer r.mu.Unlock()
	p := g.part(s)
	sub := &subscription{session: s, room: r, group: g, part: p}
	g.members++
	p.size++
	user := s.person.User
	r.users[user] = append(r.users[user], sub)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.subs = append(s.subs, sub)
	s.queued++
	s.shard.put(job{what: toJoin, sub: sub, frame: frame{bytes: confirmFrame(g.identifier)}})
	return nil
}

// part returns the part of a group that a session's subscription belongs to; room.mu is
// held.
func (g *group) part(s *Session) *part {
	parts, i := &g.plain, s.shard.index
	if s.deflate {
		parts = &g.packed
	}
	if n := i + 1 - len(*parts); n > 0 {
		*parts = append(*parts, make([]*part, n)...)
	}
	if (*parts)[i] == nil {
		(*parts)[i] = &part{}
	}
	return (*parts)[i]
}

// group returns the group of an identifier, which it makes if there is a place for
// it; r.mu is held.
func (r *room) group(identifier, feature string) (*group, error) {
	foreign := 0
	for _, g := range r.groups {
		if g.identifier == identifier {
			return g, nil
		}
		if g.foreign {
			foreign++
		}
	}
	g := &group{
		identifier: identifier, feature: feature, prefix: dataPrefix(identifier),
		foreign: !isCanonical(identifier, r.name, feature),
	}
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
	sub.part.size--
	if g.members--; g.members == 0 {
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
	s.shard.put(job{what: toLeave, sub: sub})
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

// broadcast sends a message to those of a stream. All that goes to a room or a part of
// it does so under the room's lock, one after the other.
func (t *streams) broadcast(to Stream, key string, message []byte) {
	t.mu.RLock()
	r, s := t.rooms[to.Room], t.sessions[to.Session]
	t.mu.RUnlock()
	if r == nil {
		return
	}
	if to.User == "" && to.Session == "" {
		for _, d := range t.shards { // before r.mu, so that sessions come and go meanwhile
			d.await()
		}
	}
	once := encoder{to: to, key: key, message: message}
	if t.compressor.takes(message) && r.takesPacked(to, s) {
		// Before r.mu as well: whatever else goes to the room would wait for it.
		once.deflated = t.compressor.compress(message)
		defer once.count(t.compressor.metrics)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case to.Session != "":
		if s != nil && (to.User == "" || to.User == s.person.User) {
			s.deliver(r, &once)
		}
	case to.User != "":
		r.deliver(&once)
	default:
		r.broadcast(t.shards, &once)
	}
}

// gets reports whether members get the messages of a feature, "" being nobody's.
func (g *group) gets(feature string) bool {
	return g.feature == "" || feature == "" || g.feature == feature
}

// broadcast sends a message to everybody; r.mu is held.
func (r *room) broadcast(shards []*shard, once *encoder) {
	for _, g := range r.groups {
		if !g.gets(once.to.Feature) {
			continue
		}
		for i, p := range g.plain {
			if p != nil && p.size > 0 {
				shards[i].put(job{what: toPart, part: p, frame: once.encode(g, false, p.size)})
			}
		}
		for i, p := range g.packed {
			if p != nil && p.size > 0 {
				shards[i].put(job{what: toPart, part: p, frame: once.encode(g, true, p.size)})
			}
		}
	}
}

// takesPacked reports whether any of those who are to get a message takes it compressed.
// Whoever comes a moment later gets it as it is.
func (r *room) takesPacked(to Stream, s *Session) bool {
	if to.Session != "" {
		return s != nil && s.deflate
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if to.User != "" {
		return slices.ContainsFunc(r.users[to.User], func(sub *subscription) bool { return sub.session.deflate })
	}
	return slices.ContainsFunc(r.groups, func(g *group) bool {
		return g.gets(to.Feature) && slices.ContainsFunc(g.packed, func(p *part) bool { return p != nil && p.size > 0 })
	})
}

// deliver sends a message to one user's tabs; r.mu is held.
func (r *room) deliver(once *encoder) {
	for _, sub := range r.users[once.to.User] {
		if sub.group.gets(once.to.Feature) {
			s := sub.session
			s.mu.Lock()
			s.post(once.encode(sub.group, s.deflate, 1), true)
			s.mu.Unlock()
		}
	}
}

// encoder makes a message's frames once for each run of the same identifier: one as it
// is and one that is compressed, each if somebody takes it.
type encoder struct {
	to       Stream
	key      string
	message  []byte
	deflated []byte // as compressor.compress returns it
	spared   int    // deliveries of compressed frames

	group         *group
	frameKey      string
	plain, packed []byte
}

// encode returns the frame for so many members of a group. packed says that they take it
// compressed.
func (e *encoder) encode(g *group, packed bool, members int) frame {
	if e.group != g {
		e.group, e.plain, e.packed = g, nil, nil
		if e.key != "" { // the same of another audience or identifier is something else
			e.frameKey = e.to.User + "\x00" + e.to.Session + "\x00" + e.to.Feature + "\x00" + e.key + "\x00" + g.identifier
		}
	}
	if packed && e.deflated != nil {
		if e.packed == nil {
			e.packed = deflatedFrame(g.prefix, e.deflated)
		}
		e.spared += members
		return frame{bytes: e.packed, key: e.frameKey}
	}
	if e.plain == nil {
		e.plain = dataFrame(g.prefix, e.message)
	}
	return frame{bytes: e.plain, key: e.frameKey}
}

// count tells what compressing was good for.
func (e *encoder) count(m *metrics) {
	m.input.Add(float64(e.spared * (len(e.message) + len("}"))))
	m.saved.Add(float64(e.spared * savedBy(e.message, e.deflated)))
}

// deliver sends a message for each subscription to a room.
func (s *Session) deliver(r *room, once *encoder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.subs {
		if sub.room == r && sub.group.gets(once.to.Feature) {
			s.post(once.encode(sub.group, s.deflate, 1), true)
		}
	}
}

// reply sends a message to one subscription, unless it has ended.
func (s *Session) reply(sub *subscription, message []byte) {
	c, once := s.server.compressor, encoder{message: message}
	if s.deflate && c.takes(message) {
		once.deflated = c.again(message)
		defer once.count(c.metrics)
	}
	f := once.encode(sub.group, s.deflate, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.subs, sub) {
		s.post(f, false)
	}
}
