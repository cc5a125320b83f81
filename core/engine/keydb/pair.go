package keydb

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// pair is the server that takes a site's writes and the one that is to copy them, and
// finds out whether it does.
//
// Redis and its plain replicas, also replicas of replicas, have one replication id. Of
// KeyDB's active replicas each has its own, and some servers tell nothing: there a mark
// that is written to the one server has to arrive at the other. One that does not is
// held against a server only where nothing else says that it is just behind.
type pair struct {
	write, read *server
	site        string
}

// view is what a server tells of itself at one moment.
type view struct {
	info  info
	links []link // over which it copies others
}

func viewOf(text string) view { return view{parseInfo(text), linksOf(text)} }

// view asks the server.
func (s *server) view(ctx context.Context) (view, error) {
	text, err := s.client.Info(ctx).Result()
	return viewOf(text), err
}

// settled reports whether a server has nothing to wait for: it has loaded its data, and
// its links are up and at rest.
func (v view) settled() bool {
	return missingOf(v.info, v.links) == "" && !slices.ContainsFunc(v.links, func(l link) bool { return l.applied < l.read })
}

// copies says in words whom a server copies.
func (v view) copies() string {
	if len(v.links) == 0 {
		return "it is a primary that copies nobody"
	}
	var names []string
	for _, l := range v.links {
		names = append(names, l.name())
	}
	return "it copies " + strings.Join(names, " and ")
}

// sameness says how it is known that the one server has what the other one has, or ""
// where that does not show.
func sameness(write, read view) string {
	same := func(field string) bool { return write.info[field] != "" && write.info[field] == read.info[field] }
	switch {
	case same("run_id"):
		return "it is the same server"
	case read.info.replica() && same("master_replid"):
		return "it has the same replication id"
	}
	return ""
}

// mark is an entry that was written to the one server and is looked for at the other.
type mark struct{ key, id string }

// markLife is when the server removes a mark, should nobody else. It is so long since a
// copy with a clock that is ahead takes it for gone that much sooner.
const markLife = 24 * time.Hour

// leave writes a mark.
func (p pair) leave(ctx context.Context) (mark, error) {
	key := "gp:probe:" + p.site + ":" + rand.Text()
	id, err := p.write.client.XAdd(ctx, &redis.XAddArgs{Stream: key, Values: []string{"p", "1"}}).Result()
	if err != nil {
		return mark{}, err
	}
	p.write.client.Expire(ctx, key, markLife) // where the server lets this user
	return mark{key, id}, nil
}

// arrived reports whether a mark is at the other server.
func (p pair) arrived(ctx context.Context, m mark) (bool, error) {
	found, err := p.read.client.XRange(ctx, m.key, m.id, m.id).Result()
	return len(found) > 0, err
}

// remove removes a mark, also when ctx has ended.
func (p pair) remove(ctx context.Context, m mark) {
	if m == (mark{}) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.write.cfg.Timeout)
	defer cancel()
	p.write.client.Del(ctx, m.key) // or the server does when markLife is over
}

// relation is what is known of two servers.
type relation int

const (
	unclear relation = iota // nothing is held against the one that is to copy
	joined                  // it copies the other
	apart                   // it does not
)

// judgment is what was found of a pair: how it was seen, and where it is not joined,
// what there is to do.
type judgment struct {
	relation  relation
	why, mend string
}

// fault returns what was found as a fault.
func (j judgment) fault() fault { return fault(j.why + ": " + j.mend) }

// judge draws the conclusion from a mark that does not arrive.
func (p pair) judge(ctx context.Context, write, read view) judgment {
	where := p.write.where
	switch {
	case !read.settled():
		return judgment{
			unclear, "it is not known yet whether it copies " + where + ", where --keydb writes (" + read.waits() + ")",
			"see to that first",
		}
	case len(read.links) == 0 && read.info["role"] == "", len(read.links) > 0 && (!write.settled() || p.linked(ctx) || p.shared(ctx)):
		return judgment{
			unclear, "what is written to " + where + ", where --keydb writes, does not arrive there (" + read.copies() + ")",
			"see whether all links between the two servers are up; if it is no copy of that one, give --keydb-read one that is",
		}
	}
	return judgment{
		apart, "it does not copy " + where + ", where --keydb writes (" + read.copies() + ")",
		"give --keydb-read a server that copies " + where + ", or have this one copy it (replicaof)",
	}
}

// waits says in words what a server waits for that is not settled.
func (v view) waits() string {
	if why := missingOf(v.info, v.links); why != "" {
		return why
	}
	return "it is applying what came over its links"
}

// linked reports whether a connection over which the one server copies another is one
// over which the other is copied. Where something in between gives it another address,
// it is not seen.
func (p pair) linked(ctx context.Context) bool {
	in, _, err := p.read.connections(ctx)
	if err != nil {
		return true // who knows
	}
	_, out, err := p.write.connections(ctx)
	if err != nil {
		return true
	}
	ends := map[string]bool{}
	for field := range strings.FieldsSeq(in) {
		if end, ok := strings.CutPrefix(field, "laddr="); ok {
			ends[end] = true
		}
	}
	for field := range strings.FieldsSeq(out) {
		if end, ok := strings.CutPrefix(field, "addr="); ok && ends[end] {
			return true
		}
	}
	return false
}

// shared reports whether the server to read from has something that the other one has,
// and only a copy of it can have: then it was one, and may be cut off at a place that
// cannot be seen from here.
func (p pair) shared(ctx context.Context) bool {
	ours, err := p.write.client.HKeys(ctx, siteKey(p.site)).Result()
	if err != nil {
		return true // who knows
	}
	theirs, err := p.read.client.HKeys(ctx, siteKey(p.site)).Result()
	if err != nil {
		return true
	}
	return slices.ContainsFunc(ours, func(field string) bool {
		return (strings.HasPrefix(field, serverField) || strings.HasPrefix(field, binaryField)) && slices.Contains(theirs, field)
	})
}

// lookEvery is how often the server to read from is asked for a mark.
const lookEvery = 50 * time.Millisecond

// compare finds out whether the one server copies the other, and waits for a mark for so
// long. An error says that one of them did not answer.
func (p pair) compare(ctx context.Context, patience time.Duration) (write, read view, found judgment, err error) {
	write, read, err = p.views(ctx)
	if err != nil {
		return write, read, found, err
	}
	if how := sameness(write, read); how != "" {
		return write, read, judgment{relation: joined, why: how}, nil
	}
	if missingOf(read.info, read.links) == "" {
		arrived, err := p.try(ctx, patience)
		if err != nil {
			return write, read, found, err
		}
		if arrived {
			return write, read, judgment{relation: joined, why: "what was written there arrived"}, nil
		}
		if write, read, err = p.views(ctx); err != nil { // a link may have broken meanwhile
			return write, read, found, err
		}
	}
	return write, read, p.judge(ctx, write, read), nil
}

// try leaves a mark and reports whether it arrives in time.
func (p pair) try(ctx context.Context, patience time.Duration) (arrived bool, err error) {
	m, err := p.leave(ctx)
	if err != nil {
		return false, err
	}
	defer p.remove(ctx, m)
	late := time.NewTimer(patience)
	defer late.Stop()
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		if arrived, err = p.arrived(ctx, m); arrived || err != nil {
			return arrived, err
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-late.C:
			return false, nil
		case <-again.C:
		}
	}
}

// views asks both servers.
func (p pair) views(ctx context.Context) (write, read view, err error) {
	if write, err = p.write.view(ctx); err == nil {
		read, err = p.read.view(ctx)
	}
	return write, read, err
}
