package keydb

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// Write makes a batch the next entry of the log, as site.Store says, in one script.
//
// Its id is also greater than the stamps of the cells that it replaces, boards left out, which only
// matters when the log was rolled back further than they were, and than those of
// entries that were removed from the log. A write that touches a key which holds
// something else than state, or state that nobody can read, is refused.
//
// A beat also has the log forget what is older than Config.LogAge.
func (s *Store) Write(ctx context.Context, w site.Write) (site.Written, error) {
	defer s.metrics.call("write", time.Now())
	if err := w.Check(); err != nil {
		return site.Written{}, err
	}
	keys, args, err := s.writeCall(w)
	if err != nil {
		return site.Written{}, err
	}
	done, err := s.run(ctx, s.scripts.write, keys, args)
	if err != nil {
		return site.Written{}, err
	}
	s.features.register(s.cfg.Site, w.Batch)
	if w.Beat != nil {
		s.beats.taken(time.Now(), s.cfg.DeadAfter)
	}
	return done, nil
}

// run runs a script once and reads its answer.
func (s *Store) run(ctx context.Context, script *redis.Script, keys []string, args []any) (site.Written, error) {
	var answer []string
	err := s.write.do(ctx, func(ctx context.Context, c *redis.Client) (err error) {
		answer, err = script.Run(ctx, c, keys, args...).StringSlice()
		return s.refusal(ctx, c, err)
	})
	if err != nil {
		return site.Written{}, err
	}
	switch {
	case len(answer) >= 2 && answer[0] == "lost":
		return site.Written{}, fmt.Errorf("%w: the log of site %s ends at %s", site.ErrLost, s.cfg.Site, answer[1])
	case len(answer) == 1 && answer[0] == "full":
		return site.Written{}, fmt.Errorf("%w: no id is left after those that were seen", engine.ErrRefused)
	case len(answer) < 3 || answer[0] != "taken":
		return site.Written{}, unavailable(s.write.where, "a script answered "+strconv.Quote(strings.Join(answer, " ")))
	}
	id, errID := state.ParseID(answer[1])
	prev, errPrev := state.ParseID(answer[2])
	if err := errors.Join(errID, errPrev); err != nil {
		return site.Written{}, unavailable(s.write.where, err.Error())
	}
	s.sites.add(s.cfg.Site)
	if s.read != s.write {
		s.written.wrote(id)
	}
	done := site.Written{ID: id, Prev: prev}
	if len(answer) > 3 {
		done.Totals = answer[3:]
	}
	return done, nil
}

// ofScript is how the error of a script itself looks, as opposed to that of a
// command which it called: that begins with a code.
var ofScript = regexp.MustCompile(`user_script:\d+: [^-A-Z]`)

// refusal returns the error of a script as engine.ErrRefused where values that it met
// are to blame: a script reads all of them before it writes. The log and the site's
// hash are met by every write, so that there the store is to blame.
func (s *Store) refusal(ctx context.Context, c *redis.Client, err error) error {
	if err == nil || !answered(err) || passing(err) != "" {
		return err
	}
	wrong := strings.Contains(err.Error(), "WRONGTYPE ")
	if !wrong && !ofScript.MatchString(err.Error()) {
		return err
	}
	if wrong {
		for key, want := range map[string]string{logKey(s.cfg.Site): "stream", siteKey(s.cfg.Site): "hash"} {
			is, e := c.Type(ctx, key).Result()
			if e != nil {
				return e
			}
			if is != "none" && is != want {
				return unavailable(s.write.where, "its key "+key+" holds a "+is+" of another program: rename or remove it")
			}
		}
	}
	return fmt.Errorf("%w: a key that it changes does not hold what this program wrote: %s", engine.ErrRefused, firstLine(err.Error()))
}

// hash collects what a script is to do with one state hash.
type hash struct {
	key  string
	n    int
	args []any
}

// hashes are the state hashes that a script touches, in the order in which it
// meets them.
type hashes struct {
	site   string
	order  []*hash
	byName map[[2]string]*hash // by room and feature
}

func (h *hashes) of(c *state.Cell) *hash {
	name := [2]string{c.Room, c.Feature}
	one := h.byName[name]
	if one == nil {
		one = &hash{key: stateKey(h.site, c.Room, c.Feature)}
		h.byName[name] = one
		h.order = append(h.order, one)
	}
	return one
}

func (h *hash) add(args ...any) {
	h.n++
	h.args = append(h.args, args...)
}

// call returns the keys and the arguments of a script that begins with head.
func (h *hashes) call(head ...any) (keys []string, args []any) {
	keys = []string{logKey(h.site), siteKey(h.site)}
	args = head
	for _, one := range h.order {
		keys = append(keys, one.key)
		args = append(args, one.n)
		args = append(args, one.args...)
	}
	return keys, args
}

// writeCall returns what write.lua is called with.
func (s *Store) writeCall(w site.Write) (keys []string, args []any, err error) {
	entry := engine.Entry{Binary: w.Binary, Events: w.Events, Beat: w.Beat, Cells: make([]state.Cell, len(w.Changes))}
	h := hashes{site: s.cfg.Site, byName: map[[2]string]*hash{}}
	totals := map[state.Address]*state.Cell{}
	for i := range w.Totals {
		totals[w.Totals[i].Address()] = &w.Totals[i]
	}
	t := tiles{hashes: &h}
	counters := 0
	for i := range w.Changes {
		change := &w.Changes[i]
		c := &change.Cell
		entry.Cells[i] = *c
		switch {
		case c.Kind == plugins.Register && c.Removed:
			h.of(c).add("x", c.Field, i)
		case c.Kind == plugins.Register:
			h.of(c).add("r", c.Field, i, c.Value)
		case c.Kind == plugins.Presence && c.Removed:
			h.of(c).add("d", memberField(c))
		case c.Kind == plugins.Presence:
			h.of(c).add("p", memberField(c), i, c.Value)
		case c.Kind == plugins.Counter:
			counters++
			stamp, total := "", ""
			if t := totals[c.Address()]; t != nil {
				stamp, total = stampText(t.Stamp), t.Value
			}
			h.of(c).add("c", c.Field, i, counters, change.Delta, stamp, total)
		case c.Kind == plugins.List:
			h.of(c).add("l", c.Field, i, change.Cap, c.Value)
		case c.Kind == plugins.Grid:
			if err := t.add(c); err != nil {
				return nil, nil, fmt.Errorf("%w: %w", engine.ErrRefused, err)
			}
		}
	}
	encoded, err := entry.Encode()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", engine.ErrRefused, err)
	}
	var region, version string
	if w.Beat != nil {
		region, version = w.Beat.Region, w.Beat.Version
		if region == "" {
			region = "?" // an empty one says that this is no beat
		}
	}
	head := []any{w.Last.String(), w.After.String(), s.cfg.LogEntries, s.cfg.LogAge.Milliseconds(), encoded, w.Binary, region, version}
	head = append(head, featureArgs(s.features.due(s.cfg.Site, w.Batch))...)
	keys, args = h.call(append(head, len(h.order))...)
	keys, args = t.call(keys, args, false)
	return keys, args, nil
}

// stampText returns a stamp without its site, as values and arguments hold it.
func stampText(s state.Stamp) string {
	return s.ID.String() + "-" + strconv.Itoa(s.Index)
}

func featureArgs(names []string) []any {
	args := make([]any, 0, len(names)+1)
	args = append(args, len(names))
	for _, name := range names {
		args = append(args, name)
	}
	return args
}
