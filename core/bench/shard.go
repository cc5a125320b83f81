package bench

import (
	"bytes"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// stage is what is measured at one time. It is not changed while it is.
type stage struct {
	first int64         // number of its first event
	began time.Duration // since the run's start

	// An event is due by a schedule, or when it was published: sent holds the newest of
	// these, by the index of the event.
	interval time.Duration
	sent     []atomic.Int64
}

// due returns when the event of an index is or was due, since the run's start.
func (s *stage) due(i int64) time.Duration {
	if s.interval > 0 {
		return s.began + time.Duration(i)*s.interval
	}
	return time.Duration(s.sent[i%int64(len(s.sent))].Load())
}

// socket is one open socket.
type socket struct {
	shard   *shard
	conn    conn
	pending []byte // a frame that is not whole yet
	seen    int64  // the highest number; of a server of ours its total
	gone    bool
}

// conn is what a socket reads from and writes to.
type conn interface {
	Write(b []byte) (int, error)
	Close() error
}

// shard is a share of the sockets and what they have got. One goroutine reads for all of
// them, or one for each; either holds mu while it hands over what it has read.
type shard struct {
	numbers numbers
	base    *atomic.Int64 // the number before the first event; only of a server of ours not 0
	told    chan<- struct{}
	start   time.Time

	mu      sync.Mutex
	sockets []*socket
	alive   int
	lost    error // why the first socket that is gone is
	stage   *stage
	tally   tally

	done atomic.Int64 // how many events of the stage, from the first on, all sockets have
}

// tally is what the sockets of a shard got in a stage.
type tally struct {
	messages, bytes, deliveries, pings int64

	latency histogram
	got     []int32         // how many sockets have an event, by index
	last    []time.Duration // when the last of them had it
}

// begin measures another stage; nil measures none.
func (s *shard) begin(next *stage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stage, s.tally = next, tally{}
	s.done.Store(0)
}

// end returns what a stage has brought and how many sockets there are, and measures none.
func (s *shard) end() (t tally, alive int, lost error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, s.tally, s.stage = s.tally, tally{}, nil
	return t, s.alive, s.lost
}

// extent returns the lowest and the highest number that the sockets have seen.
func (s *shard) extent() (low, high int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	low = math.MaxInt64
	for _, k := range s.sockets {
		if !k.gone {
			low, high = min(low, k.seen), max(high, k.seen)
		}
	}
	return low, high
}

// add takes a socket that is subscribed.
func (s *shard) add(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k.shard = s
	s.sockets = append(s.sockets, k)
	s.alive++
}

// drop counts a socket as gone; mu is held.
func (s *shard) drop(k *socket, why error) {
	if k.gone {
		return
	}
	k.gone = true
	s.alive--
	if s.lost == nil {
		s.lost = why
	}
	s.advance()
}

// take takes what was read from a socket; mu is held. An error ends the socket.
func (s *shard) take(k *socket, read []byte) error {
	now := time.Since(s.start)
	b := read
	if len(k.pending) > 0 {
		k.pending = append(k.pending, read...)
		b = k.pending
	}
	for {
		op, payload, size, err := nextFrame(b)
		if err != nil {
			return err
		}
		if size == 0 {
			break
		}
		b = b[size:]
		if err := s.frame(k, op, payload, now); err != nil {
			return err
		}
	}
	if len(b) == 0 {
		k.pending = nil
	} else {
		k.pending = bytes.Clone(b)
	}
	return nil
}

// frame takes a frame; mu is held.
func (s *shard) frame(k *socket, op byte, payload []byte, now time.Duration) error {
	switch op {
	case opPing:
		_, err := k.conn.Write(clientFrame(opPong, string(payload)))
		return err
	case opClose:
		return fmt.Errorf("the server closed the socket: %q", payload)
	case opText:
	default:
		return nil
	}
	if kind := kindOf(payload); kind != "" {
		s.tally.pings++
		if kind == "disconnect" {
			return fmt.Errorf("the server ended the session: %s", payload)
		}
		return nil
	}
	if number, ok := s.numbers.read(payload); ok {
		s.receive(k, number, len(payload), now)
	}
	return nil
}

// receive counts a message; mu is held.
func (s *shard) receive(k *socket, number int64, size int, now time.Duration) {
	before := k.seen
	k.seen = max(before, number)
	if s.stage == nil {
		return
	}
	s.tally.messages++
	s.tally.bytes += int64(size)
	base := s.base.Load()
	number -= base
	from := number
	if s.numbers.total {
		from = before - base + 1
	}
	for n := max(from, s.stage.first); n <= number; n++ {
		i := n - s.stage.first
		for int64(len(s.tally.got)) <= i {
			s.tally.got, s.tally.last = append(s.tally.got, 0), append(s.tally.last, 0)
		}
		s.tally.got[i]++
		s.tally.last[i] = now
		s.tally.deliveries++
		s.tally.latency.add(now - s.stage.due(i))
	}
	s.advance()
}

// advance notes which events all sockets have; mu is held.
func (s *shard) advance() {
	done := s.done.Load()
	before := done
	for done < int64(len(s.tally.got)) && int(s.tally.got[done]) >= s.alive {
		done++
	}
	if done != before {
		s.done.Store(done)
		select {
		case s.told <- struct{}{}:
		default: // somebody is to look already
		}
	}
}

// kindOf returns the "type" of a message of the protocol itself, which is what it begins
// with, or "".
func kindOf(message []byte) string {
	rest, ok := bytes.CutPrefix(message, []byte(`{"type":"`))
	if !ok {
		return ""
	}
	kind, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(kind)
}
