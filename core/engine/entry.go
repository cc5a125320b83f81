package engine

import (
	"encoding/json"
	"fmt"

	"github.com/global-presence/presence/core/state"
)

// Encode returns the entry without its site and id, as JSON. The cells' stamps are
// implied by the entry's place in the log.
func (e Entry) Encode() ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode log entry: %w", err)
	}
	return b, nil
}

// DecodeEntry reads what Encode wrote of the entry at id in the log of site.
func DecodeEntry(site string, id state.ID, b []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(b, &e); err != nil {
		return Entry{}, fmt.Errorf("decode log entry %s of %s: %w", id, site, err)
	}
	e.Site, e.ID = site, id
	for i := range e.Cells {
		e.Cells[i].Stamp = state.Stamp{ID: id, Site: site, Index: i}
	}
	return e, nil
}
