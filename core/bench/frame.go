package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// WebSocket opcodes, from RFC 6455, section 5.2.
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA
)

// maxFrame is how many bytes a frame of a server may have.
const maxFrame = 16 << 20

// nextFrame returns the first frame of b, which a server sent, and how many bytes it
// takes; 0 if it is not whole yet. The payload points into b.
func nextFrame(b []byte) (op byte, payload []byte, size int, err error) {
	if len(b) < 2 {
		return 0, nil, 0, nil
	}
	switch {
	case b[0]&0x80 == 0 || b[0]&0x0F == 0:
		return 0, nil, 0, errors.New("the server sent a fragment of a message; want whole ones")
	case b[0]&0x70 != 0:
		return 0, nil, 0, errors.New("the server sent a frame of an extension that nobody asked for")
	case b[1]&0x80 != 0:
		return 0, nil, 0, errors.New("the server sent a masked frame")
	}
	at, length := 2, uint64(b[1])
	switch {
	case length == 126 && len(b) >= 4:
		at, length = 4, uint64(binary.BigEndian.Uint16(b[2:]))
	case length == 127 && len(b) >= 10:
		at, length = 10, binary.BigEndian.Uint64(b[2:])
	case length >= 126:
		return 0, nil, 0, nil
	}
	if length > maxFrame {
		return 0, nil, 0, fmt.Errorf("the server sent a frame of %d bytes; want at most %d", length, maxFrame)
	}
	size = at + int(length)
	if len(b) < size {
		return 0, nil, 0, nil
	}
	return b[0] & 0x0F, b[at:size], size, nil
}

// clientFrame returns a frame as a client sends it, with less than 64 KiB. The mask is there because
// a server must insist on it, and zero: it keeps proxies from reading what browsers send
// as something else, and here is neither.
func clientFrame(op byte, payload string) []byte {
	f := []byte{0x80 | op}
	if len(payload) < 126 {
		f = append(f, 0x80|byte(len(payload)))
	} else {
		f = binary.BigEndian.AppendUint16(append(f, 0x80|126), uint16(len(payload)))
	}
	return append(append(f, 0, 0, 0, 0), payload...)
}
