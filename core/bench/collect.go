package bench

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// view is what was used at a moment.
type view struct {
	at     time.Time
	server cost
	own    float64
}

// look returns a view. With an error it lacks what the server has used.
func (b *bench) look(ctx context.Context) (v view, err error) {
	if b.meter != nil {
		v.server, err = b.meter(ctx)
	}
	v.at, v.own = time.Now(), ownCPU()
	return v, err
}

// collect returns what the sockets got in a stage.
func (b *bench) collect(name string, st *stage, published int64, after view) Phase {
	var all tally
	var last []time.Duration // when the last socket had an event, as far as all have
	p := Phase{Name: name, Published: published}
	due := make([]int64, len(b.events))
	for n := st.first; n < st.first+published; n++ {
		due[b.events.room(n)]++
	}
	done := min(b.done(), published)
	for _, s := range b.shards {
		t, alive, missing, lost := s.end(due)
		p.Missing += missing
		for _, n := range alive {
			p.Sockets += n
		}
		if lost != nil {
			p.Lost = cmp.Or(p.Lost, lost.Error())
		}
		all.messages += t.messages
		all.bytes += t.bytes
		all.deliveries += t.deliveries
		all.packed += t.packed
		all.inflated += t.inflated
		all.pings += t.pings
		all.latency.merge(&t.latency)
		for i, at := range t.last {
			if i == len(last) {
				last = append(last, 0)
			}
			last[i] = max(last[i], at)
		}
	}
	p.SocketsLost = b.cfg.Sockets - p.Sockets
	end := after.at.Sub(b.start)
	if len(last) > 0 {
		end = slices.Max(last)
	}
	end = max(end, st.began+time.Duration(published)*st.interval)
	p.Seconds = max(end-st.began, time.Millisecond).Seconds()
	p.Messages, p.Deliveries, p.Pings = all.messages, all.deliveries, all.pings
	p.MessagesASecond, p.DeliveriesASecond = float64(all.messages)/p.Seconds, float64(all.deliveries)/p.Seconds
	if all.messages > 0 {
		p.BytesAMessage = float64(all.bytes) / float64(all.messages)
		if p.Compressed = all.packed; all.packed > 0 {
			p.InflatedBytesAMessage = float64(all.inflated) / float64(all.messages)
		}
	}
	if name == Idle {
		return p
	}
	p.Latency = quantiles(&all.latency)
	if name != Saturation { // whose moments are not kept
		var until histogram
		for i := range min(int64(len(last)), done) {
			if last[i] > 0 {
				until.add(last[i] - st.due(i))
			}
		}
		p.UntilLast = quantiles(&until)
	}
	return p
}

// use returns what was used between two views.
func (b *bench) use(before, after view) Use {
	seconds := max(after.at.Sub(before.at), time.Millisecond).Seconds()
	u := Use{OwnCPUSeconds: after.own - before.own, OwnCores: (after.own - before.own) / seconds}
	if b.meter != nil {
		cpu := after.server.cpu - before.server.cpu
		u.Server = &Server{
			CPUSeconds: cpu, Cores: cpu / seconds, RSSBytes: after.server.rss,
			ChildrenCPUSeconds: max(0, after.server.children-before.server.children),
			Superseded:         after.server.superseded - before.server.superseded,
		}
		for feature, n := range after.server.renders {
			if n -= before.server.renders[feature]; n > 0 {
				if u.Server.Renders == nil {
					u.Server.Renders = map[string]int64{}
				}
				u.Server.Renders[feature] = n
			}
		}
	}
	return u
}
