package bus

import (
	"slices"
	"strconv"
	"time"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// directTick is the least time between two frames of a field's values; the first one
// goes at once.
const directTick = 50 * time.Millisecond

// maxDirect is how many values one frame shows: the newest.
const maxDirect = 100

// envelopeSize is about what a frame has around its values.
const envelopeSize = 256

// direct is what a Direct field of a part is to show. It is guarded by room.mu.
type direct struct {
	part   *part
	field  string
	values []shownValue // the newest last, one for each key
	sent   time.Time
	timer  *time.Timer // set while a frame waits for its moment
}

// shownValue is a value, or how many there were of a site.
type shownValue struct {
	key, text string
	count     int
}

func (v shownValue) String() string {
	if v.count > 0 {
		return v.key + " " + strconv.Itoa(v.count)
	}
	return v.text
}

// direct returns what p shows of a field; room.mu is held.
func (p *part) direct(field string) *direct {
	d := p.directs[field]
	if d == nil {
		d = &direct{part: p, field: field}
		p.directs[field] = d
	}
	return d
}

// show shows a value in the element of a field; room.mu is held. One with a key takes
// the place of an older one that waits, and counts are added up.
func (b *Bus) show(p *part, field string, v shownValue) {
	if !p.room.isSeen(p.feature.name) {
		return
	}
	d := p.direct(field)
	if v.key != "" {
		if i := slices.IndexFunc(d.values, func(old shownValue) bool { return old.key == v.key }); i >= 0 {
			v.count += d.values[i].count
			d.values = slices.Delete(d.values, i, i+1)
		}
	}
	if len(d.values) == maxDirect {
		d.values = slices.Delete(d.values, 0, 1)
		b.metrics.unshown.Inc()
	}
	d.values = append(d.values, v)
	if d.timer != nil {
		return
	}
	if wait := directTick - time.Since(d.sent); wait > 0 {
		d.timer = time.AfterFunc(wait, func() {
			p.room.mu.Lock()
			defer p.room.mu.Unlock()
			if d.timer != nil {
				d.timer = nil
				b.flush(d)
			}
		})
		return
	}
	b.flush(d)
}

// flush sends what d has to show; room.mu is held.
func (b *Bus) flush(d *direct) {
	d.sent = time.Now()
	size, n := envelopeSize, 0
	for _, v := range slices.Backward(d.values) {
		if size += len(v.String()) + len(`"",`); size > plugins.MaxFrameSize {
			break
		}
		n++
	}
	b.metrics.unshown.Add(float64(len(d.values) - n))
	values := make([]string, 0, n)
	for _, v := range d.values[len(d.values)-n:] {
		values = append(values, v.String())
	}
	clear(d.values)
	d.values = d.values[:0]
	p := d.part
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	b.broadcast(p, plugins.Audience{}, ops(
		dom.DispatchEvent("#"+p.feature.name+"-"+d.field, "live:signals", dom.Object(dom.Nested("values", dom.Texts(values...)))),
	))
}

// stop ends a frame that waits; room.mu is held.
func (d *direct) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// traffic is a Traffic field of a feature.
type traffic struct{ feature, field string }

// findTraffic notes which fields tell of traffic.
func (b *Bus) findTraffic() {
	var found []traffic
	for _, m := range b.Manifests() {
		for _, f := range m.State {
			if f.Kind == plugins.Traffic {
				found = append(found, traffic{m.Name, f.Name})
			}
		}
	}
	b.traffic.Store(&found)
}

// showTraffic tells the rooms of events that a site has taken, by room.
func (b *Bus) showTraffic(site string, events map[string]int) {
	fields := b.traffic.Load()
	if fields == nil || len(*fields) == 0 {
		return
	}
	for name, n := range events {
		r := b.loadedRoom(name)
		if r == nil {
			continue
		}
		r.mu.Lock()
		for _, t := range *fields {
			if p := r.parts[t.feature]; p != nil && !r.closed {
				b.show(p, t.field, shownValue{key: site, count: n})
			}
		}
		r.mu.Unlock()
	}
}
