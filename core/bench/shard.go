package bench

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// stage is what is measured at one time. It is not changed while it is.
type stage struct {
	first int64         // number of its first event
	began time.Duration // since the run's start
	warm  bool          // it is known which event a number is

	// An event is due by a schedule, or when it was published: sent holds the newest of
	// these, by the index of the event.
	interval time.Duration
	sent     []atomic.Int64

	asked atomic.Int64 // how many events are to be published so far
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
	room    int    // by index
	pending []byte // a frame that is not whole yet
	deflate bool   // messages may be compressed
	seen    int64  // the highest number; of a server of ours its total
	due     int64  // the first event that it has to get of a storm
	got     int64  // how many events of the stage it has
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
	events  events
	told    chan<- struct{}
	start   time.Time

	mu       sync.Mutex
	inflater inflater
	sockets  []*socket
	alive    []int // by room
	lost     error // why the first socket that is gone is
	stage    *stage
	tally    tally

	done atomic.Int64 // how many events of the stage, from the first on, all sockets were seen to have
	live atomic.Int64 // how many sockets are not gone
}

// events tells which event a number is. Those of several rooms take turns: event n
// happens in the room of index (n-1) mod rooms. It holds the number before the first event, by
// room, which is 0 but for a server of ours.
type events []atomic.Int64

// of returns the event that a room's number shows.
func (e events) of(room int, number int64) int64 {
	return (number-e[room].Load()-1)*int64(len(e)) + int64(room) + 1
}

// room returns the index of the room of an event.
func (e events) room(n int64) int { return int((n - 1) % int64(len(e))) }

// tally is what the sockets of a shard got in a stage.
type tally struct {
	messages, bytes, deliveries, pings int64

	packed, inflated int64 // messages that came compressed, and bytes of all when they are not

	skipped int64 // events that came with a later one of the same room

	latency histogram
	got     []int32         // how many sockets have an event, by index
	last    []time.Duration // when the last of them had it
}

// begin measures another stage; nil measures none.
func (s *shard) begin(next *stage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stage, s.tally = next, tally{}
	for _, k := range s.sockets {
		k.got = 0
	}
	s.done.Store(0)
}

// end returns what a stage has brought, how many sockets there are by room, and how many
// deliveries they lack, where each had so many due by room; and it measures none.
func (s *shard) end(due []int64) (t tally, alive []int, missing int64, lost error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.sockets {
		if !k.gone && due != nil {
			missing += max(0, due[k.room]-k.got)
		}
	}
	t, s.tally, s.stage = s.tally, tally{}, nil
	return t, slices.Clone(s.alive), missing, s.lost
}

// owed returns how many events, up to the last one, the sockets had to get of a storm,
// and how many of them have not come.
func (s *shard) owed(last int64) (due, missing int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.sockets {
		if !k.gone {
			n := max(0, last-k.due+1)
			due, missing = due+n, missing+max(0, n-k.got)
		}
	}
	return due, missing
}

// extent widens the lowest and the highest number that sockets have seen, by room.
func (s *shard) extent(low, high []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.sockets {
		if !k.gone {
			low[k.room], high[k.room] = min(low[k.room], k.seen), max(high[k.room], k.seen)
		}
	}
}

// add takes a socket that is subscribed.
func (s *shard) add(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k.shard = s
	s.sockets = append(s.sockets, k)
	s.alive[k.room]++
	s.live.Add(1)
}

// drop counts a socket as gone; mu is held.
func (s *shard) drop(k *socket, why error) {
	if k.gone {
		return
	}
	k.gone = true
	s.alive[k.room]--
	s.live.Add(-1)
	if s.lost == nil {
		s.lost = why
	}
	// What only it had is not everywhere. Of messages that are one event each it is not
	// known which it had: these are counted as they were.
	if s.stage != nil && s.stage.warm && s.numbers.total {
		step := int64(len(s.events))
		for i := s.events.of(k.room, k.seen) - s.stage.first; i >= s.done.Load(); i -= step {
			if i < int64(len(s.tally.got)) {
				s.tally.got[i] = max(0, s.tally.got[i]-1)
			}
		}
	}
	s.advance()
	s.tell()
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
		f, err := nextFrame(b, k.deflate)
		if err != nil {
			return err
		}
		if f.size == 0 {
			break
		}
		b = b[f.size:]
		if err := s.frame(k, f, now); err != nil {
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
func (s *shard) frame(k *socket, f frame, now time.Duration) error {
	switch f.op {
	case opPing:
		_, err := k.conn.Write(clientFrame(opPong, string(f.payload)))
		return err
	case opClose:
		return fmt.Errorf("the server closed the socket: %q", f.payload)
	case opText:
	default:
		return nil
	}
	message := f.payload
	if f.packed {
		var err error
		if message, err = s.inflater.inflate(f.payload); err != nil {
			return err
		}
	}
	if kind := kindOf(message); kind != "" {
		s.tally.pings++
		if kind == "disconnect" {
			return fmt.Errorf("the server ended the session: %s", message)
		}
		return nil
	}
	number, ok := s.numbers.read(message)
	if !ok {
		return nil
	}
	if s.stage != nil {
		s.tally.messages++
		s.tally.bytes += int64(len(f.payload))
		s.tally.inflated += int64(len(message))
		if f.packed {
			s.tally.packed++
		}
	}
	s.receive(k, number, now)
	return nil
}

// receive counts the deliveries of a message; mu is held.
func (s *shard) receive(k *socket, number int64, now time.Duration) {
	before := k.seen
	k.seen = max(before, number)
	if s.stage == nil || !s.stage.warm {
		return
	}
	n := min(s.events.of(k.room, number), s.stage.first+s.stage.asked.Load()-1) // more are somebody else's
	from, step := n, int64(len(s.events))
	if s.numbers.total {
		from = s.events.of(k.room, before) + step
	}
	if low := max(s.stage.first, k.due); from < low { // the first one of the room from there on
		from += (low - from + step - 1) / step * step
	}
	if n > from {
		s.tally.skipped += (n - from) / step
	}
	for ; from <= n; from += step {
		i := from - s.stage.first
		for int64(len(s.tally.got)) <= i {
			s.tally.got, s.tally.last = append(s.tally.got, 0), append(s.tally.last, 0)
		}
		s.tally.got[i]++
		s.tally.last[i] = now
		s.tally.deliveries++
		k.got++
		s.tally.latency.add(now - s.stage.due(i))
	}
	s.advance()
}

// advance notes which events all sockets have; mu is held.
func (s *shard) advance() {
	done := s.done.Load()
	before := done
	for s.stage != nil && done < s.stage.asked.Load() && s.have(done) {
		done++
	}
	if done != before {
		s.done.Store(done)
		s.tell()
	}
}

// tell has somebody look.
func (s *shard) tell() {
	select {
	case s.told <- struct{}{}:
	default: // somebody is to look already
	}
}

// have reports whether all sockets here have the event of an index of the stage, which
// is so where none follows its room; mu is held.
func (s *shard) have(i int64) bool {
	alive := s.alive[s.events.room(s.stage.first+i)]
	return alive == 0 || i < int64(len(s.tally.got)) && int(s.tally.got[i]) >= alive
}

// finished returns how many events of the stage, from the first on, all sockets have.
func (s *shard) finished() int64 {
	if s.live.Load() == 0 {
		return math.MaxInt64
	}
	if len(s.events) > 1 { // nothing that comes tells of events of rooms that nobody here follows
		s.mu.Lock()
		defer s.mu.Unlock()
		s.advance()
	}
	return s.done.Load()
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
