package keydb

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// notify is what is known of the server's notifications.
type notify struct {
	setting sync.Mutex // held by whoever reads and changes the server's setting

	mu         sync.Mutex // guards the rest
	wanted     string     // the classes of notifications that subscribers need
	on         bool       // the server is known to notify of all that is wanted
	told       bool       // that it does not was logged
	subscribed bool       // to the logs
	seen       bool       // a log's notification came since then
}

// want adds to what the server has to notify of.
func (n *notify) want(classes string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wanted = union(n.wanted, classes)
}

func (n *notify) began(classes string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if strings.Contains(classes, "t") {
		n.subscribed, n.seen = true, false
	}
}

func (n *notify) lost() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.subscribed, n.on = false, false
}

func (n *notify) heard() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seen = true
}

// works reports whether wake-ups come: the server is set so or, where that cannot
// be asked, one has come.
func (n *notify) works() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.subscribed && (n.on || n.seen)
}

const notifySetting = "notify-keyspace-events"

// allow has the read server notify of what is wanted: what is missing is added to
// its setting, and nothing is taken away. Where it does not let itself be asked or
// set, one line in the log says what to do; that is no error.
func (s *Store) allow(ctx context.Context) error {
	n := &s.notify
	n.setting.Lock()
	defer n.setting.Unlock()
	n.mu.Lock()
	wanted := n.wanted
	n.mu.Unlock()

	set, err := configOf(ctx, s.read.client, notifySetting)
	if err == nil && missing(set, wanted) != "" {
		err = s.read.client.ConfigSet(ctx, notifySetting, union(set, wanted)).Err()
		if err == nil {
			s.read.log.LogAttrs(ctx, slog.LevelInfo, "the store's server now notifies of changes",
				slog.String("before", set), slog.String("after", union(set, wanted)))
		}
	}
	if err != nil && (!answered(err) || passing(err) != "") {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.on = err == nil
	if err != nil && !n.told {
		n.told = true
		s.read.log.LogAttrs(ctx, slog.LevelWarn, "the store's server does not let its notifications be set: set notify-keyspace-events to what is wanted, or changes of other regions may be seen a second late",
			slog.String("wanted", wanted), slog.String("err", firstLine(err.Error())))
	}
	return nil
}

// configOf returns a setting of a server.
func configOf(ctx context.Context, c *redis.Client, name string) (string, error) {
	all, err := c.ConfigGet(ctx, name).Result()
	return all[name], err
}

// every is what the class A stands for.
const every = "g$lshzxetd"

// missing returns the classes in wanted that are not in set.
func missing(set, wanted string) string {
	set = strings.ReplaceAll(set, "A", every)
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(set, r) {
			return -1
		}
		return r
	}, wanted)
}

func union(set, wanted string) string { return set + missing(set, wanted) }

func timedOut(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

func itoa(n int) string { return strconv.Itoa(n) }
