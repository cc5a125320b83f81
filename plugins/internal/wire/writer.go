package wire

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"unicode/utf8"
)

// errUTF8 is a text that protobuf cannot carry.
var errUTF8 = errors.New("a text is not UTF-8")

// writer appends fields to a message. A field that has its zero value is left out, as
// proto3 does.
type writer struct {
	b   []byte
	err error
}

// done returns the message.
func (w *writer) done() ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	return w.b, nil
}

func (w *writer) text(n number, s string) {
	if s != "" {
		w.entry(n, s)
	}
}

// entry is text for one of many, which is there also when it is empty.
func (w *writer) entry(n number, s string) {
	if !utf8.ValidString(s) {
		w.err = errUTF8
	}
	w.b = appendTag(w.b, n, typeBytes)
	w.b = appendVarint(w.b, uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *writer) bytes(n number, b []byte) {
	w.b = appendTag(w.b, n, typeBytes)
	w.b = appendVarint(w.b, uint64(len(b)))
	w.b = append(w.b, b...)
}

func (w *writer) integer(n number, v int64) {
	if v != 0 {
		w.present(n, v)
	}
}

// present is integer for a field that is there also when it is 0.
func (w *writer) present(n number, v int64) {
	w.b = appendTag(w.b, n, typeVarint)
	w.b = appendVarint(w.b, uint64(v))
}

// signed is a sint64.
func (w *writer) signed(n number, v int64) {
	if v != 0 {
		w.b = appendTag(w.b, n, typeVarint)
		w.b = appendVarint(w.b, zigzag(v))
	}
}

func (w *writer) yes(n number, v bool) {
	if v {
		w.present(n, 1)
	}
}

func (w *writer) double(n number, v float64) {
	if bits := math.Float64bits(v); bits != 0 { // -0 is sent
		w.b = appendTag(w.b, n, type64)
		w.b = binary.LittleEndian.AppendUint64(w.b, bits)
	}
}

// begin opens a message inside this one and returns where it begins; end closes it.
func (w *writer) begin(n number) int {
	w.b = appendTag(w.b, n, typeBytes)
	w.b = append(w.b, 0) // its size, if that takes one byte
	return len(w.b)
}

func (w *writer) end(start int) {
	size := len(w.b) - start
	var prefix [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(prefix[:], uint64(size))
	if more := n - 1; more > 0 {
		w.b = append(w.b, prefix[:more]...)
		copy(w.b[start+more:], w.b[start:start+size])
	}
	copy(w.b[start-1:], prefix[:n])
}

// each writes a repeated field of messages.
func each[T any](w *writer, n number, all []T, write func(*writer, *T)) {
	for i := range all {
		start := w.begin(n)
		write(w, &all[i])
		w.end(start)
	}
}

// table writes a map by its keys; write writes field 2 of an entry.
func table[T any](w *writer, n number, all map[string]T, write func(w *writer, value T)) {
	if len(all) <= 1 { // most of them
		for k, v := range all {
			row(w, n, k, v, write)
		}
		return
	}
	var few [8]string
	keys := few[:0]
	for k := range all {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		row(w, n, k, all[k], write)
	}
}

// row writes one entry of a map.
func row[T any](w *writer, n number, key string, value T, write func(w *writer, value T)) {
	start := w.begin(n)
	w.text(1, key)
	write(w, value)
	w.end(start)
}
