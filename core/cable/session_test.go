package cable_test

import (
	"bytes"
	"testing"

	"github.com/global-presence/presence/core/cable"
)

func TestEndsWithClose(t *testing.T) {
	mask := []byte{1, 2, 3, 4}
	frame := func(first, second byte, payload int) []byte {
		return append(append([]byte{first, second}, mask...), bytes.Repeat([]byte("x"), payload)...)
	}
	for name, tc := range map[string]struct {
		b    []byte
		want bool
	}{
		"empty":                  {nil, false},
		"close without a code":   {frame(0x88, 0x80, 0), true},
		"close with a code":      {frame(0x88, 0x82, 2), true},
		"close with a reason":    {frame(0x88, 0x80|125, 125), true},
		"after other frames":     {append(frame(0x81, 0x85, 5), frame(0x88, 0x82, 2)...), true},
		"text":                   {frame(0x81, 0x85, 5), false},
		"close, then more":       {append(frame(0x88, 0x82, 2), 'x'), false},
		"close cut off":          {frame(0x88, 0x82, 1), false},
		"not masked, no browser": {[]byte{0x88, 0x02, 0x03, 0xE8}, false},
	} {
		if got := cable.EndsWithClose(tc.b); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
