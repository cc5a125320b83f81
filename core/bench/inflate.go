package bench

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/flate"
)

// deflateOffer asks for messages that are compressed each for itself, so that one that
// many sockets get is inflated once.
//
// Source: RFC 7692, section 7.1.
const deflateOffer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

// accepted reports whether a server compresses, by its answer to deflateOffer.
func accepted(answer string) (bool, error) {
	switch {
	case answer == "":
		return false, nil
	case strings.HasPrefix(answer, "permessage-deflate") && strings.Contains(answer, "server_no_context_takeover"):
		return true, nil
	default:
		return false, fmt.Errorf("the server answers %q to the offer to compress; want nothing or %q", answer, deflateOffer)
	}
}

// inflater inflates messages. It remembers the last one, which the next socket gets too.
type inflater struct {
	in    bytes.Reader
	flate io.ReadCloser

	packed, message []byte
}

// inflate returns the message of a compressed payload, which is valid until the next call.
func (z *inflater) inflate(payload []byte) ([]byte, error) {
	if z.packed != nil && bytes.Equal(payload, z.packed) {
		return z.message, nil
	}
	// What a sender leaves out, and a block that is the last: RFC 7692, section 7.2.2.
	z.packed = append(append(z.packed[:0], payload...), "\x00\x00\xff\xff\x01\x00\x00\xff\xff"...)
	z.in.Reset(z.packed)
	if z.flate == nil {
		z.flate = flate.NewReader(&z.in)
	} else {
		_ = z.flate.(flate.Resetter).Reset(&z.in, nil) // fails for no window
	}
	out := bytes.NewBuffer(z.message[:0])
	n, err := io.Copy(out, io.LimitReader(z.flate, maxFrame+1))
	z.packed, z.message = z.packed[:len(payload)], out.Bytes()
	if err == nil && n > maxFrame {
		err = fmt.Errorf("it has more than %d bytes", maxFrame)
	}
	if err != nil {
		z.packed = nil
		return nil, fmt.Errorf("the server sent what is no compressed message: %w", err)
	}
	return z.message, nil
}
