package keydb

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// link is a link over which a server copies another one.
type link struct {
	host, port    string
	up, syncing   bool
	silent        string // seconds since something came over it
	read, applied int64  // how many bytes came over it, and of those were applied
}

func (l link) name() string { return l.host + ":" + l.port }

var linkLine = regexp.MustCompile(`^(?:master(?:_\d+)?_(host|port|link_status|last_io_seconds_ago|sync_in_progress)|(slave_read_repl_offset|slave_repl_offset)):(.*)$`)

// linksOf reads from INFO over which links the server copies others. KeyDB with
// several masters tells them one after the other, numbered from the second on, and
// their offsets under one name.
func linksOf(text string) []link {
	var links []link
	for line := range strings.Lines(text) {
		m := linkLine.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil {
			continue
		}
		field, value := m[1]+m[2], m[3]
		if field == "host" {
			links = append(links, link{host: value})
			continue
		}
		if len(links) == 0 {
			continue
		}
		l := &links[len(links)-1]
		switch field {
		case "port":
			l.port = value
		case "link_status":
			l.up = value == "up"
		case "last_io_seconds_ago":
			l.silent = value
		case "sync_in_progress":
			l.syncing = value != "0"
		case "slave_read_repl_offset":
			l.read, _ = strconv.ParseInt(value, 10, 64) // 0 where it is not told
		case "slave_repl_offset":
			l.applied, _ = strconv.ParseInt(value, 10, 64)
		}
	}
	return links
}

// connections returns the addresses of the connections over which the server copies
// others, and of those over which others copy it: a link that broke and came back
// between two looks has others. They are empty where the server does not tell.
func (s *server) connections(ctx context.Context) (in, out string, err error) {
	var all [2][]string
	for i, kind := range []string{"master", "replica"} {
		text, err := s.client.Do(ctx, "CLIENT", "LIST", "TYPE", kind).Text()
		switch {
		case err != nil && answered(err):
			return "", "", nil
		case err != nil:
			return "", "", err
		}
		for line := range strings.Lines(text) {
			var ends []string
			for field := range strings.FieldsSeq(line) {
				if strings.HasPrefix(field, "id=") || strings.HasPrefix(field, "addr=") || strings.HasPrefix(field, "laddr=") {
					ends = append(ends, field)
				}
			}
			all[i] = append(all[i], kind+" "+strings.Join(ends, " "))
		}
		slices.Sort(all[i])
	}
	return strings.Join(all[0], "\n"), strings.Join(all[1], "\n"), nil
}

// replicaLine is a line of INFO that tells who copies the server, without what changes
// all the time in the first group.
var replicaLine = regexp.MustCompile(`(?m)^slave\d+:(ip=.*,port=.*,state=\w+)(.*)`)

// young is how long after its start a server may still be getting its own keys back.
// One that has run for longer holds them for as long as it lives.
//
// A full sync is over when its link comes up: KeyDB and Redis merge the copy before
// they say so (replication.cpp, readSyncBulkPayload). In seven restarts of a node of a
// KeyDB 6.3.4 mesh with an empty disk, looked at every few milliseconds, all its own
// keys were there when the first link was up. A partial sync is not over then: the link
// comes up with the peer's consent (replicationResurrectCachedMaster), and what was
// missed arrives after it. Nor is what the peer took while it made its copy there yet,
// which it sends behind the copy. Nothing in INFO tells how much is on its way, hence
// the wait of Config.Settle.
const young = time.Minute

// settling remembers which server it was, and since when its links have been up.
type settling struct {
	mu    sync.Mutex // guards the rest
	run   string
	was   string    // the run that was synced at some time
	state string    // the links as they were last seen
	since time.Time // when that was first seen; zero while one is down

	// goals are how much had come over each link then. A busy server is always a
	// little behind with the rest, and no less synced for it.
	goals map[string]int64
}

// synced notes that the server is synced.
func (s *settling) synced() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.was = s.run
}

// wasSynced reports whether the server has been synced since it was started, as far
// as this store has seen.
func (s *settling) wasSynced() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.was == s.run
}

// restarted reports whether the server is another than the one last seen: it was
// started again, without a connection having been missed.
func (s *settling) restarted(run string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.run
	s.run = run
	return before != "" && before != run
}

// look takes in how the links are. It returns for how long they have all been up,
// unchanged, and the name of one over which more had come by then than is applied.
func (s *settling) look(now time.Time, state string, links []link, up bool) (since time.Duration, behind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !up {
		s.since = time.Time{}
		return 0, ""
	}
	for _, l := range links {
		state += " " + l.name()
	}
	if s.since.IsZero() || s.state != state {
		s.state, s.since, s.goals = state, now, map[string]int64{}
		for _, l := range links {
			s.goals[l.name()] = l.read
		}
	}
	for _, l := range links {
		if l.applied < s.goals[l.name()] {
			behind = l.name()
		}
	}
	return now.Sub(s.since), behind
}

// changes counts the changes of links.
type changes struct {
	mu    sync.Mutex
	state string
	n     int
}

func (c *changes) saw(state string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != "" && c.state != state {
		c.n++
	}
	c.state = state
}

func (c *changes) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}
