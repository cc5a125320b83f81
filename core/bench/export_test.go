package bench

import (
	"math"
	"sync/atomic"
	"time"
)

// Histogram is a histogram.
type Histogram struct{ h histogram }

// Add counts a time.
func (h *Histogram) Add(d time.Duration) { h.h.add(d) }

// Quantile returns that of all times.
func (h *Histogram) Quantile(q float64) time.Duration { return h.h.quantile(q) }

// ReadNumber returns the number of a message, by a marker of its own, or of the counter.
func ReadNumber(marker, message string) (int64, bool) {
	if marker == "" {
		return numbers{marker: []byte(counterTotal), total: true}.read([]byte(message))
	}
	return numbers{marker: []byte(marker)}.read([]byte(message))
}

// NextFrame returns the first frame of b.
func NextFrame(b []byte, deflate bool) (payload []byte, size int, err error) {
	f, err := nextFrame(b, deflate)
	return f.payload, f.size, err
}

// Accepted is accepted.
var Accepted = accepted

// Inflater is an inflater.
type Inflater struct{ z inflater }

// Inflate returns the message of a payload.
func (z *Inflater) Inflate(payload []byte) (string, error) {
	b, err := z.z.inflate(payload)
	return string(b), err
}

// Loopbacks returns the addresses for sockets to a server.
func Loopbacks(server string, sockets int) []string { return loopbacks(server, sockets) }

// ProcessCost returns what a process and those below it have used.
func ProcessCost(pid int) (cpu, children float64, rss int64, err error) {
	c, err := processCost(pid)
	return c.cpu, c.children, c.rss, err
}

// RaiseFiles looks whether so many sockets may be open.
func RaiseFiles(sockets int) error { return raiseFiles(sockets) }

// Taker is a shard with one socket of a server of ours.
type Taker struct {
	shard  *shard
	socket *socket
}

// NewTaker returns one that measures.
func NewTaker() *Taker {
	s := &shard{numbers: numbers{marker: []byte(counterTotal), total: true}, events: make(events, 1), told: make(chan struct{}, 1), start: time.Now(), alive: make([]int, 1)}
	k := &socket{}
	s.add(k)
	t := &Taker{s, k}
	t.Restart(1)
	return t
}

// Take takes what was read.
func (t *Taker) Take(b []byte) error {
	t.shard.mu.Lock()
	defer t.shard.mu.Unlock()
	return t.shard.take(t.socket, b)
}

// Restart measures anew, so that what is kept of each event does not grow.
func (t *Taker) Restart(first int64) {
	st := &stage{first: first, warm: true, sent: make([]atomic.Int64, 1024)}
	st.asked.Store(math.MaxInt64 / 2)
	t.shard.begin(st)
}
