package cable

// part is those members of a group that one shard writes to. But for size it is
// of the shard's goroutine alone.
//
// Messages to it are written in a log, and each member has a position in it. The shard
// goes round the members and gives each what it lacks, in one write: what it joins for
// one member serves all that lack the same. A member that has another subscription too
// gets each message in its outbox at once, so that the order between the two is kept.
type part struct {
	members []*subscription // whose session has no other subscription
	mixed   []*subscription // whose session has

	size int // members as far as the room knows; guarded by room.mu

	log    []frame
	base   uint64 // position of the log's first frame
	behind int    // members that lack some of the log
	cursor int    // member whose turn is next
	mark   uint64 // members before cursor lack nothing before it
	listed bool   // in shard.dirty
}

// joint is what the members of a part at a position lack, as far as it goes into one
// write.
type joint struct {
	part  *part
	from  uint64
	count int // frames
	bytes []byte
}

func (p *part) end() uint64 { return p.base + uint64(len(p.log)) }

// log gives a frame to all members of a part.
func (d *shard) log(p *part, f frame) {
	d.server.metrics.deliveries.Add(float64(len(p.members) + len(p.mixed)))
	for _, sub := range p.mixed {
		d.queue(sub.session, f, false)
	}
	if len(p.members) == 0 {
		return
	}
	p.log = append(p.log, f)
	p.behind = len(p.members)
	d.logged++
	d.loggedBytes += len(f.bytes)
	if !p.listed {
		p.listed = true
		d.dirty.push(p)
	}
}

// trim forgets n frames of a log.
func (d *shard) trim(p *part, n int) {
	for _, f := range p.log[:n] {
		d.loggedBytes -= len(f.bytes)
	}
	d.logged -= n
	p.base += uint64(n)
	rest := copy(p.log, p.log[n:])
	clear(p.log[rest:])
	p.log = p.log[:rest]
	if rest == 0 {
		if p.mark = p.base; cap(p.log) > 16 {
			p.log = nil
		}
	}
}

// writeDirty writes to a slice of the members of those parts that have waited longest.
// A part with more members than that goes to the end, behind the others.
func (d *shard) writeDirty() {
	for left := slice; left > 0 && d.dirty.len() > 0; {
		p := d.dirty.pop()
		if left -= d.round(p, left); p.behind > 0 {
			d.dirty.push(p)
			continue
		}
		p.listed = false
		d.trim(p, len(p.log))
	}
}

// round gives up to most members of a part their turn, and returns how many.
func (d *shard) round(p *part, most int) (n int) {
	for ; n < most && p.behind > 0; n++ {
		if p.cursor >= len(p.members) {
			p.cursor = 0
			d.trim(p, int(p.mark-p.base))
			p.mark = p.end()
		}
		if sub := p.members[p.cursor]; sub.at < p.end() {
			d.supply(p, sub)
			p.mark = min(p.mark, sub.at)
		}
		p.cursor++
	}
	return n
}

// parts is a queue of parts.
type parts struct {
	all  []*part
	head int // those before it have been taken
}

func (q *parts) len() int { return len(q.all) - q.head }

func (q *parts) push(p *part) {
	if len(q.all) == cap(q.all) && q.head > len(q.all)/2 {
		n := copy(q.all, q.all[q.head:])
		clear(q.all[n:])
		q.all, q.head = q.all[:n], 0
	}
	q.all = append(q.all, p)
}

func (q *parts) pop() *part {
	p := q.all[q.head]
	q.all[q.head] = nil
	if q.head++; q.head == len(q.all) {
		q.all, q.head = q.all[:0], 0
	}
	return p
}

// supply writes what a member lacks, or as much of it as goes into one write.
func (d *shard) supply(p *part, sub *subscription) {
	s := sub.session
	s.mu.Lock()
	defer s.mu.Unlock()
	switch lacks := p.log[sub.at-p.base:]; {
	case s.closing:
		sub.at = p.end()
	case s.raw == nil || s.active || s.ready: // after what waits already
		d.hand(p, sub)
	case len(lacks) == 1, len(lacks[0].bytes) > joinMost:
		sub.at++
		d.write(s, lacks[0].bytes, lacks[0])
	default:
		j := &d.joint
		j.join(p, sub.at)
		sub.at += uint64(j.count)
		d.write(s, j.bytes, lacks[:j.count]...)
	}
	if sub.at == p.end() {
		p.behind--
	}
}

// join makes j what the members of p at a position lack, unless it is that already.
func (j *joint) join(p *part, at uint64) {
	lacks := p.log[at-p.base:]
	if j.part == p && j.from == at && (j.count == len(lacks) || len(j.bytes)+len(lacks[j.count].bytes) > joinMost) {
		return
	}
	j.part, j.from, j.count, j.bytes = p, at, 0, j.bytes[:0]
	for _, f := range lacks {
		if len(j.bytes)+len(f.bytes) > joinMost {
			break
		}
		j.bytes = append(j.bytes, f.bytes...)
		j.count++
	}
}

// hand puts what a member lacks in its outbox, which somebody is writing or will. s.mu
// is held.
func (d *shard) hand(p *part, sub *subscription) {
	s := sub.session
	for _, f := range p.log[sub.at-p.base:] {
		if !s.accept(f) {
			break
		}
	}
	sub.at = p.end()
	if s.raw == nil && s.outbox.len() > 0 {
		s.startWriter()
	}
}

// catchUp puts what a session lacks of its only subscription in its outbox, before
// something that was queued later.
func (d *shard) catchUp(s *Session) {
	if len(s.following) != 1 {
		return
	}
	sub := s.following[0]
	p := sub.part
	if sub.at == p.end() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d.hand(p, sub)
	p.behind--
	if !s.active && !s.ready && s.outbox.len() > 0 {
		s.ready = true
		d.ready = append(d.ready, s)
	}
}

// enter makes a subscription a member of its part.
func (d *shard) enter(sub *subscription) {
	s := sub.session
	d.catchUp(s)
	if len(s.following) == 1 {
		other := s.following[0]
		d.drop(other)
		other.mixed = true
		other.add()
	}
	s.following = append(s.following, sub)
	sub.mixed = len(s.following) > 1
	sub.add()
}

// leave ends a subscription. What was queued before is written.
func (d *shard) leave(sub *subscription) {
	s := sub.session
	d.catchUp(s)
	d.drop(sub)
	rest := s.following[:0]
	for _, other := range s.following {
		if other != sub {
			rest = append(rest, other)
		}
	}
	clear(s.following[len(rest):])
	if s.following = rest; len(rest) == 1 {
		d.drop(rest[0])
		rest[0].mixed = false
		rest[0].add()
	}
}

func (sub *subscription) list() *[]*subscription {
	if sub.mixed {
		return &sub.part.mixed
	}
	return &sub.part.members
}

func (sub *subscription) add() {
	list := sub.list()
	sub.place, sub.at = len(*list), sub.part.end()
	*list = append(*list, sub)
}

// drop takes a subscription that lacks nothing out of its part.
func (d *shard) drop(sub *subscription) {
	p, list := sub.part, sub.list()
	last := len(*list) - 1
	moved := (*list)[last]
	(*list)[sub.place], moved.place = moved, sub.place
	(*list)[last] = nil
	if *list = (*list)[:last]; moved == sub || moved.mixed || moved.place >= p.cursor {
		return
	}
	d.catchUp(moved.session) // its turn has passed
}
