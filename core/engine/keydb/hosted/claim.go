package hosted

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

const (
	// defaultClaimInterval is how often an owner says that it lives.
	defaultClaimInterval = time.Second

	// quietRounds is how many looks without a change make another's field that of a
	// server which is gone. livingChanges, within them, is how many make it that of
	// one at work: one or two may be what a link brings after it was down.
	quietRounds   = 5
	livingChanges = 3

	// mostRounds is how often Claim looks at most: who has to give way may not hear
	// of it.
	mostRounds = 30

	// mostFailures is how many looks of Claim may fail.
	mostFailures = 4

	// claimForget is the silence after which another's field is removed, and the
	// time after which a server that serves counts as established.
	claimForget = 10 * time.Minute
)

// TakenError reports that another server, which is at work right now, has the same
// site's name and comes first. Two writers of one site's keys lose writes.
type TakenError struct {
	Site string

	// Copied says that the other works on a copy of this very data folder, or this
	// one on a copy of the other's.
	Copied bool
}

func (e *TakenError) Error() string {
	what := "another server"
	if e.Copied {
		what = "a server on a copy of this data folder"
	}
	return fmt.Sprintf("site %q is already at work with %s: give this one a name of its own, such as --site %s-2, and an empty data folder", e.Site, what, e.Site)
}

// Claim makes sure that no other server at work has the name site, and says that
// this one has it. It is to be called before anything is written, when the server's
// links are synced or are no longer waited for: of those that it cannot hear it
// knows nothing, and Guard notices them later.
//
// It returns at once unless another life has used the name, did not take its leave
// and is not known to have ended, such as that of a machine that was killed; then it
// looks for five seconds whether that one still says that it lives. (An earlier life
// of this folder that was killed on this machine is known to have ended: see
// noteLife.) The error is a *TakenError when it
// does and comes first; after any other one the name may be ours or not.
func (s *Server) Claim(ctx context.Context, site string) (err error) {
	c, err := s.newClaim(site)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			c.leave(ctx)
		}
	}()
	for round, failed := 0, 0; ; round++ {
		err := c.round(ctx)
		if _, taken := errors.AsType[*TakenError](err); err != nil && !taken {
			failed++ // a KeyDB that greets a peer in vain is deaf for a while
		}
		switch {
		case err != nil && (failed == 0 || failed == mostFailures):
			return fmt.Errorf("claim site: %w", err)
		case err == nil && (c.alone() || round >= mostRounds):
			return c.begin(ctx)
		}
		if !sleep(ctx, s.claimInterval) {
			return context.Cause(ctx)
		}
	}
}

// Guard goes on claiming site until ctx ends and returns nil then. It returns a
// *TakenError when a server turns up that comes first, such as one that could not
// be heard before. When this server comes first, the log tells of the other. At its
// end it takes its leave, so that the next one need not wait.
func (s *Server) Guard(ctx context.Context, site string) error {
	c, err := s.newClaim(site)
	if err != nil {
		return err
	}
	c.serve()
	defer c.leave(ctx)
	for start := time.Now(); ; {
		err := c.round(ctx)
		if taken, ok := errors.AsType[*TakenError](err); ok {
			return taken
		}
		if err != nil && ctx.Err() == nil {
			s.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "site not claimed", slog.Any("err", err))
		}
		if c.rank == serving && time.Since(start) >= claimForget && c.alone() {
			c.establish(ctx)
		}
		if !sleep(ctx, s.claimInterval) {
			return nil
		}
	}
}

// claim is what one life of an owner knows of the others of its site.
type claim struct {
	server *Server
	site   string
	owner  owner
	rank   rank
	rounds int64             // that it has said it lives
	others map[string]*other // by field
}

// other is another life that uses the site's name.
type other struct {
	value   string
	changed time.Time // when value was last seen to change, or first seen
	changes int       // seen with fewer than quietRounds rounds between them
	quiet   int       // rounds since the last
	told    bool      // logged that it lives
}

func (s *Server) newClaim(site string) (*claim, error) {
	o, err := openOwner(s.set.dir)
	if err != nil {
		return nil, err
	}
	return &claim{server: s, site: site, owner: o, others: map[string]*other{}}, nil
}

func (c *claim) key() string   { return "gp:site:" + c.site }
func (c *claim) field() string { return ownerField + c.owner.id + "." + c.server.life }
func (c *claim) value() mark   { return mark{c.rank, c.owner.since, c.rounds} }

// serve notes that this life writes from now on.
func (c *claim) serve() {
	c.rank = serving
	if c.owner.held {
		c.rank = established
	}
}

// begin says that this life writes from now on.
func (c *claim) begin(ctx context.Context) error {
	c.serve()
	if err := c.say(ctx); err != nil {
		return fmt.Errorf("claim site: %w", err)
	}
	return nil
}

// establish notes, also for later lives, that this folder has had the name.
func (c *claim) establish(ctx context.Context) {
	c.rank, c.owner.held = established, true
	if err := keepOwner(c.server.set.dir, c.owner); err != nil {
		c.server.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "owner not kept", slog.Any("err", err))
	}
}

// alone reports whether all others have been quiet for long enough.
func (c *claim) alone() bool {
	for _, o := range c.others {
		if o.quiet < quietRounds {
			return false
		}
	}
	return true
}

// say writes this life's field.
func (c *claim) say(ctx context.Context) error {
	c.rounds++
	return c.server.client.HSet(ctx, c.key(), c.field(), c.value().String()).Err()
}

// round writes this life's field and looks at those of others. A *TakenError says
// that one of them lives and comes first.
func (c *claim) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := c.say(ctx); err != nil {
		return err
	}
	fields, err := c.server.client.HGetAll(ctx, c.key()).Result()
	if err != nil {
		return err
	}
	delete(fields, c.field())
	for field, value := range fields {
		if strings.HasPrefix(field, ownerField) {
			if life, own := strings.CutPrefix(field, ownerField+c.owner.id+"."); own && c.server.hasEnded(life) {
				delete(c.others, field)
				if err := c.server.client.HDel(ctx, c.key(), field).Err(); err != nil {
					return err
				}
				continue
			}
			if err := c.see(ctx, field, value); err != nil {
				return err
			}
		}
	}
	for field, o := range c.others {
		if _, there := fields[field]; !there { // gone with leave, or until it writes again
			if o.quiet++; o.quiet >= quietRounds {
				delete(c.others, field)
			}
		}
	}
	return nil
}

// see draws the conclusions from one look at another's field.
func (c *claim) see(ctx context.Context, field, value string) error {
	o := c.others[field]
	switch {
	case o == nil:
		c.others[field] = &other{value: value, changed: time.Now()}
		return nil
	case o.value == value:
		if o.quiet++; o.quiet < quietRounds {
			return nil
		}
		o.changes, o.told = 0, false
		if c.own(field) || time.Since(o.changed) >= claimForget {
			delete(c.others, field)
			return c.server.client.HDel(ctx, c.key(), field).Err()
		}
		return nil
	}
	o.value, o.changed, o.quiet = value, time.Now(), 0
	if o.changes++; o.changes < livingChanges {
		return nil
	}
	theirs, known := parseMark(value)
	if known && theirs.before(c.value(), field, c.field()) {
		return &TakenError{Site: c.site, Copied: c.own(field)}
	}
	if !o.told {
		o.told = true
		c.server.cfg.Logger.LogAttrs(ctx, slog.LevelError, "another server has this site's name and must get one of its own",
			slog.String("site", c.site), slog.String("owner", strings.TrimPrefix(field, ownerField)), slog.Bool("copied", c.own(field)))
	}
	return nil
}

// own reports whether a field is that of another life of the same data folder, or
// of a copy of it.
func (c *claim) own(field string) bool {
	return strings.HasPrefix(field, ownerField+c.owner.id+".")
}

// leave removes this life's field.
func (c *claim) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.server.cfg.StopTimeout/10)
	defer cancel()
	if err := c.server.client.HDel(ctx, c.key(), c.field()).Err(); err != nil {
		c.server.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "site not left", slog.Any("err", err))
	}
}
