package wire

import (
	"github.com/global-presence/presence/plugins"
)

// View returns the message View: what is to be rendered.
func View(v plugins.View) ([]byte, error) {
	w := writer{b: make([]byte, 0, 512)}
	w.text(1, v.Feature)
	w.text(2, v.Room)
	start := w.begin(3)
	writeState(&w, &v.State)
	w.end(start)
	writePerson(&w, 4, v.Viewer)
	w.yes(5, v.Changes != nil)
	each(&w, 6, v.Changes, writeChange)
	return w.done()
}

// ParseView reads what View wrote. The texts are parts of b, which nobody may change from
// then on.
func ParseView(b []byte) (plugins.View, error) {
	var v plugins.View
	partial := false
	r := readShared(b)
	for r.next() {
		switch r.num {
		case 1:
			r.text(&v.Feature)
		case 2:
			r.text(&v.Room)
		case 3:
			readState(r.message(), &v.State)
		case 4:
			readPerson(r.message(), &v.Viewer)
		case 5:
			r.yes(&partial)
		case 6:
			add(&r, &v.Changes, readChange)
		}
	}
	switch {
	case !partial:
		v.Changes = nil
	case v.Changes == nil:
		v.Changes = []plugins.Change{}
	}
	return v, r.finish("view")
}

func writeChange(w *writer, c *plugins.Change) {
	w.text(1, c.Field)
	w.text(2, c.Group)
	w.text(3, c.Value)
	w.text(4, c.ID)
}

func readChange(r reader, c *plugins.Change) {
	for r.next() {
		switch r.num {
		case 1:
			r.text(&c.Field)
		case 2:
			r.text(&c.Group)
		case 3:
			r.text(&c.Value)
		case 4:
			r.text(&c.ID)
		}
	}
}
