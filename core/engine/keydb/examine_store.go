package keydb

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/global-presence/presence/core/state"
)

func (x *examiner) persistence() {
	const mend = "see whether its disk is full, and what its log says"
	switch {
	case x.info["aof_enabled"] != "1":
		x.add(Warn, "persistence", "the append-only file is off: what was acknowledged is lost when all servers that hold it end",
			"set appendonly yes and appendfsync everysec")
	case x.appendFailed():
		x.add(Bad, "disk", "the last write to the append-only file failed", mend)
	default:
		x.add(OK, "persistence", "the append-only file is on", "")
	}
	if x.snapshotFailed() {
		x.add(Bad, "disk", "the last snapshot failed; by default the server then refuses writes", mend)
	}
}

func (x *examiner) appendFailed() bool {
	status := x.info["aof_last_write_status"]
	return x.info["aof_enabled"] == "1" && status != "" && status != "ok"
}

func (x *examiner) snapshotFailed() bool { return x.info["rdb_last_bgsave_status"] == "err" }

func (x *examiner) memory() {
	i := x.info
	used, most, policy := i.number("used_memory"), i.number("maxmemory"), i["maxmemory_policy"]
	more := "raise maxmemory, at all servers that hold the same data"
	if x.cfg.Hosted {
		more = "raise --keydb-memory, in all regions alike"
	}
	share := bytes(used) + " of " + bytes(most) + " used"
	switch {
	case most == 0 && !x.full:
		x.add(OK, "memory", bytes(used)+" used, without a limit of its own", "")
	case policy != "noeviction" && !x.full:
		x.add(Bad, "memory", share+", policy "+policy+": when it is full the server throws keys away, and state is lost",
			"set maxmemory-policy noeviction: writes are then refused until there is room, and nothing is lost")
	case x.full:
		x.add(Bad, "memory", share+": it is full", more)
	case used > most/10*9:
		x.add(Warn, "memory", share+": when it is full, no write is taken until there is room", more)
	default:
		x.add(OK, "memory", share+", policy noeviction", "")
	}
}

func bytes(n int64) string {
	switch {
	case n < 10<<10:
		return fmt.Sprintf("%d B", n)
	case n < 10<<20:
		return fmt.Sprintf("%d kB", n>>10)
	case n < 10<<30:
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%d GB", n>>30)
}

// wrongBy is by how much a clock may be wrong before it is told of.
const wrongBy = time.Second

func (x *examiner) clock(ctx context.Context) {
	before := time.Now()
	now, err := x.client().Time(ctx).Result()
	if err != nil {
		x.failed("clock", err)
		return
	}
	trip := time.Since(before)
	ahead := now.Sub(before.Add(trip / 2)).Round(time.Millisecond)
	if ahead.Abs() > wrongBy+trip/2 {
		x.add(Warn, "clock", fmt.Sprintf("the server's clock differs by %v from this machine's: ids stay in order, but a full resync may prefer the copy with the later clock", ahead),
			"have both follow a time server")
		return
	}
	x.add(OK, "clock", fmt.Sprintf("the server's clock is within %v of this machine's", max(ahead.Abs(), trip, time.Millisecond).Round(time.Millisecond)), "")
}

// maxExamined is how many keys are looked at.
const maxExamined = 1_000_000

// keys counts the keys by kind.
func (x *examiner) keys(ctx context.Context) {
	counts := map[string]int{}
	total, told := 0, time.Now()
	for cursor, first := uint64(0), true; first || cursor != 0 && total < maxExamined; first = false {
		keys, next, err := x.client().Scan(ctx, cursor, "*", 1000).Result()
		if err != nil {
			x.failed("keys", err)
			return
		}
		for _, key := range keys {
			counts[kindOf(key)]++
			total++
		}
		if now := time.Now(); now.Sub(told) > 2*time.Second {
			told = now
			x.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "counting keys", slog.Int("keys", total))
		}
		if cursor = next; cursor != 0 && total >= maxExamined {
			x.add(OK, "keys", fmt.Sprintf("more than %d; counted up to here:", maxExamined), "")
		}
	}
	var parts []string
	for _, kind := range []string{"log", "state", "site"} {
		if n := counts[kind]; n > 0 {
			parts = append(parts, count(n, kind))
		}
	}
	for _, kind := range []string{"others of presence", "of other programs"} {
		if n := counts[kind]; n > 0 {
			parts = append(parts, strconv.Itoa(n)+" "+kind)
		}
	}
	if len(parts) == 0 {
		parts = []string{"none yet"}
	}
	x.add(OK, "keys", strings.Join(parts, ", "), "")
}

func kindOf(key string) string {
	switch {
	case strings.HasPrefix(key, logPrefix):
		return "log"
	case strings.HasPrefix(key, "gp:state:"):
		return "state"
	case strings.HasPrefix(key, siteKey("")):
		return "site"
	case own(key):
		return "others of presence"
	}
	return "of other programs"
}

// silentAfter is after how long a server that took writes for a site is no rival.
const silentAfter = 10 * time.Second

// sites tells which sites beat and how far the log of each is ahead of the clock.
func (x *examiner) sites(ctx context.Context) {
	now, err := x.client().Time(ctx).Result()
	if err != nil {
		x.failed("sites", err)
		return
	}
	var names []string
	err = scan(ctx, x.client(), glob(siteKey(""))+"*", func(keys []string) error {
		for _, key := range keys {
			names = append(names, strings.TrimPrefix(key, siteKey("")))
		}
		return nil
	})
	if err != nil {
		x.failed("sites", err)
		return
	}
	slices.Sort(names)
	names = slices.Compact(names)
	all := map[string]map[string]string{}
	for _, name := range names {
		if all[name], err = x.client().HGetAll(ctx, siteKey(name)).Result(); err != nil {
			x.failed("site "+name, err)
			return
		}
	}
	beating := x.beating(ctx, now, all)
	for _, name := range names {
		fields := all[name]
		ms, _ := strconv.ParseInt(fields["beat"], 10, 64) // 0 is never
		silent := now.Sub(time.UnixMilli(ms)).Round(time.Second)
		who := strings.TrimSpace("region " + fields["region"] + " " + fields["version"])
		const mend = "see whether its presence runs and its link is up; if the site is gone for good, its state still counts until its keys are removed"
		switch {
		case ms == 0:
			x.add(Warn, "site "+name, "no presence has ever beaten there", "start one, or remove the site's keys: gp:*:"+name+"*")
		case beating[name]:
			x.add(OK, "site "+name, who+": beats", "")
		case silent <= beatWait: // or another server's clock is ahead
			x.add(Warn, "site "+name, fmt.Sprintf("%s: no beat came for %v", who, beatWait), mend)
		default:
			x.add(Warn, "site "+name, fmt.Sprintf("%s: has not beaten for %v", who, silent), mend)
		}
		x.rivals(name, fields, now)
		x.ahead(ctx, name, now)
	}
}

const (
	// beatWait is how long a beat is waited for; each site makes one a second.
	beatWait = 3 * time.Second

	// longSilent is after how long without one nobody waits for another.
	longSilent = time.Minute
)

// beating returns the sites whose next beat comes while it waits: a stamp alone does not
// tell, since another server's clock made it and its presence may just have ended.
func (x *examiner) beating(ctx context.Context, now time.Time, all map[string]map[string]string) map[string]bool {
	var silent []string
	for name, fields := range all {
		if ms, _ := strconv.ParseInt(fields["beat"], 10, 64); now.Sub(time.UnixMilli(ms)).Abs() < longSilent {
			silent = append(silent, name)
		}
	}
	beating := map[string]bool{}
	late := time.NewTimer(beatWait)
	defer late.Stop()
	again := time.NewTicker(4 * lookEvery)
	defer again.Stop()
	for len(silent) > 0 {
		silent = slices.DeleteFunc(silent, func(name string) bool {
			beat, err := x.client().HGet(ctx, siteKey(name), "beat").Result()
			beating[name] = err == nil && beat != all[name]["beat"]
			return beating[name]
		})
		select {
		case <-again.C:
		case <-late.C:
			return beating
		case <-ctx.Done():
			return beating
		}
	}
	return beating
}

// rivals warns of a site that several servers take writes for.
func (x *examiner) rivals(name string, fields map[string]string, now time.Time) {
	writing := 0
	for field, value := range fields {
		if !strings.HasPrefix(field, serverField) {
			continue
		}
		ms, _ := strconv.ParseInt(value, 10, 64) // 0 is long ago
		if now.Sub(time.UnixMilli(ms)) < silentAfter {
			writing++
		}
	}
	if writing > 1 {
		x.add(Warn, "servers of "+name, fmt.Sprintf("%d servers took writes for it in the last %v", writing, silentAfter),
			"if none was started just now, give the presence of all but one a name of its own: --site "+name+"-2; none of them takes writes meanwhile")
	}
}

// ahead warns of a log whose newest id is in the future.
func (x *examiner) ahead(ctx context.Context, name string, now time.Time) {
	entries, err := x.client().XRevRangeN(ctx, logKey(name), "+", "-", 1).Result()
	if err != nil {
		x.failed("log of "+name, err)
		return
	}
	for _, e := range entries {
		id, err := state.ParseID(e.ID)
		if err != nil {
			x.add(Bad, "log of "+name, err.Error(), "another program writes to gp:log: keys; remove its entry with XDEL")
			continue
		}
		if d := id.Time().Sub(now).Round(time.Millisecond); d > wrongBy {
			x.add(Warn, "log of "+name, fmt.Sprintf("its newest id is %v ahead of the clock: some server's clock was, or is", d),
				"set that clock right; order and state stay right meanwhile")
		}
	}
}

// members counts the members of dead binaries of the site.
func (x *examiner) members(ctx context.Context) {
	s := &Store{cfg: x.cfg}
	now, err := x.client().Time(ctx).Result()
	if err != nil {
		x.failed("members", err)
		return
	}
	limit := now.Add(-x.cfg.DeadAfter)
	alive, _, err := s.binaries(ctx, x.client(), limit)
	if err != nil {
		x.failed("members", err)
		return
	}
	living, left := 0, 0
	err = s.members(ctx, x.client(), func(_ string, fields map[string]string) error {
		for field, value := range fields {
			switch binary, stamp, ok := memberOf(field, value); {
			case !ok:
			case !alive[binary] && stamp.Time().Before(limit):
				left++
			default:
				living++
			}
		}
		return nil
	})
	switch {
	case err != nil:
		x.failed("members", err)
	case left > 0:
		x.add(Warn, "members", fmt.Sprintf("%s in the rooms by way of site %s, and %d whose presence died without taking them out", count(living, "member"), x.cfg.Site, left),
			"a running presence of this site removes them within some minutes")
	case living == 0:
		x.add(OK, "members", "nobody is in a room by way of site "+x.cfg.Site, "")
	default:
		x.add(OK, "members", count(living, "member")+" in the rooms by way of site "+x.cfg.Site, "")
	}
}
