package cable

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/flate"
)

// deflateLevel is what messages are compressed with; doc.go says why.
const deflateLevel = 5

// deflateTail is what a sender leaves out at the end of a compressed message: what is
// left of an empty block, which ends its bits at a whole byte.
//
// Source: RFC 7692, section 7.2.1.
const deflateTail = "\x00\x00\xff\xff"

// storedHeader is the size in bytes of what stands before those of a DEFLATE block that
// holds them as they are.
const storedHeader = 5

// compressor compresses messages, each for itself. It may be used at once by many.
type compressor struct {
	least   int          // bytes of the smallest message that it takes; 0 if it takes none
	idle    chan *packer // as many as may work at once; nil for one that is not made yet
	metrics *metrics

	mu     sync.Mutex
	recent []compressed // what again has compressed, the newest or last used first; guarded by mu
}

// compressed is a message and what compress has made of it.
type compressed struct{ message, deflated []byte }

// mostRecent is how many messages again remembers: more than a page has parts.
const mostRecent = 64

// packer is what one needs to compress, some 1.1 MiB.
type packer struct {
	flate *flate.Writer
	out   bytes.Buffer
}

// newCompressor returns a compressor in which most may work at once. One more would have
// no core to work on.
func newCompressor(least, most int, m *metrics) *compressor {
	c := &compressor{least: least, idle: make(chan *packer, most), metrics: m}
	for range most {
		c.idle <- nil
	}
	return c
}

// take waits for a packer, which goes back to idle.
func (c *compressor) take() *packer {
	p := <-c.idle
	if p == nil {
		p = &packer{}
		p.flate, _ = flate.NewWriter(nil, deflateLevel) // fails for a level that there is not
	}
	return p
}

// takes reports whether a message is large enough to be compressed.
func (c *compressor) takes(message []byte) bool { return c.least > 0 && len(message) >= c.least }

// compress returns a message, and the brace that ends its frame, as DEFLATE blocks
// without deflateTail that refer to nothing before them: they are the same for whatever
// identifier. It is nil if the frame would not be smaller. It waits for nothing but
// others that compress.
func (c *compressor) compress(message []byte) []byte {
	p := c.take()
	defer func() { c.idle <- p }()
	return c.pack(p, message)
}

// pack is compress with what it needs.
func (c *compressor) pack(p *packer, message []byte) []byte {
	start := time.Now()
	p.out.Reset()
	p.flate.Reset(&p.out)
	// A buffer takes everything: none of these fails.
	_, _ = p.flate.Write(message)
	_, _ = p.flate.Write([]byte("}"))
	_ = p.flate.Flush()
	b := bytes.TrimSuffix(p.out.Bytes(), []byte(deflateTail))
	c.metrics.compressions.Inc()
	c.metrics.compressing.Add(time.Since(start).Seconds())
	if savedBy(message, b) <= 0 {
		return nil
	}
	b = bytes.Clone(b)
	if p.out.Cap() > mostPooled {
		p.out = bytes.Buffer{}
	}
	return b
}

// again returns what compress does, and does it once for messages that are the same:
// many pages that come back at once lack the same, and are answered one by one.
func (c *compressor) again(message []byte) []byte {
	if b, known := c.remembered(message); known {
		return b
	}
	p := c.take()
	defer func() { c.idle <- p }()
	if b, known := c.remembered(message); known { // by now
		return b
	}
	b := c.pack(p, message)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recent = slices.Insert(c.recent[:min(len(c.recent), mostRecent-1)], 0, compressed{message, b})
	return b
}

// remembered returns what again has made of a message before.
func (c *compressor) remembered(message []byte) (deflated []byte, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.recent, func(r compressed) bool { return bytes.Equal(r.message, message) })
	if i < 0 {
		return nil, false
	}
	found := c.recent[i]
	copy(c.recent[1:i+1], c.recent[:i])
	c.recent[0] = found
	return found.deflated, true
}

// savedBy is how many bytes fewer a message takes when it is compressed.
func savedBy(message, deflated []byte) int {
	return len(message) + len("}") - len(deflated) - storedHeader
}

// deflatedFrame carries a message, as compress has made it, to the identifier in prefix,
// which is not compressed.
func deflatedFrame(prefix, deflated []byte) []byte {
	size := uint16(len(prefix)) // little more than maxIdentifier
	header := binary.LittleEndian.AppendUint16([]byte{0}, size)
	header = binary.LittleEndian.AppendUint16(header, ^size)
	return encode(opText|firstReserved, header, prefix, deflated)
}

// maxFinal is how many blocks of a message may say that they are the last: DEFLATE goes on
// after such a block here, but nobody who sends has a reason for many, and each costs as
// much as a message.
//
// Source: RFC 7692, section 7.2.1.
const maxFinal = 8

// inflater is what one needs to inflate, some 36 KiB, and holds nothing of a message.
type inflater struct {
	in    bytes.Reader
	flate io.ReadCloser
}

var inflaters = sync.Pool{New: func() any {
	z := &inflater{}
	z.flate = flate.NewReader(&z.in)
	return z
}}

// inflate appends to out what deflated holds, which is a message as it came. A message
// of more than most bytes is errTooLarge as soon as that is seen, and what is no DEFLATE
// is errFrame.
func inflate(out *[]byte, deflated *[]byte, most int) error {
	*deflated = append(*deflated, deflateTail+"\x01\x00\x00\xff\xff"...) // with a block that is the last
	z := inflaters.Get().(*inflater)
	defer inflaters.Put(z)
	z.in.Reset(*deflated)
	defer z.in.Reset(nil)
	for finals := 0; z.in.Len() > 0; finals++ {
		window := (*out)[max(0, len(*out)-32<<10):]
		if err := z.flate.(flate.Resetter).Reset(&z.in, window); err != nil || finals > maxFinal {
			return errFrame
		}
		for ended := false; !ended; {
			*out = slices.Grow(*out, 1)
			n, err := z.flate.Read((*out)[len(*out):cap(*out)])
			*out = (*out)[:len(*out)+n]
			switch ended = errors.Is(err, io.EOF); {
			case len(*out) > most:
				return errTooLarge
			case err != nil && !ended:
				return errFrame
			}
		}
	}
	return nil
}
