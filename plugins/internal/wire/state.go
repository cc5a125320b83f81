package wire

import (
	"time"

	"github.com/global-presence/presence/plugins"
)

func writeState(w *writer, s *plugins.State) {
	table(w, 1, s.Registers, func(w *writer, i plugins.Item) {
		start := w.begin(2)
		writeItem(w, &i)
		w.end(start)
	})
	table(w, 2, s.Counters, func(w *writer, n int64) { w.integer(2, n) })
	writeRows(w, 3, s.Lists, writeItem)
	writeRows(w, 4, s.Presence, writeGroup)
	writeRows(w, 5, s.Sites, writeSite)
}

// writeRows writes a map whose values are messages with one repeated field, 1.
func writeRows[T any](w *writer, n number, all map[string][]T, write func(*writer, *T)) {
	table(w, n, all, func(w *writer, rows []T) {
		start := w.begin(2)
		each(w, 1, rows, write)
		w.end(start)
	})
}

func readState(r reader, s *plugins.State) {
	for r.next() {
		switch r.num {
		case 1:
			put(&r, &s.Registers, func(r *reader, i *plugins.Item) { readItem(r.message(), i) })
		case 2:
			put(&r, &s.Counters, (*reader).integer)
		case 3:
			readRows(&r, &s.Lists, readItem)
		case 4:
			readRows(&r, &s.Presence, readGroup)
		case 5:
			readRows(&r, &s.Sites, readSite)
		}
	}
}

func readRows[T any](r *reader, to *map[string][]T, read func(r reader, to *T)) {
	put(r, to, func(r *reader, rows *[]T) {
		for m := r.message(); m.next(); {
			if m.num == 1 {
				add(&m, rows, read)
			}
		}
	})
}

func writeItem(w *writer, i *plugins.Item) {
	w.text(1, i.ID)
	w.text(2, i.Value)
	w.integer(3, i.At.UnixMilli())
	w.text(4, i.Site)
}

func readItem(r reader, i *plugins.Item) {
	ms := int64(0)
	for r.next() {
		switch r.num {
		case 1:
			r.text(&i.ID)
		case 2:
			r.text(&i.Value)
		case 3:
			r.integer(&ms)
		case 4:
			r.text(&i.Site)
		}
	}
	i.At = moment(ms)
}

func writeGroup(w *writer, g *plugins.Group) {
	w.text(1, g.Key)
	w.integer(2, int64(g.People))
	w.integer(3, int64(g.Tabs))
}

func readGroup(r reader, g *plugins.Group) {
	for r.next() {
		switch r.num {
		case 1:
			r.text(&g.Key)
		case 2:
			r.count(&g.People)
		case 3:
			r.count(&g.Tabs)
		}
	}
}

func writeSite(w *writer, s *plugins.Site) {
	w.text(1, s.Name)
	w.text(2, s.Region)
	if !s.CutOff.IsZero() {
		w.present(3, s.CutOff.UnixMilli())
	}
	each(w, 4, s.Pings, func(w *writer, p *plugins.Ping) {
		w.text(1, p.To)
		w.integer(2, p.RTT.Microseconds())
	})
}

func readSite(r reader, s *plugins.Site) {
	for r.next() {
		switch r.num {
		case 1:
			r.text(&s.Name)
		case 2:
			r.text(&s.Region)
		case 3:
			ms := int64(0)
			r.integer(&ms)
			s.CutOff = moment(ms)
		case 4:
			add(&r, &s.Pings, readPing)
		}
	}
}

func readPing(r reader, p *plugins.Ping) {
	us := int64(0)
	for r.next() {
		switch r.num {
		case 1:
			r.text(&p.To)
		case 2:
			r.integer(&us)
		}
	}
	p.RTT = time.Duration(us) * time.Microsecond
}
