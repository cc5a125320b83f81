package cable

import (
	"errors"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"
)

// handle does what a frame asks for. It is false when reading should stop.
func (s *Session) handle(frame []byte) bool {
	c, err := parseCommand(frame)
	if err != nil {
		return s.refuse("malformed")
	}
	switch c.Command {
	case "subscribe":
		return s.subscribe(c.Identifier)
	case "unsubscribe":
		if sub := s.subscription(c.Identifier); sub != nil {
			s.unsubscribe(sub)
		}
	case "message":
		sub := s.subscription(c.Identifier)
		if sub == nil { // unsubscribed a moment ago, or a page of before a restart
			s.server.metrics.refused.WithLabelValues("not_subscribed").Inc()
			return true
		}
		if c.Data == nil {
			return s.refuse("malformed")
		}
		m, err := parseMessage(*c.Data)
		if err != nil {
			return s.refuse("malformed")
		}
		return s.perform(sub, m)
	default:
		return s.refuse("unknown_command")
	}
	return true
}

// subscription returns the session's subscription by identifier, or nil. Only the
// reading goroutine adds or removes one, so it need not lock.
func (s *Session) subscription(identifier []byte) *subscription {
	for _, sub := range s.subs {
		if sub.group.identifier == string(identifier) {
			return sub
		}
	}
	return nil
}

// subscribe is false when reading should stop.
func (s *Session) subscribe(identifier []byte) bool {
	if sub := s.subscription(identifier); sub != nil {
		// The official client asks every 500 ms until it sees a confirm, so it gets
		// one for each time; nothing else happens again.
		s.send(confirmFrame(sub.group.identifier))
		return true
	}
	room, feature, err := parseIdentifier(identifier)
	if err == nil && feature != "" && !s.server.cfg.Handler.Shows(feature) {
		err = errors.New("unknown feature")
	}
	if err == nil && len(s.subs) >= s.server.cfg.MaxSubscriptions {
		err = errors.New("too many subscriptions")
	}
	if err == nil && !s.visit(room) {
		s.server.metrics.refused.WithLabelValues(reasonRooms).Inc()
		s.end(reasonRooms, closePolicy, disconnectFrame(reasonRooms, true))
		return false
	}
	if err == nil {
		err = s.join(room, feature)
	}
	if err == nil {
		s.server.metrics.subscriptions.Inc() // before the page can know
		if err = s.server.streams.subscribe(s, string(identifier), room, feature); err != nil {
			s.server.metrics.subscriptions.Dec()
			s.leave(room, feature)
		}
	}
	if err != nil {
		s.server.metrics.refused.WithLabelValues("rejected").Inc()
		s.send(rejectFrame(string(identifier), err.Error()))
	}
	return true
}

// visit counts rooms that the session has not joined before, and is false when
// they are too many. To leave a room and join it again costs nothing: pages do so
// all the time, and the room is still loaded. A session with too many is
// disconnected, to come back with what its page shows by then: a rejection would be
// final, and a delay would keep unread frames of a peer that may be gone.
func (s *Session) visit(room string) bool {
	if _, known := s.rooms[room]; known {
		return true
	}
	if len(s.rooms) >= visitBurst*s.server.cfg.MaxSubscriptions {
		maps.DeleteFunc(s.rooms, func(_ string, subs int) bool { return subs == 0 })
	}
	_, ok := s.visits.take(s.server.visitLimit, time.Now())
	return ok
}

// join counts a subscription to a room, or to a feature of it, and joins with the first.
func (s *Session) join(room, feature string) error {
	if s.rooms[room] == 0 {
		err := errors.New("the room cannot be joined") // unless Join returns
		s.server.guard(s, "join", func() { err = s.server.cfg.Handler.Join(s, room) })
		if err != nil {
			return err
		}
	}
	if !s.server.guard(s, "follow", func() { s.server.cfg.Handler.Follow(room, feature) }) {
		if s.rooms[room] == 0 {
			s.server.guard(s, "leave", func() { s.server.cfg.Handler.Leave(s, room) })
		}
		return errors.New("the room cannot be followed")
	}
	s.rooms[room]++
	return nil
}

// leave undoes a join.
func (s *Session) leave(room, feature string) {
	s.server.guard(s, "unfollow", func() { s.server.cfg.Handler.Unfollow(room, feature) })
	if s.rooms[room]--; s.rooms[room] == 0 {
		s.server.guard(s, "leave", func() { s.server.cfg.Handler.Leave(s, room) })
	}
}

func (s *Session) unsubscribe(sub *subscription) {
	s.dropSync(sub)
	s.server.streams.unsubscribe(sub)
	s.server.metrics.subscriptions.Dec()
	s.leave(sub.room.name, sub.group.feature)
}

func (s *Session) unsubscribeAll() {
	for _, sub := range slices.Clone(s.subs) {
		s.unsubscribe(sub)
	}
}

// perform does what the page's binder asks for. It is false when reading should
// stop.
func (s *Session) perform(sub *subscription, m message) bool {
	switch m.Action {
	case "event":
		s.event(sub, m)
	case "sync":
		return s.sync(sub, m)
	default:
		return s.refuse("unknown_action")
	}
	return true
}

func (s *Session) event(sub *subscription, m message) {
	id, ok := m.id()
	if !ok {
		// The browser knows the event by its id; an ack without is for whoever is
		// writing a client and wonders.
		s.server.metrics.refused.WithLabelValues("invalid_event").Inc()
		s.ack(sub, "", Ack{Status: Invalid, Sentence: "The event's id must be 8 to 64 letters, digits, hyphens or underscores."})
		return
	}
	e, wrong := m.event(id)
	passing := wrong == "" && m.Latest && s.server.cfg.Handler.Passing(e.Target)
	if wait, ok := s.allow(passing); !ok {
		s.server.metrics.refused.WithLabelValues("busy").Inc()
		if !passing {
			s.ack(sub, id, Ack{Status: Busy, Sentence: "That was too fast. Please wait a moment.", RetryAfter: wait})
		}
		return
	}
	if wrong != "" {
		s.server.metrics.refused.WithLabelValues("invalid_event").Inc()
		s.ack(sub, id, Ack{Status: Invalid, Sentence: wrong})
		return
	}
	s.server.metrics.events.Inc()
	var answered atomic.Bool
	done := func(a Ack) {
		if !answered.Swap(true) && !passing {
			s.ack(sub, id, a)
		}
	}
	if !s.server.guard(s, "event", func() { s.server.cfg.Handler.Event(s, sub.room.name, e, done) }) {
		done(Ack{Status: Failed, Sentence: "Something went wrong."})
	}
}

// allow counts an event against the session's rate and the address's, or against
// neither and says how long to wait. Those that pass have rates of their own.
func (s *Session) allow(passing bool) (wait time.Duration, ok bool) {
	now := time.Now()
	events, addresses := &s.events, s.server.addresses
	if passing {
		events, addresses = &s.passing, s.server.pointers
	}
	if wait, ok = events.take(s.server.eventLimit, now); !ok {
		return wait, false
	}
	if wait, ok = addresses.take(s.address, 1, now); !ok {
		events.giveBack()
	}
	return wait, ok
}

// guard runs f, which calls the Handler, in the session's turn and reports whether
// it returned. A panic is logged and goes no further.
func (s *Server) guard(session *Session, what string, f func()) (returned bool) {
	session.turn.Lock()
	defer session.turn.Unlock()
	defer func() {
		if !returned {
			s.log.Error("handler panicked", slog.String("session", session.ID()), slog.String("call", what),
				slog.Any("err", recover()), slog.String("stack", string(debug.Stack())))
		}
	}()
	f()
	return true
}
