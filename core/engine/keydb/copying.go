package keydb

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// copying is what a store knows of whether the server that it reads from copies the one
// that it writes to.
type copying struct {
	look  sync.Mutex // held by whoever looks; guards the next three
	mark  mark       // that is to arrive, if any
	of    string     // the two servers as they were when the mark was left
	since time.Time  // when that was

	mu      sync.Mutex // guards the rest
	proved  string     // the two as they were when it was last known that it does, "" if never
	missing string     // what is told since a mark did not arrive
}

// copyTimeouts is for how many times Config.Timeout Health waits for a mark. Open waits
// once, since somebody waits for it.
const copyTimeouts = 3

// subject names two servers and the links by which one may copy the other: what has to
// change until it no longer does.
func subject(write, read view) string {
	parts := []string{write.info["run_id"], read.info["run_id"], read.info["role"]}
	for _, l := range read.links {
		parts = append(parts, l.name())
	}
	return strings.Join(parts, " ")
}

// prove notes that the two servers are a copy of each other, or that nothing can be told.
func (c *copying) prove(subject string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proved, c.missing = subject, ""
}

// told returns what was proved and what is told.
func (c *copying) told() (proved, missing string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.proved, c.missing
}

// miss notes what is told, and reports whether that is new.
func (c *copying) miss(what string) (news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	news = c.missing != what
	c.missing = what
	return news
}

// pair returns the two servers of the store.
func (s *Store) pair() pair { return pair{s.write, s.read, s.cfg.Site} }

// proveCopy says what is wrong with the server to read from as a copy of the other one.
// Where that does not show yet, Health goes on to look.
func (s *Store) proveCopy(ctx context.Context) error {
	write, read, found, err := s.pair().compare(ctx, s.cfg.Timeout)
	switch {
	case err != nil: // who uses the server that failed tells of it
		return nil
	case found.relation == apart:
		return found.fault()
	case found.relation == joined:
		s.copying.prove(subject(write, read))
	}
	return nil
}

// lookAtCopy goes on to look, without a wait, with what both servers told just now. It
// returns what the server to read from is missing. An error is a fault of it.
func (s *Store) lookAtCopy(ctx context.Context, write, read view) (missing string, err error) {
	c, p, now := &s.copying, s.pair(), subject(write, read)
	if !c.look.TryLock() {
		_, missing = c.told()
		return missing, nil
	}
	defer c.look.Unlock()
	if sameness(write, read) != "" {
		c.prove(now)
	}
	proved, missing := c.told()
	if proved == now || missingOf(read.info, read.links) != "" || c.of != now {
		p.remove(ctx, c.mark)
		c.mark = mark{}
	}
	switch {
	case proved == now:
		return "", nil
	case missingOf(read.info, read.links) != "":
		return "", nil // Health tells that
	case missing == "" && proved == "":
		missing = "it is not known yet whether it copies " + s.write.where
	}
	if c.mark == (mark{}) {
		m, err := p.leave(ctx)
		if err != nil {
			return s.cannotLook(now, missing, err), nil
		}
		c.mark, c.of, c.since = m, now, time.Now()
	}
	arrived, err := p.arrived(ctx, c.mark)
	switch {
	case err != nil:
		return s.cannotLook(now, missing, err), nil
	case !arrived && time.Since(c.since) < copyTimeouts*s.cfg.Timeout:
		return missing, nil
	}
	p.remove(ctx, c.mark)
	c.mark = mark{} // the next look leaves another
	if arrived {
		c.prove(now)
		return "", nil
	}
	found := p.judge(ctx, write, read)
	if found.relation == apart {
		return "", found.fault()
	}
	if c.miss(found.why) {
		s.log.LogAttrs(ctx, slog.LevelWarn, "what is written does not arrive at the server to read from",
			slog.String("server", s.read.where), slog.Any("err", found.fault()))
	}
	return found.why, nil
}

// cannotLook returns what is told when a server did not take a command. From one that
// does not let this user, no proof can be had.
func (s *Store) cannotLook(subject, missing string, err error) string {
	if unusable(err) == "" {
		return missing
	}
	s.copying.prove(subject)
	return ""
}
