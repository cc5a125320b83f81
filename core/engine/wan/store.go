package wan

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/state"
)

// Store is the store of one site of a Planet. What its methods return shares what
// other calls return and must not be changed, but for the cells of Load.
type Store struct {
	planet *Planet
	site   Site

	// Guarded by the planet's mu.
	random      *rand.Rand
	data        *dataset
	in, out     []*link
	off         bool      // cut off from all others
	down        bool      // its server does not run
	back        time.Time // when it will, if down
	incarnation int
	watchers    map[*watcher]struct{}
	wakes       []wake // that are still to come
}

var _ site.Store = (*Store)(nil)

// clock returns what the store takes for the time.
func (s *Store) clock() time.Time { return s.planet.cfg.Now().Add(s.site.Skew) }

// alive returns an error while nobody can talk to the server; the planet's mu is
// held.
func (s *Store) alive(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case s.down:
		return fmt.Errorf("%w: server of %s is down", engine.ErrUnavailable, s.site.Name)
	}
	return nil
}

// commit has a write planned and done, at once for everybody here, and sends it to
// the other stores.
func (s *Store) commit(ctx context.Context, plan func(now time.Time) ([]effect, site.Written, error)) (site.Written, error) {
	p := s.planet
	p.mu.Lock()
	err := s.alive(ctx)
	server := s.incarnation
	there, back := s.pause(), s.pause()
	p.mu.Unlock()
	if err != nil {
		return site.Written{}, err
	}
	if err := sleep(ctx, there); err != nil {
		return site.Written{}, err
	}
	written, err := s.commitNow(ctx, server, plan)
	if err != nil {
		return site.Written{}, err
	}
	if err := sleep(ctx, back); err != nil {
		return site.Written{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.incarnation != server {
		return site.Written{}, s.broken()
	}
	return written, nil
}

func (s *Store) commitNow(ctx context.Context, server int, plan func(now time.Time) ([]effect, site.Written, error)) (site.Written, error) {
	p := s.planet
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := s.alive(ctx); err != nil {
		return site.Written{}, err
	}
	if s.incarnation != server {
		return site.Written{}, s.broken()
	}
	now := s.clock()
	effects, written, err := plan(now)
	if err != nil {
		return site.Written{}, err
	}
	s.take(effects, now)
	for _, l := range s.out {
		l.send(effects, time.Now())
	}
	p.changed()
	return written, nil
}

func (s *Store) broken() error {
	return fmt.Errorf("%w: server of %s broke the connection", engine.ErrUnavailable, s.site.Name)
}

// take applies a write of this site or of another and wakes who follows the log.
func (s *Store) take(effects []effect, now time.Time) {
	for _, e := range effects {
		if e.kind == signalled {
			s.tell(e)
		} else if s.data.apply(e, now) {
			s.wake(e.record.Site)
		}
	}
}

// pause draws one half of the time that a write takes.
func (s *Store) pause() time.Duration {
	half := s.planet.cfg.WriteTime / 2
	return half/2 + share(s.random, half/2)
}

// Read is site.Store's.
func (s *Store) Read(ctx context.Context, after engine.Positions, limit int) ([]site.Record, error) {
	s.planet.mu.Lock()
	defer s.planet.mu.Unlock()
	if err := s.alive(ctx); err != nil {
		return nil, err
	}
	var records []site.Record
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if l := s.data.logs[name]; l != nil {
			records = append(records, l.after(after[name], limit)...)
		}
	}
	return records, nil
}

// Sites is site.Store's.
func (s *Store) Sites(ctx context.Context) ([]string, error) {
	s.planet.mu.Lock()
	defer s.planet.mu.Unlock()
	if err := s.alive(ctx); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(s.data.logs)), nil
}

// Load is site.Store's.
func (s *Store) Load(ctx context.Context, room string) ([]state.Cell, engine.Positions, error) {
	s.planet.mu.Lock()
	defer s.planet.mu.Unlock()
	if err := s.alive(ctx); err != nil {
		return nil, nil, err
	}
	var cells []state.Cell
	for _, name := range s.data.rooms[room] {
		h := s.data.hashes[name]
		cells = slices.AppendSeq(cells, maps.Values(h.cells))
		for _, l := range h.lists {
			cells = append(cells, l.items...)
		}
	}
	cells = append(cells, s.data.board(room)...)
	at := engine.Positions{}
	for name, l := range s.data.logs {
		at[name] = l.last()
	}
	return cells, at, nil
}

// Signal is site.Store's. What is on its way over a link that breaks comes late, or not
// at all.
func (s *Store) Signal(ctx context.Context, payload []byte) error {
	_, err := s.commit(ctx, func(time.Time) ([]effect, site.Written, error) {
		from := site.Record{Entry: engine.Entry{Site: s.site.Name}}
		return []effect{{kind: signalled, signal: payload, record: from}}, site.Written{}, nil
	})
	return err
}

// Health is site.Store's.
func (s *Store) Health(ctx context.Context) (site.Health, error) {
	s.planet.mu.Lock()
	defer s.planet.mu.Unlock()
	if err := s.alive(ctx); err != nil {
		return site.Health{}, err
	}
	now := time.Now()
	var missing, links []string
	for _, l := range s.in {
		if !l.reads(now) {
			missing = append(missing, "no link from "+l.from.site.Name)
		} else if !l.synced() {
			missing = append(missing, "sync from "+l.from.site.Name)
		}
		links = append(links, l.mark(now))
	}
	for _, l := range s.out {
		links = append(links, l.mark(now))
	}
	return site.Health{
		Synced:      len(missing) == 0,
		Missing:     strings.Join(missing, ", "),
		Incarnation: strconv.Itoa(s.incarnation),
		Links:       strings.Join(links, " "),
		Notifies:    true,
	}, nil
}

// kill ends the server, with what was on its way from it and to it. It will be back
// at a time, with its own keys or with none.
func (s *Store) kill(keepDisk bool, back time.Time) {
	if !s.down {
		s.incarnation++
	}
	s.down, s.back = true, back
	s.wakes = nil
	if keepDisk {
		s.data.keep(s.site.Name, s.clock())
	} else {
		s.data = newDataset()
	}
	for _, l := range slices.Concat(s.in, s.out) {
		l.forget()
	}
}

// start lets the server run again. Who was connected may have missed something.
func (s *Store) start() {
	s.down = false
	s.wake("")
}

// sleep waits, or returns the cause for which ctx ended.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
