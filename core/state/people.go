package state

import (
	"cmp"
	"maps"
	"slices"

	"github.com/global-presence/presence/plugins"
)

// tombstoneMS is how long, in milliseconds of stamps, a room remembers that a
// member has left, so that an older join of the same session cannot bring them
// back. Logs are read in order, so that minutes are plenty.
const tombstoneMS = 10 * 60 * 1000

// people are the members of one room, by site and session, and what the Presence
// fields show of them: the open tabs of each user, by region and in all.
type people struct {
	cells   map[string]map[string]seat // by site, session
	live    map[string]bool            // binaries that beat
	regions map[string]map[string]int  // region → user → tabs
	users   map[string]int             // user → tabs
	newest  int64                      // the highest stamp, in ms
	swept   int64                      // newest at the last sweep of tombstones
}

// seat is the newest cell of a session and the member it holds, if any.
type seat struct {
	cell   Cell
	member Member
}

// shown is what changed for the people at a page: a group of each grouping.
type shown struct{ region, user string }

func newPeople() people {
	return people{
		cells:   map[string]map[string]seat{},
		live:    map[string]bool{},
		regions: map[string]map[string]int{},
		users:   map[string]int{},
	}
}

// merge takes a join or a leave and returns the groups that it changed.
func (p *people) merge(c Cell) []shown {
	s := seat{cell: c}
	if !c.Removed {
		m, err := DecodeMember(c.Value)
		if err != nil {
			return nil // written by a newer version or by hand; nobody to show
		}
		s.member = m
	}
	site := p.cells[c.Stamp.Site]
	if site == nil {
		site = map[string]seat{}
		p.cells[c.Stamp.Site] = site
	}
	old, known := site[c.Key]
	if known && c.Stamp.Compare(old.cell.Stamp) <= 0 {
		return nil
	}
	site[c.Key] = s
	if p.newest = max(p.newest, c.Stamp.MS); p.newest-p.swept > tombstoneMS {
		p.sweep()
	}
	was, is := p.counts(old), p.counts(s)
	if was && is && old.member.User == s.member.User && old.member.Region == s.member.Region {
		return nil
	}
	var changed []shown
	if was {
		changed = append(changed, p.count(old.member, -1))
	}
	if is {
		changed = append(changed, p.count(s.member, +1))
	}
	return changed
}

// counts reports whether s is somebody to show.
func (p *people) counts(s seat) bool {
	return s.member.Binary != "" && p.live[s.member.Binary]
}

func (p *people) count(m Member, n int) shown {
	region := p.regions[m.Region]
	if region == nil {
		region = map[string]int{}
		p.regions[m.Region] = region
	}
	if region[m.User] += n; region[m.User] == 0 {
		delete(region, m.User)
	}
	if len(region) == 0 {
		delete(p.regions, m.Region)
	}
	if p.users[m.User] += n; p.users[m.User] == 0 {
		delete(p.users, m.User)
	}
	return shown{region: m.Region, user: m.User}
}

// each calls do with everybody who sits in the room, by way of a live binary or not.
func (p *people) each(do func(site, session string, m Member)) {
	for site, seats := range p.cells {
		for session, s := range seats {
			if s.member.Binary != "" {
				do(site, session, s.member)
			}
		}
	}
}

// setLive shows or hides the members whose sockets a binary holds.
func (p *people) setLive(binary string, live bool) []shown {
	if p.live[binary] == live {
		return nil
	}
	n := +1
	if live {
		p.live[binary] = true
	} else {
		n = -1
		delete(p.live, binary)
	}
	var changed []shown
	for _, site := range p.cells {
		for _, s := range site {
			if s.member.Binary == binary {
				changed = append(changed, p.count(s.member, n))
			}
		}
	}
	return changed
}

// keep forgets the cells of a site up to an id, except the sessions in kept.
func (p *people) keep(site string, upTo ID, kept map[string]bool) []shown {
	var changed []shown
	for session, s := range p.cells[site] {
		if kept[session] || s.cell.Stamp.ID.Compare(upTo) > 0 {
			continue
		}
		delete(p.cells[site], session)
		if p.counts(s) {
			changed = append(changed, p.count(s.member, -1))
		}
	}
	return changed
}

func (p *people) sweep() {
	p.swept = p.newest
	for _, site := range p.cells {
		maps.DeleteFunc(site, func(_ string, s seat) bool {
			return s.cell.Removed && s.cell.Stamp.MS < p.newest-tombstoneMS
		})
	}
}

// byRegion returns a group for each region, ordered by code.
func (p *people) byRegion() []plugins.Group {
	groups := make([]plugins.Group, 0, len(p.regions))
	for region, users := range p.regions {
		g := plugins.Group{Key: region, People: len(users)}
		for _, tabs := range users {
			g.Tabs += tabs
		}
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b plugins.Group) int { return cmp.Compare(a.Key, b.Key) })
	return groups
}

// byUser returns a group for each of users, in order and without repeats.
func (p *people) byUser(users []string) []plugins.Group {
	users = slices.Compact(slices.Sorted(slices.Values(users)))
	groups := make([]plugins.Group, 0, len(users))
	for _, u := range users {
		g := plugins.Group{Key: u, Tabs: p.users[u]}
		g.People = min(g.Tabs, 1)
		groups = append(groups, g)
	}
	return groups
}
