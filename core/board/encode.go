package board

import (
	"bytes"
	"context"
	"io"
	"slices"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
)

// Encodings that a snapshot may have, as Content-Encoding names them.
const (
	Brotli = "br"
	Gzip   = "gzip"
	Plain  = ""
)

// Levels of Brotli, and the logarithm of its window: 4 MiB hold the largest board.
const (
	quickLevel = 5
	bestLevel  = brotli.BestCompression
	window     = 22
)

// encodeWhile returns the best encoding of body, nil if ctx ends before it is made.
func encodeWhile(ctx context.Context, body []byte) []byte {
	var b bytes.Buffer
	w := brotli.NewWriterOptions(&b, brotli.WriterOptions{Quality: bestLevel, LGWin: window})
	for piece := range slices.Chunk(body, 1<<16) { // each takes a tenth of a second
		if ctx.Err() != nil {
			return nil
		}
		if _, err := w.Write(piece); err != nil {
			panic(err) // a buffer takes everything
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// encode returns body in an encoding, by the quick level if that is Brotli.
func encode(body []byte, encoding string) []byte {
	var b bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case Brotli:
		w = brotli.NewWriterOptions(&b, brotli.WriterOptions{Quality: quickLevel, LGWin: window})
	case Gzip:
		w = gzip.NewWriter(&b)
	default:
		return body
	}
	if _, err := w.Write(body); err != nil {
		panic(err) // a buffer takes everything
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}
