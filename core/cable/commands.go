package cable

import (
	"errors"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/global-presence/presence/plugins/dom"
)

// handle does what a frame asks for. It is false when reading should stop.
func (s *Session) handle(frame []byte) bool {
	c, err := parseCommand(frame)
	if err != nil {
		return s.refuse("malformed")
	}
	switch c.Command {
	case "subscribe":
		s.subscribe(c.Identifier)
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

func (s *Session) subscribe(identifier []byte) {
	if sub := s.subscription(identifier); sub != nil {
		// The official client asks every 500 ms until it sees a confirm, so it gets
		// one for each time; nothing else happens again.
		s.send(confirmFrame(sub.group.identifier))
		return
	}
	room, err := parseIdentifier(identifier)
	if err == nil && len(s.subs) >= s.server.cfg.MaxSubscriptions {
		err = errors.New("too many subscriptions")
	}
	if err == nil && s.rooms[room] == 0 {
		err = errors.New("the room cannot be joined") // unless Join returns
		s.server.guard(s, "join", func() { err = s.server.cfg.Handler.Join(s, room) })
	}
	if err != nil {
		s.server.metrics.refused.WithLabelValues("rejected").Inc()
		s.send(rejectFrame(string(identifier), err.Error()))
		return
	}
	s.rooms[room]++
	s.server.metrics.subscriptions.Inc()
	s.server.streams.subscribe(s, string(identifier), room)
}

func (s *Session) unsubscribe(sub *subscription) {
	s.server.streams.unsubscribe(sub)
	s.server.metrics.subscriptions.Dec()
	room := sub.room.name
	if s.rooms[room]--; s.rooms[room] > 0 {
		return
	}
	delete(s.rooms, room)
	s.server.guard(s, "leave", func() { s.server.cfg.Handler.Leave(s, room) })
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
	if wait, ok := s.allow(); !ok {
		s.server.metrics.refused.WithLabelValues("busy").Inc()
		s.ack(sub, id, Ack{Status: Busy, Sentence: "That was too fast. Please wait a moment.", RetryAfter: wait})
		return
	}
	e, wrong := m.event(id)
	if wrong != "" {
		s.server.metrics.refused.WithLabelValues("invalid_event").Inc()
		s.ack(sub, id, Ack{Status: Invalid, Sentence: wrong})
		return
	}
	s.server.metrics.events.Inc()
	var answered atomic.Bool
	done := func(a Ack) {
		if !answered.Swap(true) {
			s.ack(sub, id, a)
		}
	}
	if !s.server.guard(s, "event", func() { s.server.cfg.Handler.Event(s, sub.room.name, e, done) }) {
		done(Ack{Status: Failed, Sentence: "Something went wrong."})
	}
}

func (s *Session) sync(sub *subscription, m message) bool {
	revs, err := m.revs()
	if err != nil {
		return s.refuse("malformed")
	}
	if _, ok := s.allow(); !ok {
		s.server.metrics.refused.WithLabelValues("busy").Inc()
		return true
	}
	reply := func(ops ...dom.Operation) { s.operate(sub, ops...) }
	s.server.guard(s, "sync", func() { s.server.cfg.Handler.Sync(s, sub.room.name, revs, reply) })
	return true
}

// allow counts an event against the session's rate and the address's, or says how
// long to wait.
func (s *Session) allow() (wait time.Duration, ok bool) {
	now := time.Now()
	if wait, ok = s.events.take(s.server.eventLimit, now); !ok {
		return wait, false
	}
	return s.server.addresses.take(s.address, now)
}

// guard runs f and reports whether it returned. A panic is logged and goes no
// further.
func (s *Server) guard(session *Session, what string, f func()) (returned bool) {
	defer func() {
		if !returned {
			s.log.Error("handler panicked", slog.String("session", session.ID()), slog.String("call", what),
				slog.Any("err", recover()), slog.String("stack", string(debug.Stack())))
		}
	}()
	f()
	return true
}
