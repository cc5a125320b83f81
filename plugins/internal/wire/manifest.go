package wire

import (
	"github.com/global-presence/presence/plugins"
)

// Description is what a feature says of itself.
type Description struct {
	Manifest plugins.Manifest

	// SDK is the version of the library that serves it, for people: "v1.2.3".
	SDK string
}

// Describe returns the message DescribeResponse.
func Describe(d Description) ([]byte, error) {
	w := writer{b: make([]byte, 0, 1024+len(d.Manifest.Style))}
	start := w.begin(1)
	writeManifest(&w, &d.Manifest)
	w.end(start)
	w.text(2, d.SDK)
	return w.done()
}

// ParseDescription reads what Describe wrote.
func ParseDescription(b []byte) (Description, error) {
	var d Description
	r := read(b)
	for r.next() {
		switch r.num {
		case 1:
			readManifest(r.message(), &d.Manifest)
		case 2:
			r.text(&d.SDK)
		}
	}
	return d, r.finish("manifest")
}

func writeManifest(w *writer, m *plugins.Manifest) {
	w.text(1, m.Name)
	w.text(2, m.Title)
	w.yes(3, m.Personal)
	each(w, 4, m.State, writeField)
	each(w, 5, m.Events, writeEventType)
	w.text(6, m.Style)
	each(w, 7, m.Watches, func(w *writer, x *plugins.Watch) {
		w.text(1, x.Keys)
		w.text(2, x.Event)
		w.text(3, x.Room)
	})
	w.text(8, m.Leaves)
	w.text(9, m.Joins)
}

func readManifest(r reader, m *plugins.Manifest) {
	for r.next() {
		switch r.num {
		case 1:
			r.text(&m.Name)
		case 2:
			r.text(&m.Title)
		case 3:
			r.yes(&m.Personal)
		case 4:
			add(&r, &m.State, readField)
		case 5:
			add(&r, &m.Events, readEventType)
		case 6:
			r.text(&m.Style)
		case 7:
			add(&r, &m.Watches, readWatch)
		case 8:
			r.text(&m.Leaves)
		case 9:
			r.text(&m.Joins)
		}
	}
}

func readWatch(r reader, x *plugins.Watch) {
	for r.next() {
		switch r.num {
		case 1:
			r.text(&x.Keys)
		case 2:
			r.text(&x.Event)
		case 3:
			r.text(&x.Room)
		}
	}
}

func writeField(w *writer, f *plugins.Field) {
	w.text(1, f.Name)
	w.integer(2, int64(f.Kind))
	w.integer(3, int64(f.Cap))
	w.integer(4, int64(f.By))
	w.yes(5, f.Direct)
	w.integer(6, int64(f.Width))
	w.integer(7, int64(f.Height))
	each(w, 8, f.Palette, func(w *writer, c *plugins.Colour) {
		w.text(1, c.Name)
		w.text(2, c.RGB)
	})
}

func readField(r reader, f *plugins.Field) {
	for r.next() {
		switch r.num {
		case 1:
			r.text(&f.Name)
		case 2:
			small(&r, &f.Kind)
		case 3:
			r.count(&f.Cap)
		case 4:
			small(&r, &f.By)
		case 5:
			r.yes(&f.Direct)
		case 6:
			r.count(&f.Width)
		case 7:
			r.count(&f.Height)
		case 8:
			add(&r, &f.Palette, readColour)
		}
	}
}

func readColour(r reader, c *plugins.Colour) {
	for r.next() {
		switch r.num {
		case 1:
			r.text(&c.Name)
		case 2:
			r.text(&c.RGB)
		}
	}
}

func writeEventType(w *writer, e *plugins.EventType) {
	w.text(1, e.Name)
	each(w, 2, e.Fields, writeParam)
	w.double(3, e.Rate)
	w.integer(4, int64(e.Burst))
	w.yes(5, e.Latest)
	w.yes(6, e.Admin)
	w.text(7, e.Trace)
}

func readEventType(r reader, e *plugins.EventType) {
	for r.next() {
		switch r.num {
		case 1:
			r.text(&e.Name)
		case 2:
			add(&r, &e.Fields, readParam)
		case 3:
			r.double(&e.Rate)
		case 4:
			r.count(&e.Burst)
		case 5:
			r.yes(&e.Latest)
		case 6:
			r.yes(&e.Admin)
		case 7:
			r.text(&e.Trace)
		}
	}
}

func writeParam(w *writer, p *plugins.Param) {
	w.text(1, p.Name)
	w.integer(2, int64(p.Type))
	w.yes(3, p.Optional)
	w.integer(4, p.Min)
	w.integer(5, p.Max)
	for _, c := range p.Choices {
		w.entry(6, c)
	}
	w.text(7, p.Of)
}

func readParam(r reader, p *plugins.Param) {
	for r.next() {
		switch r.num {
		case 1:
			r.text(&p.Name)
		case 2:
			small(&r, &p.Type)
		case 3:
			r.yes(&p.Optional)
		case 4:
			r.integer(&p.Min)
		case 5:
			r.integer(&p.Max)
		case 6:
			add(&r, &p.Choices, func(one reader, to *string) { r.text(to) })
		case 7:
			r.text(&p.Of)
		}
	}
}
