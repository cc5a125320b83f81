package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/global-presence/presence/core/state"
)

// wireEntry is an entry as a log holds it.
type wireEntry struct {
	Entry

	// Again is Entry.Restores.
	Again bool `json:"again,omitempty"`

	// Stamps are those of the cells, "ms-seq-index" each, where the entry puts
	// back cells of others. Otherwise they are implied by the entry's place.
	Stamps []string `json:"s,omitempty"`
}

// Encode returns the entry without its site and id, as JSON. The cells' stamps are
// implied by the entry's place in the log, but for those that it puts back. A cell of
// the same field as the one before it says so by naming no room: a crowd that paints
// one board says it once.
func (e Entry) Encode() ([]byte, error) {
	w := wireEntry{Entry: e, Again: e.Restores}
	w.Cells = fold(e.Cells)
	if e.Restores {
		w.Stamps = make([]string, len(e.Cells))
		for i, c := range e.Cells {
			w.Stamps[i] = c.Stamp.ID.String() + "-" + strconv.Itoa(c.Stamp.Index)
		}
	}
	b, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encode log entry: %w", err)
	}
	return b, nil
}

// fold returns cells of which one that is of the same field as the one before it names
// no field.
func fold(cells []state.Cell) []state.Cell {
	folded := slices.Clone(cells)
	for i := range folded {
		c := &folded[i]
		if i > 0 && c.Room == cells[i-1].Room && c.Feature == cells[i-1].Feature && c.Field == cells[i-1].Field && c.Kind == cells[i-1].Kind {
			c.Room, c.Feature, c.Field, c.Kind = "", "", "", 0
		}
	}
	return folded
}

// unfold undoes fold in place.
func unfold(cells []state.Cell) error {
	for i := range cells {
		c := &cells[i]
		switch {
		case c.Room != "":
		case i == 0:
			return errors.New("the first cell has no room")
		default:
			before := cells[i-1]
			c.Room, c.Feature, c.Field, c.Kind = before.Room, before.Feature, before.Field, before.Kind
		}
	}
	return nil
}

// DecodeEntry reads what Encode wrote of the entry at id in the log of site.
func DecodeEntry(site string, id state.ID, b []byte) (Entry, error) {
	var w wireEntry
	if err := json.Unmarshal(b, &w); err != nil {
		return Entry{}, fmt.Errorf("decode log entry %s of %s: %w", id, site, err)
	}
	e := w.Entry
	e.Site, e.ID, e.Restores = site, id, w.Again
	if e.Restores && len(w.Stamps) != len(e.Cells) {
		return Entry{}, fmt.Errorf("decode log entry %s of %s: %d stamps of %d cells", id, site, len(w.Stamps), len(e.Cells))
	}
	if err := unfold(e.Cells); err != nil {
		return Entry{}, fmt.Errorf("decode log entry %s of %s: %w", id, site, err)
	}
	for i := range e.Cells {
		stamp := state.Stamp{ID: id, Site: site, Index: i}
		if e.Restores {
			var err error
			if stamp.ID, stamp.Index, err = parsePlace(w.Stamps[i]); err != nil {
				return Entry{}, fmt.Errorf("decode log entry %s of %s: %w", id, site, err)
			}
		}
		e.Cells[i].Stamp = stamp
	}
	return e, nil
}

// parsePlace reads the id of an entry and a place in it.
func parsePlace(s string) (state.ID, int, error) {
	cut := strings.LastIndexByte(s, '-')
	if cut < 0 {
		return state.ID{}, 0, fmt.Errorf("stamp %q: want milliseconds-sequence-index", s)
	}
	id, err := state.ParseID(s[:cut])
	if err != nil {
		return state.ID{}, 0, err
	}
	index, err := strconv.Atoi(s[cut+1:])
	if err != nil || index < 0 {
		return state.ID{}, 0, fmt.Errorf("stamp %q: want milliseconds-sequence-index", s)
	}
	return id, index, nil
}
