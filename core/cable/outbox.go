package cable

import "sync"

// writeChunk is how many bytes of waiting frames go into one write.
const writeChunk = 16 << 10

var chunks = sync.Pool{New: func() any { b := make([]byte, 0, writeChunk); return &b }}

// frame is a WebSocket frame, or several one after the other. Its bytes are shared
// by all who get it and never change.
type frame struct {
	bytes []byte

	// key names what the frame shows the whole of: a newer frame of the same key makes
	// it worthless. "" is never replaced.
	key string
}

// outbox is a session's queue of frames, oldest first. It holds no memory to speak
// of while nothing waits.
type outbox struct {
	frames []frame
	head   int // frames before it have been taken
	size   int // bytes of those that wait
}

func (o *outbox) len() int { return len(o.frames) - o.head }

// fits reports whether a frame may join those that wait: most frames of mostBytes
// bytes together, and any one frame alone.
func (o *outbox) fits(f frame, most, mostBytes int) bool {
	n := o.len()
	return n == 0 || n < most && o.size+len(f.bytes) <= mostBytes
}

// supersede drops the frame that f makes worthless and reports whether there was one.
// f goes to the end all the same: what was queued meanwhile is older than f.
func (o *outbox) supersede(f frame) bool {
	if f.key == "" {
		return false
	}
	for i := o.head; i < len(o.frames); i++ {
		if old := o.frames[i]; old.key == f.key {
			o.size -= len(old.bytes)
			last := len(o.frames) - 1
			copy(o.frames[i:], o.frames[i+1:])
			o.frames[last] = frame{}
			o.frames = o.frames[:last]
			return true
		}
	}
	return false
}

func (o *outbox) push(f frame) {
	if len(o.frames) == cap(o.frames) && o.head > 0 {
		n := copy(o.frames, o.frames[o.head:])
		clear(o.frames[n:])
		o.frames, o.head = o.frames[:n], 0
	}
	o.frames = append(o.frames, f)
	o.size += len(f.bytes)
}

// pop takes the oldest frame, or as many as fit in chunk together, which then holds
// them; otherwise chunk is nil. The queue must not be empty.
func (o *outbox) pop() (b []byte, chunk *[]byte) {
	b = o.take()
	if o.len() == 0 || len(b)+len(o.frames[o.head].bytes) > writeChunk {
		return b, nil
	}
	chunk = chunks.Get().(*[]byte)
	b = append((*chunk)[:0], b...)
	for o.len() > 0 && len(b)+len(o.frames[o.head].bytes) <= writeChunk {
		b = append(b, o.take()...)
	}
	*chunk = b
	return b, chunk
}

func (o *outbox) take() []byte {
	b := o.frames[o.head].bytes
	o.frames[o.head] = frame{}
	o.size -= len(b)
	if o.head++; o.head == len(o.frames) {
		if o.head = 0; cap(o.frames) > 2 {
			o.frames = nil
		} else {
			o.frames = o.frames[:0]
		}
	}
	return b
}

func (o *outbox) drop() { *o = outbox{} }
