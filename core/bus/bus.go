// Package bus joins what people do, what is kept and what people see:
//
//	event → feature.Handle → mutations → engine (this site's log)
//	every site's log → state → feature.Render → fragments → broadcast
//
// The two ways meet only in the log: what happens here takes the same way back as
// what happens in another region.
//
// # Promises
//
//   - An event is answered [OK] after the engine has taken its mutations, never
//     before; values of Volatile fields, of which nothing is kept, are still on their
//     way then. An event whose id was seen in the last ten minutes, in any region
//     whose log has reached this one, is answered without running again.
//   - The events of one session to one feature are handled in the order in which
//     they came. One of which only the newest counts takes the place of the older one
//     that waits.
//   - A change is rendered at most once a frame for each (room, feature), the first
//     one at once, and only where somebody looks.
//   - What is broadcast of one fragment is in order: an older rendering never
//     follows a newer one, nor does the answer to a sync.
//   - Pages are told when the store goes away and when it is back, so that they send
//     then what they kept.
//   - Features are added, replaced and removed while people look, who see that without
//     loading the page again. The others do not notice.
//   - A feature that fails, hangs or answers nonsense costs its own corner of the
//     page and nothing else.
//
// # Shutdown
//
// [Bus.Run] ends when its context does: events that wait are answered
// [Unavailable], members whose sockets this binary held are taken out of their
// rooms, and every goroutine it started has ended.
package bus

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// Broadcaster brings a message to browsers.
type Broadcaster interface {
	// Broadcast sends a CableReady message of a feature, or of the host if that is "",
	// to every session of room that a names. A message makes those before it of the same
	// key, to the same room, feature and audience, worthless: who has not been sent them
	// yet may go without. "" is no key. Broadcast never waits for a browser or for the
	// bus, and may be called under a lock.
	Broadcast(room, feature string, a plugins.Audience, key string, message []byte)
}

// Config sets up a Bus. Engine and Broadcaster are required.
type Config struct {
	Engine      engine.Engine
	Broadcaster Broadcaster

	// Features are the features in the order in which they stand on the page. Ready waits
	// for them, and not for those that are added later.
	Features []Feature

	// Region is the code of the region that this binary serves.
	Region string

	// Corner returns the HTML of a whole section, as pages have it: its one root has the
	// feature's name as its id. Default: none, and pages that are open when a feature is
	// added ask people to load them again.
	Corner func(s Section) string

	// Version is told to other binaries in beats.
	Version string

	// Frame is the least time between two renders of one (room, feature). Default
	// 16 ms, one frame of a 60 Hz screen.
	Frame time.Duration

	// Beat is how often this binary says that it is alive; three missed beats end
	// its leases. Default 1 s.
	Beat time.Duration

	// RoomIdle is how long a room that nobody looks at stays loaded. Default 1
	// minute. MaxIdleRooms is how many of those may be loaded. Default 1,000.
	RoomIdle     time.Duration
	MaxIdleRooms int

	// Logger defaults to discarding. Registerer, if set, gets the metrics.
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Feature is a feature of the page and what runs it.
type Feature struct {
	Name    string
	Carrier plugins.Carrier
}

// Bus is the heart of one binary. All methods may be called at once; they work
// while Run does.
type Bus struct {
	cfg     Config
	binary  string
	metrics *metrics
	seen    *seen
	rates   *rates
	leases  *leases
	pings   *pings
	sites   *sites
	applied *progress
	store   storeLine

	unloaded complaint // of rooms

	unwritten time.Time     // since when presence has not been written; of writePresence
	beats     int           // that were written; of writePresence
	hurry     chan struct{} // holds a token when a beat that the store has not taken is to be tried again
	reloads   chan struct{} // has a token for each room that is loaded again

	set   atomic.Pointer[set] // stored under mu and changing
	style style

	mu     sync.Mutex
	rooms  map[string]*room
	schema state.Schema // of the features that came up so far

	// changing is held while features change, so that an older schema is never
	// installed after a newer one. It is taken before all other locks.
	changing sync.Mutex

	// leasing is held from a change of the leases or the sites until every room knows
	// it. It is taken before all other locks.
	leasing sync.Mutex

	dead map[string]time.Time // binaries whose members were told to have left, and when; guarded by leasing

	early     map[string]engine.Delivery // the newest beat of each binary, until hearSelf, then nil; guarded by leasing
	heardSelf chan struct{}              // closed by hearSelf

	caughtUp atomic.Bool // the logs have been read to where they were at the start
	unheard  sync.Once   // told that watched keys cannot be had

	keyEvents atomic.Uint64 // counts events of watched keys, for their ids

	joins *joins

	outgoing    *outgoing
	unsignalled complaint
	traces      *traces
	traffic     atomic.Pointer[[]traffic]
	reading     chan struct{} // has a token while the logs are read for a replay
	restoring   chan struct{} // and one while they are for a board that is restored
	counts      atomic.Uint64 // states of rooms that there were
	replays     atomic.Int32  // that are asked for

	run struct {
		sync.Mutex
		ctx context.Context // nil before and after Run
		wg  sync.WaitGroup
	}
}

// New returns a bus for cfg.
func New(cfg Config) (*Bus, error) {
	cfg.Frame = cmp.Or(cfg.Frame, 16*time.Millisecond)
	cfg.Beat = cmp.Or(cfg.Beat, time.Second)
	cfg.RoomIdle = cmp.Or(cfg.RoomIdle, time.Minute)
	cfg.MaxIdleRooms = cmp.Or(cfg.MaxIdleRooms, 1000)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Bus{
		cfg:      cfg,
		binary:   cfg.Region + "-" + strings.ToLower(rand.Text()[:12]),
		seen:     newSeen(10 * time.Minute),
		rates:    newRates(),
		applied:  newProgress(),
		rooms:    map[string]*room{},
		schema:   state.Schema{},
		joins:    newJoins(),
		outgoing: newOutgoing(),
		traces:   newTraces(),
		reading:  make(chan struct{}, 1), restoring: make(chan struct{}, 1),
		pings: newPings(tellEvery * cfg.Beat),
		hurry: make(chan struct{}, 1),
		early: map[string]engine.Delivery{},
		dead:  map[string]time.Time{},

		heardSelf: make(chan struct{}),
		reloads:   make(chan struct{}, maxReloads),
	}
	b.leases = newLeases(b.binary, cfg.Engine.Site(), cfg.Region, cfg.Beat)
	b.sites = newSites(cfg.Engine.Site(), cfg.Region, leaseBeats*cfg.Beat)
	b.metrics = newMetrics(cfg.Registerer, b)
	all := &set{byName: map[string]*feature{}, gone: map[string]bool{}}
	for _, f := range cfg.Features {
		if all.byName[f.Name] != nil {
			return nil, fmt.Errorf("feature %q: named twice", f.Name)
		}
		own := newFeature(f)
		own.required = true
		all = all.with(own)
	}
	b.set.Store(all)
	return b, nil
}

// Run works until ctx ends.
func (b *Bus) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	b.run.Lock()
	b.run.ctx = ctx
	b.run.Unlock()
	defer func() {
		cancel()
		b.run.Lock()
		b.run.ctx = nil
		b.run.Unlock()
		b.run.wg.Wait()
		b.stopRooms()
		b.leaveAll()
	}()

	for _, f := range b.features() {
		b.begin(f)
	}
	b.spawn(b.catchUp)
	b.spawn(b.keepPresence)
	b.spawn(b.signal)
	b.spawn(b.follow)
	b.spawn(b.watchStore)
	b.spawn(b.sweep)
	return b.tail(ctx)
}

// spawn runs fn in a goroutine that Run waits for, with a context that ends with
// Run. It reports false when the bus does not run.
func (b *Bus) spawn(fn func(ctx context.Context)) bool {
	b.run.Lock()
	defer b.run.Unlock()
	if b.run.ctx == nil {
		return false
	}
	ctx := b.run.ctx
	b.run.wg.Go(func() { fn(ctx) })
	return true
}

// Ready returns nil when events are taken: the engine is ready and every feature of
// Config that was not removed has come up at least once. Otherwise the error says what is missing.
func (b *Bus) Ready() error {
	b.run.Lock()
	running := b.run.ctx != nil
	b.run.Unlock()
	if !running {
		return errStopped
	}
	if err := b.cfg.Engine.Ready(); err != nil {
		return err
	}
	if !b.caughtUp.Load() {
		return errors.New("reading the logs")
	}
	var missing []string
	for _, f := range b.features() {
		if _, known := f.manifest(); f.required && !known {
			missing = append(missing, f.name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("features not up yet: %s", strings.Join(missing, ", "))
	}
	return nil
}

// sweep forgets rooms that nobody looks at and leases that ended.
func (b *Bus) sweep(ctx context.Context) {
	tick := time.NewTicker(b.cfg.Beat / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			b.expireLeases(ctx)
			b.tendRooms()
		}
	}
}

// sleep waits for d and reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// Manifests returns those of the features that came up, in page order.
func (b *Bus) Manifests() []plugins.Manifest {
	var ms []plugins.Manifest
	for _, f := range b.features() {
		if m, ok := f.manifest(); ok {
			ms = append(ms, m)
		}
	}
	return slices.Clip(ms)
}
