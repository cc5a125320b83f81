package keydb

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/global-presence/presence/core/state"
)

// sweepAfter is how often Run looks whether it may sweep.
const sweepAfter = 15 * time.Second

// sweep removes the members of dead binaries of the own site, once in a while. It does
// so only while the beats of this binary have been taken without a break for
// Config.DeadAfter: whatever keeps beats from the store, such as a full memory or a
// server that hangs, keeps those of the living from it as well.
func (s *Store) sweep(ctx context.Context) {
	again := min(sweepAfter, s.cfg.DeadAfter/4)
	wait := again
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = again
		if !s.beats.unbroken(time.Now(), s.cfg.DeadAfter) {
			continue
		}
		wait = s.cfg.DeadAfter
		err := s.write.do(ctx, s.sweepOnce)
		if err != nil && ctx.Err() == nil {
			s.log.LogAttrs(ctx, slog.LevelWarn, "members of dead binaries not removed, trying again", slog.Any("err", err))
		}
	}
}

// removeLua removes fields of a hash that still hold what was read of them.
//
// KEYS: the hash. ARGV: a field, its value, and so on. Returns how many were removed.
const removeLua = `if redis.replicate_commands then redis.replicate_commands() end
local n = 0
for i = 1, #ARGV, 2 do
	if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
		n = n + redis.call('HDEL', KEYS[1], ARGV[i])
	end
end
return n`

// sweepOnce removes the members whose binary has not beaten for Config.DeadAfter and
// which are themselves older than that, and then what is known of those binaries.
func (s *Store) sweepOnce(ctx context.Context, c *redis.Client) error {
	now, err := c.Time(ctx).Result()
	if err != nil {
		return err
	}
	limit := now.Add(-s.cfg.DeadAfter)
	alive, dead, err := s.binaries(ctx, c, limit)
	if err != nil {
		return err
	}
	removed := int64(0)
	err = s.members(ctx, c, func(key string, fields map[string]string) error {
		var args []any
		for field, value := range fields {
			if binary, stamp, ok := memberOf(field, value); ok && !alive[binary] && stamp.Time().Before(limit) {
				args = append(args, field, value)
			}
		}
		for len(args) > 0 {
			n := min(len(args), 1000)
			gone, err := c.Eval(ctx, removeLua, []string{key}, args[:n]...).Int64()
			if err != nil {
				return err
			}
			removed += gone
			args = args[n:]
		}
		return nil
	})
	if err != nil {
		return err
	}
	var args []any
	for field, value := range dead {
		args = append(args, field, value)
	}
	if len(args) > 0 {
		if err := c.Eval(ctx, removeLua, []string{siteKey(s.cfg.Site)}, args...).Err(); err != nil {
			return err
		}
	}
	if removed > 0 || len(dead) > 0 {
		s.log.LogAttrs(ctx, slog.LevelInfo, "removed the members of dead binaries",
			slog.Int64("members", removed), slog.Int("binaries", len(dead)))
	}
	return nil
}

// binaryField begins the names of the fields of a site's hash that say when a binary of
// the site last beat.
const binaryField = "binary:"

// binaries returns the binaries of the own site that have beaten since limit, and the
// fields of the others in the site's hash.
func (s *Store) binaries(ctx context.Context, c *redis.Client, limit time.Time) (alive map[string]bool, dead map[string]string, err error) {
	fields, err := c.HGetAll(ctx, siteKey(s.cfg.Site)).Result()
	if err != nil {
		return nil, nil, err
	}
	alive, dead = map[string]bool{}, map[string]string{}
	for field, value := range fields {
		name, ok := strings.CutPrefix(field, binaryField)
		if !ok {
			continue
		}
		ms, _ := strconv.ParseInt(value, 10, 64) // 0 is long ago
		if time.UnixMilli(ms).Before(limit) {
			dead[field] = value
		} else {
			alive[name] = true
		}
	}
	return alive, dead, nil
}

// members calls do with each hash of members of the own site.
func (s *Store) members(ctx context.Context, c *redis.Client, do func(key string, fields map[string]string) error) error {
	match := glob("gp:state:"+s.cfg.Site+":") + "*" + glob(":"+state.People)
	return scan(ctx, c, match, func(keys []string) error {
		for _, key := range keys {
			fields, err := c.HGetAll(ctx, key).Result()
			if err != nil {
				return err
			}
			if err := do(key, fields); err != nil {
				return err
			}
		}
		return nil
	})
}

// memberOf returns whose member a field of a state hash is, and its stamp.
func memberOf(field, value string) (binary string, stamp state.Stamp, ok bool) {
	c, ok, err := decodeCell(field, value)
	if err != nil || !ok {
		return "", state.Stamp{}, false
	}
	m, err := state.DecodeMember(c.Value)
	if err != nil {
		return "", state.Stamp{}, false
	}
	return m.Binary, c.Stamp, true
}
