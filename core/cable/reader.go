package cable

import (
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"
	"unicode/utf8"
)

// reader takes apart what a browser sends. While nothing comes it holds no buffer:
// where there is a socket it asks for one when there is something to read.
type reader struct {
	conn  net.Conn
	raw   syscall.RawConn  // nil if there is none
	most  int              // bytes of a message, also once it is inflated
	begin func()           // called before waiting for the rest of a message
	hear  func(n int) bool // called for each frame, also within a message; false when there are too many

	held    *[]byte // the buffer, or nil
	from    int     // where in it that begins which nobody has taken yet
	try     func(fd uintptr) bool
	readErr error

	message *[]byte // what there is of a message in several frames, or of one that is large; or nil
	opcode  byte    // of that message, 0 between messages
	packed  bool    // that message is compressed
	deflate bool    // messages may be
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// mostPooled is the largest buffer that goes back: large ones are rare.
const mostPooled = 16 << 10

func putBuffer(b *[]byte) {
	if cap(*b) <= mostPooled {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}

var errFrame = errors.New("no WebSocket frame")

func newReader(conn net.Conn, raw syscall.RawConn, most int, deflate bool, begin func(), hear func(n int) bool, early []byte) reader {
	r := reader{conn: conn, raw: raw, most: most, deflate: deflate, begin: begin, hear: hear}
	if len(early) > 0 {
		r.held = buffers.Get().(*[]byte)
		*r.held = append(*r.held, early...)
	}
	return r
}

// buffered returns what was read and not taken yet.
func (r *reader) buffered() []byte {
	if r.held == nil {
		return nil
	}
	return (*r.held)[r.from:]
}

// within reports whether a message or a frame has begun and not ended.
func (r *reader) within() bool { return r.opcode != 0 || len(r.buffered()) > 0 }

// release gives back what the last message stood in. It is called when that is not
// used any more.
func (r *reader) release() {
	if r.held != nil && len(r.buffered()) == 0 {
		putBuffer(r.held)
		r.held, r.from = nil, 0
	}
	if r.message != nil && r.opcode == 0 {
		putBuffer(r.message)
		r.message = nil
	}
}

// next returns the next message, or the next ping or pong between its pieces. The
// payload is valid until release. A close frame is errClosed.
func (r *reader) next() (opcode byte, payload []byte, err error) {
	for {
		final, packed, opcode, size, mask, err := r.header()
		if err != nil {
			return 0, nil, err
		}
		if !r.hear(1) {
			return 0, nil, errFlood
		}
		switch opcode {
		case opClose, opPing, opPong:
			if payload, err = r.need(size); err != nil {
				return 0, nil, err
			}
			r.from += size
			unmask(payload, mask, 0)
			if opcode == opClose {
				return 0, nil, checkClose(payload)
			}
			return opcode, payload, nil
		case opMore:
		default:
			if final && !packed && size <= mostPooled-maxHeader { // most are: they need not be copied
				if payload, err = r.need(size); err != nil {
					return 0, nil, err
				}
				r.from += size
				unmask(payload, mask, 0)
				return opcode, payload, nil
			}
			r.opcode, r.packed = opcode, packed
		}
		if err := r.gather(size, mask); err != nil {
			return 0, nil, err
		}
		if final {
			opcode, r.opcode = r.opcode, 0
			if r.packed {
				err = r.unpack()
			}
			return opcode, *r.message, err
		}
	}
}

// maxHeader is the size in bytes of the largest header, of a frame with a mask.
const maxHeader = 14

// header takes the header of a frame.
func (r *reader) header() (final, packed bool, opcode byte, size int, mask [4]byte, err error) {
	b, err := r.need(2)
	if err != nil {
		return
	}
	final, packed, opcode = b[0]&0x80 != 0, b[0]&firstReserved != 0, b[0]&0x0F
	n := 2
	switch b[1] & 0x7F {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	control := opcode >= opClose
	switch {
	case b[0]&0x30 != 0, packed && !r.deflate, // an extension that nobody has agreed on
		packed && (control || opcode == opMore),
		b[1]&0x80 == 0, // no mask, which browsers must use
		opcode > opBinary && !control, opcode > opPong,
		control && (!final || n > 2),
		opcode == opMore && r.opcode == 0,
		opcode != opMore && !control && r.opcode != 0:
		return false, false, 0, 0, mask, errFrame
	}
	if b, err = r.need(n + 4); err != nil {
		return
	}
	var long uint64
	switch n {
	case 2:
		long = uint64(b[1] & 0x7F)
	case 4:
		long = uint64(binary.BigEndian.Uint16(b[2:]))
	default:
		long = binary.BigEndian.Uint64(b[2:])
	}
	so := 0
	if r.message != nil {
		so = len(*r.message)
	}
	if !control && long > uint64(r.most-so) {
		return false, false, 0, 0, mask, errTooLarge
	}
	copy(mask[:], b[n:])
	r.from += n + 4
	return final, packed, opcode, int(long), mask, nil
}

// checkClose returns errClosed for what a close frame may carry.
func checkClose(payload []byte) error {
	if len(payload) == 0 {
		return errClosed
	}
	if len(payload) < 2 || !utf8.Valid(payload[2:]) {
		return errFrame
	}
	// RFC 6455, section 7.4: those that may be sent, and those that are for others to use.
	switch code := binary.BigEndian.Uint16(payload); {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
		return errClosed
	}
	return errFrame
}

// gather adds the payload of a frame to the message.
func (r *reader) gather(size int, mask [4]byte) error {
	if r.message == nil {
		r.message = buffers.Get().(*[]byte)
	}
	for done := 0; done < size; {
		if len(r.buffered()) == 0 {
			if err := r.fill(); err != nil {
				return err
			}
		}
		b := r.buffered()
		b = b[:min(len(b), size-done)]
		r.from += len(b)
		unmask(b, mask, done)
		*r.message = append(*r.message, b...)
		done += len(b)
	}
	return nil
}

// unpack inflates the message.
func (r *reader) unpack() error {
	packed := r.message
	r.message = buffers.Get().(*[]byte)
	defer putBuffer(packed)
	if err := inflate(r.message, packed, r.most); err != nil {
		return err
	}
	if !r.hear((len(*packed) + len(*r.message)) / inflateUnit) {
		return errFlood
	}
	return nil
}

// need returns the next n bytes, which stay.
func (r *reader) need(n int) ([]byte, error) {
	for len(r.buffered()) < n {
		if r.held != nil && cap(*r.held)-r.from < n {
			there := r.buffered()
			if n > cap(*r.held) {
				*r.held = append(make([]byte, 0, n), there...)
			} else {
				*r.held = append((*r.held)[:0], there...)
			}
			r.from = 0
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	return r.buffered()[:n:n], nil
}

// fill reads some more. Between frames it gives the buffer back while it waits.
func (r *reader) fill() error {
	if r.within() {
		r.begin()
	}
	if r.raw == nil {
		b := r.space()
		n, err := r.conn.Read(b)
		*r.held = (*r.held)[:len(*r.held)+n]
		if n > 0 {
			return nil
		}
		return err
	}
	if r.try == nil {
		r.try = r.attempt // once, so that reading allocates nothing
	}
	if err := r.raw.Read(r.try); err != nil {
		return err
	}
	return r.readErr
}

// attempt reads if something is there.
func (r *reader) attempt(fd uintptr) bool {
	n, later, err := readFD(fd, r.space())
	r.readErr = err
	if later {
		if len(r.buffered()) == 0 {
			putBuffer(r.held)
			r.held, r.from = nil, 0
		}
		return false
	}
	*r.held = (*r.held)[:len(*r.held)+n]
	return true
}

// space returns the room behind what is buffered, which is never none.
func (r *reader) space() []byte {
	if r.held == nil {
		r.held, r.from = buffers.Get().(*[]byte), 0
	}
	if r.from == len(*r.held) {
		*r.held, r.from = (*r.held)[:0], 0
	}
	if len(*r.held) == cap(*r.held) {
		if r.from > 0 {
			n := copy(*r.held, (*r.held)[r.from:])
			*r.held, r.from = (*r.held)[:n], 0
		} else {
			*r.held = slices.Grow(*r.held, 1)
		}
	}
	return (*r.held)[len(*r.held):cap(*r.held)]
}

// unmask undoes a mask in place, of which at bytes were undone before.
func unmask(b []byte, mask [4]byte, at int) {
	for i := range b {
		b[i] ^= mask[(at+i)&3]
	}
}
