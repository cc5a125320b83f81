package converge

import (
	"cmp"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/global-presence/presence/core/engine/site"
)

// Config sets up a Run. World is needed.
type Config struct {
	World World

	// Seed is what people do and when is drawn from.
	Seed uint64

	// Faults are promises that the engines do not keep.
	Faults site.Faults

	// Pass lets time go by. Default: it waits.
	Pass func(d time.Duration)

	// Still says that nobody acts but the test.
	Still bool

	// Struck is for how long bad things happen, and Pause the longest time from one
	// to the next. Default 25 s and 2.5 s.
	Struck, Pause time.Duration

	// After is for how long people go on when all is well again: longer than engines
	// take care of what a resync may have taken, so that the last of what people do
	// has nothing but the ordinary way. Default 15 s.
	After time.Duration

	// Calm is how long what was done may take to come to everybody. Default 10 s.
	Calm time.Duration

	// Late is how much longer than Calm that may take until it is complained of.
	// Where machines may be slow it costs nothing to be generous. Default 0.
	Late time.Duration

	// Patience is how long it may take after healing until all regions take writes.
	// Default a minute.
	Patience time.Duration

	// Logger takes what the engines say. Default: discarded.
	Logger *slog.Logger
}

// Run is a binary in each region of a world, and what people were told.
type Run struct {
	cfg     Config
	world   World
	names   []string
	began   time.Time
	regions map[string]*Region
	boots   int
	quiet   atomic.Bool // people have stopped

	mu         sync.Mutex // guards the rest
	complaints []string
	acked      map[string][]string // events, by room
	doubtful   map[string]map[string]bool
	journal    []string // what has happened
}

// New starts a binary in each region. The caller ends them with Stop.
func New(cfg Config) *Run {
	if cfg.Pass == nil {
		cfg.Pass = func(d time.Duration) { <-time.After(d) }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Struck = cmp.Or(cfg.Struck, 25*time.Second)
	cfg.Pause = cmp.Or(cfg.Pause, 2500*time.Millisecond)
	cfg.After = cmp.Or(cfg.After, 15*time.Second)
	cfg.Calm = cmp.Or(cfg.Calm, 10*time.Second)
	cfg.Patience = cmp.Or(cfg.Patience, time.Minute)
	r := &Run{
		cfg: cfg, world: cfg.World, names: cfg.World.Names(), began: time.Now(),
		regions: map[string]*Region{}, acked: map[string][]string{}, doubtful: map[string]map[string]bool{},
	}
	r.quiet.Store(cfg.Still)
	for _, name := range r.names {
		r.Boot(name)
	}
	return r
}

// Boot starts a binary in a region where there is none.
func (r *Run) Boot(name string) {
	r.boots++
	r.regions[name] = boot(r, name, r.boots)
}

// Kill ends the binary of a region.
func (r *Run) Kill(name string) { r.regions[name].kill() }

// Stop ends all binaries.
func (r *Run) Stop() {
	for _, region := range r.regions {
		region.kill()
	}
}

// Region returns the binary of a region. After Boot it is another one.
func (r *Run) Region(name string) *Region { return r.regions[name] }

// Pass lets time go by.
func (r *Run) Pass(d time.Duration) { r.cfg.Pass(d) }

// Note writes into the run's journal.
func (r *Run) Note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.journal = append(r.journal, fmt.Sprintf("%8v  ", time.Since(r.began).Round(time.Millisecond))+fmt.Sprintf(format, args...))
}

// Journal returns what has happened, a line each.
func (r *Run) Journal() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.journal)
}

// Events returns how many events were acknowledged, and of how many nobody knows.
func (r *Run) Events() (acked, doubtful int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, room := range rooms {
		acked += len(r.acked[room])
		doubtful += len(r.doubtful[room])
	}
	return acked, doubtful
}

// Chaos has bad things happen, heals them, and returns what is wrong in the end.
func (r *Run) Chaos(random *rand.Rand) []string {
	for end := time.Now().Add(r.cfg.Struck); time.Now().Before(end); {
		r.Pass(time.Duration(random.Int64N(int64(r.cfg.Pause))))
		r.world.Strike(r, random)
	}
	r.Note("heal for good")
	r.world.Heal()
	if !r.Settle() {
		return r.Complaints()
	}
	r.Pass(r.cfg.After)
	r.Note("people stop")
	r.quiet.Store(true)
	r.Pass(r.cfg.Calm)
	return r.Agree()
}

// Settle waits until all regions show what their stores hold and take writes, and
// reports whether they do.
func (r *Run) Settle() bool {
	for limit := time.Now().Add(r.cfg.Patience); ; r.Pass(100 * time.Millisecond) {
		unsettled := r.unsettled()
		if len(unsettled) == 0 {
			return true
		}
		if time.Now().After(limit) {
			for _, complaint := range unsettled {
				r.complain("%s", complaint)
			}
			return false
		}
	}
}

// unsettled says for each region that has not settled what it waits for. It looks at
// all stores each time: some count as synced when they have looked so for a while.
func (r *Run) unsettled() (all []string) {
	for _, name := range r.names {
		region := r.regions[name]
		ready, missing, empty := region.engine.Ready(), r.world.Missing(name), region.empty.Load()
		if ready != nil || missing != "" || empty > 0 {
			all = append(all, fmt.Sprintf("%s has not settled: %v, its store waits for %q, %d rooms are not loaded", name, ready, missing, empty))
		}
	}
	return all
}

// Agree waits until there is nothing to complain of, for Config.Late at the most, and
// returns what there is.
func (r *Run) Agree() []string {
	for limit := time.Now().Add(r.cfg.Late); ; r.Pass(100 * time.Millisecond) {
		complaints := r.Complaints()
		if len(complaints) == 0 || !time.Now().Before(limit) {
			return complaints
		}
	}
}

// complain notes what is wrong for good.
func (r *Run) complain(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.complaints = append(r.complaints, fmt.Sprintf(format, args...))
}

// account notes what a person was told of an event.
func (r *Run) account(room, id string, acked bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if acked {
		r.acked[room] = append(r.acked[room], id)
		return
	}
	if r.doubtful[room] == nil {
		r.doubtful[room] = map[string]bool{}
	}
	r.doubtful[room][id] = true
}
