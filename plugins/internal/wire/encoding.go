package wire

import (
	"encoding/binary"
	"errors"
)

// The wire types of protobuf that are in use, and the two besides that a field which
// is passed over may have.
//
// Source: https://protobuf.dev/programming-guides/encoding/.
//
// They are written out here, where a library is at hand (protobuf's protowire), since
// that brings package fmt with it: 0.7 MB in every module for WebAssembly.
const (
	typeVarint = 0
	type64     = 1
	typeBytes  = 2
	type32     = 5
)

var (
	errTruncated = errors.New("it ends in the middle of a field")
	errTag       = errors.New("it has a field that protobuf does not allow")
	errVarint    = errors.New("a number has more than 64 bits")
)

// number is that of a field in its message.
type number uint32

const maxNumber = 1<<29 - 1

func appendTag(b []byte, n number, wireType uint64) []byte {
	return appendVarint(b, uint64(n)<<3|wireType)
}

// appendVarint is binary.AppendUvarint. Inlined in every place that writes a field, it
// would be 25 kB of each module for WebAssembly.
//
//go:noinline
func appendVarint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

// takeVarint takes a number off the front of b.
func takeVarint(b []byte) (v uint64, rest []byte, err error) {
	v, n := binary.Uvarint(b)
	switch {
	case n > 0:
		return v, b[n:], nil
	case n == 0:
		return 0, nil, errTruncated
	default:
		return 0, nil, errVarint
	}
}

func takeTag(b []byte) (n number, wireType uint64, rest []byte, err error) {
	tag, rest, err := takeVarint(b)
	if err != nil {
		return 0, 0, nil, err
	}
	if tag>>3 < 1 || tag>>3 > maxNumber {
		return 0, 0, nil, errTag
	}
	return number(tag >> 3), tag & 7, rest, nil
}

// takeFixed takes size bytes off the front of b.
func takeFixed(b []byte, size int) (v, rest []byte, err error) {
	if len(b) < size {
		return nil, nil, errTruncated
	}
	return b[:size:size], b[size:], nil
}

func takeBytes(b []byte) (v, rest []byte, err error) {
	size, b, err := takeVarint(b)
	if err != nil {
		return nil, nil, err
	}
	if size > uint64(len(b)) {
		return nil, nil, errTruncated
	}
	return takeFixed(b, int(size))
}

func zigzag(v int64) uint64   { return uint64(v<<1) ^ uint64(v>>63) }
func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }
