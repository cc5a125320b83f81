package wire

import (
	"encoding/binary"
	"errors"
	"strconv"
)

// Kind is what a call asks for: the number of its body in the message Call.
type Kind int

// The kinds of a call.
const (
	KindHandle Kind = 3
	KindRender Kind = 4
)

// Call is one call of a CarryRequest. Body is the message Handle or View.
type Call struct {
	ID          uint64
	RemainingMS uint32
	Kind        Kind // 0 if it is of none that is known
	Body        []byte
}

// Request returns a CarryRequest with one call. Messages of that type put one behind
// the other are one with all their calls.
func Request(c Call) []byte {
	w := writer{b: make([]byte, 0, len(c.Body)+32)}
	start := w.begin(1)
	w.integer(1, int64(c.ID))
	w.integer(2, int64(c.RemainingMS))
	w.bytes(number(c.Kind), c.Body)
	w.end(start)
	return w.b
}

// Cancel returns a CarryRequest that says that nobody waits for a call any more.
func Cancel(id uint64) []byte {
	var w writer
	w.bytes(2, binary.AppendUvarint(nil, id)) // packed
	return w.b
}

// ParseRequest reads a CarryRequest. The bodies are parts of b.
func ParseRequest(b []byte) (calls []Call, cancelled []uint64, err error) {
	r := read(b)
	for r.next() {
		switch r.num {
		case 1:
			add(&r, &calls, readCall)
		case 2:
			if r.typ == typeVarint {
				cancelled = append(cancelled, r.value)
				continue
			}
			for packed := r.bytes; len(packed) > 0; {
				id, rest, err := takeVarint(packed)
				if err != nil {
					r.fail(err)
					break
				}
				cancelled, packed = append(cancelled, id), rest
			}
		}
	}
	return calls, cancelled, r.finish("calls")
}

func readCall(r reader, c *Call) {
	id, ms := int64(0), int64(0)
	for r.next() {
		switch r.num {
		case 1:
			r.integer(&id)
		case 2:
			r.integer(&ms)
		case number(KindHandle), number(KindRender):
			c.Kind, c.Body = Kind(r.num), r.bytes
		}
	}
	c.ID, c.RemainingMS = uint64(id), uint32(ms)
}

// Answer is one answer of a CarryResponse. Body is the whole message, for
// [ParseOutcomes] or [ParseFragments].
type Answer struct {
	ID   uint64
	Body []byte
}

// Response returns a CarryResponse with one answer. Whatever id its body has, it gets
// its own: of a field that is there twice the last one counts.
func Response(a Answer) []byte {
	w := writer{b: make([]byte, 0, len(a.Body)+32)}
	start := w.begin(1)
	w.b = append(w.b, a.Body...)
	w.present(1, int64(a.ID))
	w.end(start)
	return w.b
}

// ParseResponse reads a CarryResponse. The bodies are parts of b.
func ParseResponse(b []byte) ([]Answer, error) {
	var answers []Answer
	r := read(b)
	for r.next() {
		if r.num == 1 {
			add(&r, &answers, func(one reader, a *Answer) {
				id := int64(0)
				a.Body = one.rest
				for one.next() {
					if one.num == 1 {
						one.integer(&id)
					}
				}
				a.ID = uint64(id)
			})
		}
	}
	return answers, r.finish("answers")
}

// Hello returns a DescribeRequest of a host that speaks that version of the protocol.
func Hello(version uint32) []byte {
	var w writer
	w.integer(1, int64(version))
	return w.b
}

// ParseHello reads what Hello wrote.
func ParseHello(b []byte) (version uint32, err error) {
	n := int64(0)
	r := read(b)
	for r.next() {
		if r.num == 1 {
			r.integer(&n)
		}
	}
	if n < 0 || n > 1<<31 {
		r.fail(errors.New("protocol version " + strconv.FormatInt(n, 10)))
	}
	return uint32(n), r.finish("greeting")
}
