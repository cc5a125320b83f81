package wan

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"
)

// Config sets up a Planet. Sites is required.
type Config struct {
	// Sites are the sites there are, with unique names.
	Sites []Site

	// Delay is how long a write takes one way between two regions, by their codes.
	// Default Delay of this package.
	Delay func(from, to string) time.Duration

	// Jitter is the share of the delay that a transmission may take longer; the
	// order within a link is kept. Default 0.1; negative: none.
	Jitter float64

	// Backlog is how many writes a link that is cut holds; where there are more, a
	// full resync follows. Default 4096.
	Backlog int

	// Repeat is the chance that a wake-up comes twice and that a transmission is
	// applied twice. LoseWake is the chance that a wake-up does not come. Default 0.
	Repeat, LoseWake float64

	// LateWake is how late a wake-up may be. Default 0: none is.
	LateWake time.Duration

	// WriteTime is how long a write and its answer take at most, and half of it at
	// least; whoever kills a server in that time leaves its writers in doubt.
	// Default 0: no time.
	WriteTime time.Duration

	// ResyncTime is how long the receiver of a full resync takes at most, and half
	// of it at least, from the moment at which the link reads as up until the data
	// is in place. Default 1 s, about what KeyDB was measured to need.
	ResyncTime time.Duration

	// LogEntries is how many entries a site's log holds before the oldest goes.
	// Default 32,768.
	LogEntries int

	// Now is the true clock, which ids and the times of keys are taken from.
	// Transmissions follow the real one. Default time.Now.
	Now func() time.Time

	// Seed is what everything random is drawn from.
	Seed uint64
}

// Site is one place on the planet.
type Site struct {
	// Name is the site's, Region the code of the region it is in.
	Name, Region string

	// Skew is its store's clock minus the true one.
	Skew time.Duration
}

// Link is what is known of the way from one site to another.
type Link struct {
	From, To string

	// Delay is how long a write takes at least.
	Delay time.Duration

	// Cut says that something keeps the two apart: a cut, or a server that is down.
	Cut bool

	// Syncing says that the receiver is being handed what it has missed.
	Syncing bool

	// Waiting is how many writes are on their way or held. Beats are not counted.
	Waiting int
}

// Planet is a set of sites. All methods may be called at once.
type Planet struct {
	cfg    Config
	stores map[string]*Store
	order  []*Store
	links  []*link
	wakeup chan struct{} // holds a token when Run has something to look at

	mu sync.Mutex // guards all stores and links
}

// New returns a planet on which nothing has happened. Nothing arrives before Run.
func New(cfg Config) (*Planet, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	p := &Planet{cfg: cfg, stores: map[string]*Store{}, wakeup: make(chan struct{}, 1)}
	for _, s := range cfg.Sites {
		store := &Store{
			planet: p, site: s, random: cfg.source("store", s.Name),
			data: newDataset(), watchers: map[*watcher]struct{}{},
		}
		p.stores[s.Name] = store
		p.order = append(p.order, store)
	}
	for _, from := range p.order {
		for _, to := range p.order {
			if from == to {
				continue
			}
			l := &link{
				planet: p, from: from, to: to, phase: live,
				delay:  cfg.Delay(from.site.Region, to.site.Region),
				random: cfg.source("link", from.site.Name, to.site.Name),
			}
			p.links = append(p.links, l)
			from.out, to.in = append(from.out, l), append(to.in, l)
		}
	}
	return p, nil
}

func (cfg *Config) complete() error {
	var errs []error
	if len(cfg.Sites) == 0 {
		errs = append(errs, errors.New("sites: want at least one"))
	}
	seen := map[string]bool{}
	for i, s := range cfg.Sites {
		switch {
		case s.Name == "":
			errs = append(errs, fmt.Errorf("site %d: no name", i))
		case seen[s.Name]:
			errs = append(errs, fmt.Errorf("site %q: named twice", s.Name))
		}
		seen[s.Name] = true
	}
	for _, n := range []struct {
		what     string
		value    *int
		standard int
	}{{"backlog", &cfg.Backlog, 4096}, {"log entries", &cfg.LogEntries, 1 << 15}} {
		if *n.value < 0 {
			errs = append(errs, fmt.Errorf("%s of %d: want at least 1", n.what, *n.value))
		}
		if *n.value == 0 {
			*n.value = n.standard
		}
	}
	for what, d := range map[string]time.Duration{"late wake": cfg.LateWake, "write time": cfg.WriteTime, "resync time": cfg.ResyncTime} {
		if d < 0 {
			errs = append(errs, fmt.Errorf("%s of %v: want no negative time", what, d))
		}
	}
	for what, chance := range map[string]float64{"repeat": cfg.Repeat, "lose wake": cfg.LoseWake} {
		if chance < 0 || chance > 1 {
			errs = append(errs, fmt.Errorf("%s of %v: want 0 to 1", what, chance))
		}
	}
	if cfg.Jitter == 0 {
		cfg.Jitter = 0.1
	}
	cfg.Jitter = max(0, cfg.Jitter)
	if cfg.ResyncTime == 0 {
		cfg.ResyncTime = time.Second
	}
	if cfg.Delay == nil {
		cfg.Delay = Delay
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return errors.Join(errs...)
}

// source returns the randomness of one part of the planet.
func (cfg *Config) source(names ...string) *rand.Rand {
	h := fnv.New64a()
	for _, name := range names {
		_, _ = h.Write([]byte(name + "\x00")) // never fails
	}
	return rand.New(rand.NewPCG(cfg.Seed, h.Sum64()))
}

// share draws a part of d, from none to all of it.
func share(r *rand.Rand, d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(r.Int64N(int64(d) + 1))
}

// Store returns the store of a site, or nil if there is none of that name.
func (p *Planet) Store(site string) *Store { return p.stores[site] }

// Run carries what is written from site to site until ctx ends and returns nil.
func (p *Planet) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		p.mu.Lock()
		next, any := p.carry(time.Now())
		p.mu.Unlock()
		if any {
			timer.Reset(time.Until(next))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-p.wakeup:
		case <-timer.C:
		}
	}
}

// carry does all that is due and returns when there is more to do.
func (p *Planet) carry(now time.Time) (next time.Time, any bool) {
	sooner := func(at time.Time) {
		if !any || at.Before(next) {
			next, any = at, true
		}
	}
	for _, s := range p.order {
		if s.down && !now.Before(s.back) {
			s.start()
		}
		if s.down {
			sooner(s.back)
		}
	}
	for _, l := range p.links {
		l.tend(now)
		if at, ok := l.next(); ok {
			sooner(at)
		}
	}
	for _, s := range p.order {
		s.ringDue(now)
		for _, w := range s.wakes {
			sooner(w.at)
		}
	}
	return next, any
}

// changed has Run look again.
func (p *Planet) changed() {
	select {
	case p.wakeup <- struct{}{}:
	default:
	}
}
