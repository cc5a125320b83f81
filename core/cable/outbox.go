package cable

import "sync"

// writeChunk is how many bytes of waiting frames go into one write.
const writeChunk = 16 << 10

var chunks = sync.Pool{New: func() any { b := make([]byte, 0, writeChunk); return &b }}

// outbox is a session's queue of frames, oldest first. It holds no memory to speak
// of while nothing waits.
type outbox struct {
	frames [][]byte
	head   int // frames before it have been taken
	size   int // bytes of those that wait
}

func (o *outbox) len() int { return len(o.frames) - o.head }

// fits reports whether a frame may join those that wait: most frames of mostBytes
// bytes together, and any one frame alone.
func (o *outbox) fits(frame []byte, most, mostBytes int) bool {
	n := o.len()
	return n == 0 || n < most && o.size+len(frame) <= mostBytes
}

func (o *outbox) push(frame []byte) {
	if len(o.frames) == cap(o.frames) && o.head > 0 {
		n := copy(o.frames, o.frames[o.head:])
		clear(o.frames[n:])
		o.frames, o.head = o.frames[:n], 0
	}
	o.frames = append(o.frames, frame)
	o.size += len(frame)
}

// pop takes the oldest frame, or as many as fit in chunk together, which then holds
// them; otherwise chunk is nil. The queue must not be empty.
func (o *outbox) pop() (frame []byte, chunk *[]byte) {
	frame = o.take()
	if o.len() == 0 || len(frame)+len(o.frames[o.head]) > writeChunk {
		return frame, nil
	}
	chunk = chunks.Get().(*[]byte)
	b := append((*chunk)[:0], frame...)
	for o.len() > 0 && len(b)+len(o.frames[o.head]) <= writeChunk {
		b = append(b, o.take()...)
	}
	*chunk = b
	return b, chunk
}

func (o *outbox) take() []byte {
	frame := o.frames[o.head]
	o.frames[o.head] = nil
	o.size -= len(frame)
	if o.head++; o.head == len(o.frames) {
		if o.head = 0; cap(o.frames) > 16 {
			o.frames = nil
		} else {
			o.frames = o.frames[:0]
		}
	}
	return frame
}

func (o *outbox) drop() { *o = outbox{} }
