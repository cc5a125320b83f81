package engine

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// Limits of one call of Signal.
const (
	MaxSignals    = 1024
	MaxSignalSize = 64 << 10
)

// SignalSize returns about how many bytes a cell takes in a message.
func SignalSize(c state.Cell) int {
	return cellOverhead + len(c.Room) + len(c.Feature) + len(c.Field) + len(c.Key) + len(c.Value)
}

// CheckSignals reports the first rule that cells break, as an error that wraps
// ErrRefused.
func CheckSignals(cells []state.Cell) error {
	if err := checkSignals(cells); err != nil {
		return fmt.Errorf("%w: signal: %w", ErrRefused, err)
	}
	return nil
}

func checkSignals(cells []state.Cell) error {
	if len(cells) == 0 || len(cells) > MaxSignals {
		return fmt.Errorf("%d values: want 1 to %d", len(cells), MaxSignals)
	}
	size := 0
	for i := range cells {
		c := &cells[i]
		size += SignalSize(*c)
		if err := state.CheckRoom(c.Room); err != nil {
			return err
		}
		if err := checkName("feature", c.Feature, false); err != nil {
			return err
		}
		if err := checkName("field", c.Field, false); err != nil {
			return err
		}
		if err := checkName("key", c.Key, true); err != nil {
			return err
		}
		switch {
		case c.Kind != plugins.Volatile || c.Removed:
			return fmt.Errorf("value %d is of kind %d: want a volatile one", i, c.Kind)
		case len(c.Value) > plugins.MaxValueSize:
			return fmt.Errorf("value of %d bytes: want at most %d", len(c.Value), plugins.MaxValueSize)
		case !utf8.ValidString(c.Value):
			return fmt.Errorf("value is not UTF-8")
		}
	}
	if size > MaxSignalSize {
		return fmt.Errorf("%d bytes: want at most %d", size, MaxSignalSize)
	}
	return nil
}

// EncodeSignals returns cells as a message between binaries.
func EncodeSignals(cells []state.Cell) ([]byte, error) {
	b, err := json.Marshal(fold(cells))
	if err != nil {
		return nil, fmt.Errorf("encode signals: %w", err)
	}
	return b, nil
}

// DecodeSignals reads what EncodeSignals wrote, and checks it.
func DecodeSignals(b []byte) ([]state.Cell, error) {
	var cells []state.Cell
	if err := json.Unmarshal(b, &cells); err != nil {
		return nil, fmt.Errorf("decode signals: %w", err)
	}
	if err := unfold(cells); err != nil {
		return nil, fmt.Errorf("decode signals: %w", err)
	}
	if err := checkSignals(cells); err != nil {
		return nil, fmt.Errorf("decode signals: %w", err)
	}
	return cells, nil
}
