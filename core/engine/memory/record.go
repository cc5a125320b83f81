package memory

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// savedEntry is a log entry in the file: without its beat and without the cells
// that are not durable.
type savedEntry struct {
	engine.Entry

	// Places are the cells' places in the whole entry, which their stamps name.
	// It is absent when no cell was left out.
	Places []int `json:"i,omitempty"`
}

// savedCell is a cell of the state in the file; its key holds the address.
type savedCell struct {
	MS      int64        `json:"ms"`
	Seq     int64        `json:"sq,omitempty"`
	Index   int          `json:"i,omitempty"`
	Kind    plugins.Kind `json:"t"`
	Value   string       `json:"v,omitempty"`
	Removed bool         `json:"x,omitempty"`
}

func encodeEntry(e engine.Entry) ([]byte, error) {
	saved := savedEntry{Entry: e}
	saved.Beat = nil
	saved.Cells = make([]state.Cell, 0, len(e.Cells))
	places := make([]int, 0, len(e.Cells))
	for i, c := range e.Cells {
		if state.Durable(c.Kind) {
			saved.Cells = append(saved.Cells, c)
			places = append(places, i)
		}
	}
	if len(places) < len(e.Cells) {
		saved.Places = places
	}
	b, err := json.Marshal(saved)
	if err != nil {
		return nil, fmt.Errorf("encode log entry %s: %w", e.ID, err)
	}
	return b, nil
}

func decodeEntry(site string, id state.ID, b []byte) (engine.Entry, error) {
	var saved savedEntry
	if err := json.Unmarshal(b, &saved); err != nil {
		return engine.Entry{}, fmt.Errorf("decode log entry %s: %w", id, err)
	}
	if saved.Places != nil && len(saved.Places) != len(saved.Cells) {
		return engine.Entry{}, fmt.Errorf("decode log entry %s: %d places of %d cells", id, len(saved.Places), len(saved.Cells))
	}
	e := saved.Entry
	e.Site, e.ID = site, id
	for i := range e.Cells {
		place := i
		if saved.Places != nil {
			place = saved.Places[i]
		}
		e.Cells[i].Stamp = state.Stamp{ID: id, Site: site, Index: place}
	}
	return e, nil
}

func encodeCell(c state.Cell) ([]byte, error) {
	b, err := json.Marshal(savedCell{
		MS: c.Stamp.MS, Seq: c.Stamp.Seq, Index: c.Stamp.Index,
		Kind: c.Kind, Value: c.Value, Removed: c.Removed,
	})
	if err != nil {
		return nil, fmt.Errorf("encode cell of room %q: %w", c.Room, err)
	}
	return b, nil
}

func decodeCell(site string, key, value []byte) (state.Cell, error) {
	parts := strings.Split(string(key), "\x00")
	if len(parts) != 4 {
		return state.Cell{}, fmt.Errorf("decode cell: address %q of %d parts", key, len(parts))
	}
	var s savedCell
	if err := json.Unmarshal(value, &s); err != nil {
		return state.Cell{}, fmt.Errorf("decode cell %q: %w", key, err)
	}
	return state.Cell{
		Room: parts[0], Feature: parts[1], Field: parts[2], Key: parts[3],
		Kind:  s.Kind,
		Stamp: state.Stamp{ID: state.ID{MS: s.MS, Seq: s.Seq}, Site: site, Index: s.Index},
		Value: s.Value, Removed: s.Removed,
	}, nil
}

// cellKey joins an address; engine.Batch.Check keeps NUL out of its parts.
func cellKey(a state.Address) []byte {
	return []byte(a.Room + "\x00" + a.Feature + "\x00" + a.Field + "\x00" + a.Key)
}

// idKey returns an id as bytes that sort as ids do.
func idKey(id state.ID) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 16), uint64(id.MS))
	return binary.BigEndian.AppendUint64(b, uint64(id.Seq))
}

func parseIDKey(b []byte) (state.ID, error) {
	if len(b) != 16 {
		return state.ID{}, fmt.Errorf("parse log id of %d bytes: want 16", len(b))
	}
	return state.ID{
		MS:  int64(binary.BigEndian.Uint64(b[:8])),
		Seq: int64(binary.BigEndian.Uint64(b[8:])),
	}, nil
}
