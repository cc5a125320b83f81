package wan

import "time"

// CutOff cuts all links of a site, in both directions, until Rejoin.
func (p *Planet) CutOff(site string) { p.setOff(site, true) }

// Rejoin undoes CutOff. Links that Cut has cut, or that lead to another site that is
// cut off, stay as they are.
func (p *Planet) Rejoin(site string) { p.setOff(site, false) }

func (p *Planet) setOff(site string, off bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.stores[site]; s != nil {
		s.off = off
		p.tend()
	}
}

// Cut cuts the links between two sites, in both directions, until Heal.
func (p *Planet) Cut(a, b string) { p.setCut(a, b, true) }

// Heal undoes Cut.
func (p *Planet) Heal(a, b string) { p.setCut(a, b, false) }

func (p *Planet) setCut(a, b string, cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.links {
		if f, t := l.from.site.Name, l.to.site.Name; f == a && t == b || f == b && t == a {
			l.cut = cut
		}
	}
	p.tend()
}

// Restart kills the server of a site, which comes back after a time: with its own
// keys, or with none if it lost its disk. The others' keys are copied again.
func (p *Planet) Restart(site string, keepDisk bool, down time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.stores[site]; s != nil {
		s.kill(keepDisk, time.Now().Add(down))
		p.tend()
	}
}

// tend has the links notice now what has changed; p.mu is held.
func (p *Planet) tend() {
	now := time.Now()
	for _, l := range p.links {
		l.tend(now)
	}
	p.changed()
}

// Links returns all links, in the order of Config.Sites: by sender, then by receiver.
func (p *Planet) Links() []Link {
	p.mu.Lock()
	defer p.mu.Unlock()
	links := make([]Link, len(p.links))
	for i, l := range p.links {
		links[i] = Link{
			From: l.from.site.Name, To: l.to.site.Name, Delay: l.delay,
			Cut: !l.whole(), Syncing: l.phase != live && l.whole(), Waiting: l.waiting(),
		}
	}
	return links
}
