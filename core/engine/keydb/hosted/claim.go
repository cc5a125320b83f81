package hosted

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

const (
	// defaultClaimInterval is how often an owner says that it lives.
	defaultClaimInterval = 2 * time.Second

	// claimRounds is how many intervals Claim watches another owner's field for a
	// change: more than one word may be lost on the way.
	claimRounds = 4

	// claimForget is the silence after which an owner's field is removed: that of a
	// folder which was lost.
	claimForget = 10 * time.Minute

	// ownerField begins the names of the fields of gp:site:{site} by which owners
	// tell of themselves:
	//
	//	owner:4YQ2XJ5Z3KQH6V7W8N9M0PABCD  1795485642123 1795489999001
	//
	// that is, when the owner's folder was made and when it wrote this, by its own
	// clock. Each owner has a field of its own, so that none hides another's.
	ownerField = "owner:"
)

// TakenError reports that another server, which is at work right now, has the same
// site's name and had it first. Two writers of one site's keys lose writes.
type TakenError struct {
	Site string
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("site %q is already at work with another server: give this one a name of its own, such as --site %s-2, and an empty data folder", e.Site, e.Site)
}

// Claim makes sure that no other server at work has the name site, and says that
// this one has it. It is to be called when the server's links are synced and before
// anything is written. It returns at once unless another folder has had the name,
// such as one that was lost; then it watches for eight seconds whether that one
// still says that it lives. The error is a *TakenError when it does and was first.
func (s *Server) Claim(ctx context.Context, site string) error {
	c, err := s.newClaim(site)
	if err != nil {
		return err
	}
	for round := 0; ; round++ {
		if err := c.round(ctx); err != nil {
			return fmt.Errorf("claim site: %w", err)
		}
		if len(c.others) == 0 || round == claimRounds {
			return nil
		}
		if !sleep(ctx, s.claimInterval) {
			return context.Cause(ctx)
		}
	}
}

// Guard goes on claiming site until ctx ends and returns nil then. It returns a
// *TakenError when a server that had the name first turns up, such as one that was
// cut off. When this server was first, the log tells of the other.
func (s *Server) Guard(ctx context.Context, site string) error {
	c, err := s.newClaim(site)
	if err != nil {
		return err
	}
	for sleep(ctx, s.claimInterval) {
		err := c.round(ctx)
		if taken, ok := errors.AsType[*TakenError](err); ok {
			return taken
		}
		if err != nil && ctx.Err() == nil {
			s.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "site not claimed", slog.Any("err", err))
		}
	}
	return nil
}

// claim is what an owner knows of the others of its site.
type claim struct {
	server *Server
	site   string
	owner  owner
	others map[string]*other // by field
}

// other is another owner of the site.
type other struct {
	value   string
	changed time.Time // when value was last seen to change, or first seen
	told    bool      // logged that it lives
}

func (s *Server) newClaim(site string) (*claim, error) {
	o, err := openOwner(s.set.dir)
	if err != nil {
		return nil, err
	}
	return &claim{server: s, site: site, owner: o, others: map[string]*other{}}, nil
}

// round writes this owner's field and looks at those of others. A *TakenError says
// that one of them lives and was first.
func (c *claim) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client, key, own := c.server.client, "gp:site:"+c.site, ownerField+c.owner.id
	value := fmt.Sprint(c.owner.since, " ", time.Now().UnixMilli())
	if err := client.HSet(ctx, key, own, value).Err(); err != nil {
		return err
	}
	fields, err := client.HGetAll(ctx, key).Result()
	if err != nil {
		return err
	}
	for field, value := range fields {
		if field == own || !strings.HasPrefix(field, ownerField) {
			continue
		}
		o := c.others[field]
		switch {
		case o == nil:
			c.others[field] = &other{value: value, changed: time.Now()}
		case o.value != value:
			o.value, o.changed = value, time.Now()
			if c.first(field, value) {
				return &TakenError{Site: c.site}
			}
			if !o.told {
				o.told = true
				c.server.cfg.Logger.LogAttrs(ctx, slog.LevelError, "another server has this site's name and must get one of its own",
					slog.String("site", c.site), slog.String("owner", strings.TrimPrefix(field, ownerField)))
			}
		case time.Since(o.changed) >= claimForget:
			if err := client.HDel(ctx, key, field).Err(); err != nil {
				return err
			}
			delete(c.others, field)
		}
	}
	return nil
}

// first reports whether the other owner had the name before this one. Both see it
// in the same way, so that exactly one of two gives way.
func (c *claim) first(field, value string) bool {
	since, _, _ := strings.Cut(value, " ")
	ms, err := strconv.ParseInt(since, 10, 64)
	if err != nil {
		return false
	}
	return cmp.Or(cmp.Compare(ms, c.owner.since), strings.Compare(strings.TrimPrefix(field, ownerField), c.owner.id)) < 0
}
