package wire

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// MaxEntries is how many elements all repeated fields of a message that is read may
// have together. An element of two bytes becomes a value of about a hundred, so this
// is what keeps 16 MiB of them from becoming a gigabyte.
const MaxEntries = 1 << 17

var errEntries = errors.New("more than " + strconv.Itoa(MaxEntries) + " elements")

// reader goes through the fields of a message. Those of a wrong type are passed over
// like unknown ones.
type reader struct {
	rest  []byte
	state *reading // of the whole message

	num   number
	typ   uint64
	value uint64 // of a varint or 64 bits
	bytes []byte // of a string, bytes or message; part of the input
}

// reading is what the readers of one message share.
type reading struct {
	err     error // the first one
	entries int
	alias   bool // texts are parts of the message, which never changes, and no copies
}

func read(b []byte) reader { return reader{rest: b, state: &reading{}} }

// readShared is read for a message that nobody changes any more, and of which little is
// kept for long.
func readShared(b []byte) reader { return reader{rest: b, state: &reading{alias: true}} }

func (r *reader) fail(err error) {
	if r.state.err == nil {
		r.state.err = err
	}
}

// next moves to the next field. It returns false at the end of the message and after
// an error.
func (r *reader) next() bool {
	if r.state.err != nil || len(r.rest) == 0 {
		return false
	}
	var err error
	r.value, r.bytes = 0, nil
	if r.num, r.typ, r.rest, err = takeTag(r.rest); err == nil {
		err = r.take()
	}
	if err != nil {
		r.fail(err)
	}
	return err == nil
}

// take takes the value of a field.
func (r *reader) take() (err error) {
	var fixed []byte
	switch r.typ {
	case typeVarint:
		r.value, r.rest, err = takeVarint(r.rest)
	case typeBytes:
		r.bytes, r.rest, err = takeBytes(r.rest)
	case type64:
		if fixed, r.rest, err = takeFixed(r.rest, 8); err == nil {
			r.value = binary.LittleEndian.Uint64(fixed)
		}
	case type32:
		_, r.rest, err = takeFixed(r.rest, 4)
	default:
		err = errTag
	}
	return err
}

func (r *reader) text(to *string) {
	if r.typ != typeBytes {
		return
	}
	if !utf8.Valid(r.bytes) {
		r.fail(errUTF8)
		return
	}
	if r.state.alias {
		*to = unsafe.String(unsafe.SliceData(r.bytes), len(r.bytes))
		return
	}
	*to = string(r.bytes)
}

func (r *reader) integer(to *int64) {
	if r.typ == typeVarint {
		*to = int64(r.value)
	}
}

func (r *reader) count(to *int) {
	if r.typ == typeVarint {
		*to = int(int64(r.value))
	}
}

func (r *reader) signed(to *int64) {
	if r.typ == typeVarint {
		*to = unzigzag(r.value)
	}
}

func (r *reader) yes(to *bool) {
	if r.typ == typeVarint {
		*to = r.value != 0
	}
}

func (r *reader) double(to *float64) {
	if r.typ == type64 {
		*to = math.Float64frombits(r.value)
	}
}

// small is an enum. Numbers that do not fit become one that no type of package
// plugins knows, so that they are refused and not mistaken.
func small[E ~uint8](r *reader, to *E) {
	if r.typ != typeVarint {
		return
	}
	*to = math.MaxUint8
	if r.value <= math.MaxUint8 {
		*to = E(r.value)
	}
}

// message returns a reader of the message in this field; of another field it is
// empty.
func (r *reader) message() reader { return reader{rest: r.bytes, state: r.state} }

// one is message for an element of a repeated field.
func (r *reader) one() reader {
	if r.state.entries++; r.state.entries > MaxEntries {
		r.fail(errEntries)
		return reader{state: r.state}
	}
	return r.message()
}

// add reads one element of a repeated field of messages.
func add[T any](r *reader, to *[]T, read func(r reader, to *T)) {
	if r.typ != typeBytes {
		return
	}
	var v T
	read(r.one(), &v)
	*to = append(*to, v)
}

// put reads one entry of a map; read reads field 2 of it.
func put[T any](r *reader, to *map[string]T, read func(r *reader, to *T)) {
	if r.typ != typeBytes {
		return
	}
	var (
		key   string
		value T
	)
	for e := r.one(); e.next(); {
		switch e.num {
		case 1:
			e.text(&key)
		case 2:
			read(&e, &value)
		}
	}
	if *to == nil {
		*to = map[string]T{}
	}
	(*to)[key] = value
}

// finish returns what was wrong with the message named what.
func (r *reader) finish(what string) error {
	if r.state.err == nil {
		return nil
	}
	return wrap("read "+what, r.state.err)
}
