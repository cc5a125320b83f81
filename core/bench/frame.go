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

	firstReserved = 0x40 // of the first byte, beside the opcode: the message is compressed
)

// maxFrame is how many bytes a frame of a server may have.
const maxFrame = 16 << 20

// frame is one that a server sent.
type frame struct {
	op      byte
	packed  bool   // the payload is compressed
	payload []byte // of what the frame was read from
	size    int    // bytes of the whole frame
}

// nextFrame returns the first frame of b; its size is 0 if it is not whole yet. deflate
// says that the payload may be compressed.
func nextFrame(b []byte, deflate bool) (frame, error) {
	if len(b) < 2 {
		return frame{}, nil
	}
	f := frame{op: b[0] & 0x0F, packed: b[0]&firstReserved != 0}
	switch {
	case b[0]&0x80 == 0 || f.op == 0:
		return frame{}, errors.New("the server sent a fragment of a message; want whole ones")
	case b[0]&0x30 != 0, f.packed && (!deflate || f.op != opText):
		return frame{}, errors.New("the server sent a frame of an extension that nobody asked for")
	case b[1]&0x80 != 0:
		return frame{}, errors.New("the server sent a masked frame")
	}
	at, length := 2, uint64(b[1])
	switch {
	case length == 126 && len(b) >= 4:
		at, length = 4, uint64(binary.BigEndian.Uint16(b[2:]))
	case length == 127 && len(b) >= 10:
		at, length = 10, binary.BigEndian.Uint64(b[2:])
	case length >= 126:
		return frame{}, nil
	}
	if length > maxFrame {
		return frame{}, fmt.Errorf("the server sent a frame of %d bytes; want at most %d", length, maxFrame)
	}
	if uint64(len(b)-at) < length {
		return frame{}, nil
	}
	f.size = at + int(length)
	f.payload = b[at:f.size]
	return f, nil
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
