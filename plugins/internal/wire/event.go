package wire

import (
	"time"

	"github.com/global-presence/presence/plugins"
)

// Handle returns the message Handle: events to be handled, and the state of each room
// that is named in one.
func Handle(events []plugins.Event, states map[string]plugins.State) ([]byte, error) {
	w := writer{b: make([]byte, 0, 128+192*len(events))}
	each(&w, 1, events, writeEvent)
	table(&w, 2, states, func(w *writer, s plugins.State) {
		start := w.begin(2)
		writeState(w, &s)
		w.end(start)
	})
	return w.done()
}

// ParseHandle reads what Handle wrote. The texts are parts of b, which nobody may change
// from then on.
func ParseHandle(b []byte) (events []plugins.Event, states map[string]plugins.State, err error) {
	r := readShared(b)
	for r.next() {
		switch r.num {
		case 1:
			add(&r, &events, readEvent)
		case 2:
			put(&r, &states, func(r *reader, s *plugins.State) { readState(r.message(), s) })
		}
	}
	return events, states, r.finish("events")
}

func writeEvent(w *writer, e *plugins.Event) {
	w.text(1, e.ID)
	w.text(2, e.Name)
	w.text(3, e.Room)
	table(w, 4, e.Fields, func(w *writer, v string) { w.text(2, v) })
	writePerson(w, 5, e.Person)
	w.integer(6, e.Time.UnixMilli())
}

func readEvent(r reader, e *plugins.Event) {
	ms := int64(0)
	fields := map[string]string(nil)
	for r.next() {
		switch r.num {
		case 1:
			r.text(&e.ID)
		case 2:
			r.text(&e.Name)
		case 3:
			r.text(&e.Room)
		case 4:
			put(&r, &fields, (*reader).text)
		case 5:
			readPerson(r.message(), &e.Person)
		case 6:
			r.integer(&ms)
		}
	}
	e.Fields, e.Time = fields, moment(ms)
}

// moment is a time on the wire.
func moment(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func writePerson(w *writer, n number, p plugins.Person) {
	if p == (plugins.Person{}) {
		return
	}
	start := w.begin(n)
	w.text(1, p.User)
	w.text(2, p.Session)
	w.text(3, p.Region)
	w.text(4, p.Edge)
	w.end(start)
}

func readPerson(r reader, p *plugins.Person) {
	for r.next() {
		switch r.num {
		case 1:
			r.text(&p.User)
		case 2:
			r.text(&p.Session)
		case 3:
			r.text(&p.Region)
		case 4:
			r.text(&p.Edge)
		}
	}
}
