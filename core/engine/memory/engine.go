package memory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
)

// Config sets up an Engine. The zero value works and keeps nothing on disk.
type Config struct {
	// Site is the name of the one site there is: lower-case letters, digits and
	// hyphens, starting with a letter, at most 32 characters. Default "dev".
	Site string

	// File is where log and state are kept; it is made if it does not exist, in a
	// folder that does. One process uses it at a time. It holds the secret, so
	// only its owner may read it: Open takes wider permissions away and warns.
	// Default "": nowhere.
	File string

	// LogEntries is how many entries the log holds before the oldest goes. A board's
	// past is read from it. Default 262,144.
	LogEntries int

	// LogBytes is how many bytes the entries of the log may take in memory, about,
	// before the oldest goes. Default 64 MiB.
	LogBytes int

	// Now is the clock. Default time.Now.
	Now func() time.Time

	// Logger takes changes of life and what a person has to act on. Default:
	// discarded.
	Logger *slog.Logger

	// Registerer takes the metrics that engine.CommitConfig describes. Default:
	// none are kept.
	Registerer prometheus.Registerer
}

// Engine is an engine.Engine in one process. Beyond the interface:
//
//   - Tail may be called before Run. When Run has ended, Tail delivers what is
//     there and returns engine.ErrUnavailable.
//   - What Tail delivers is shared by all Tails and must not be changed.
type Engine struct {
	cfg       Config
	log       *slog.Logger
	committer *engine.Committer
	file      *file // nil without a file
	secret    []byte

	followers engine.Followers

	started, running atomic.Bool
	ended            chan struct{} // closed when Run ends

	// writing is held by whoever changes anything, from before the transaction of
	// the file until memory has followed. It is taken before mu.
	writing sync.Mutex
	closed  bool       // guarded by writing
	stale   []state.ID // entries of the file that the log has dropped; guarded by writing

	mu      sync.RWMutex  // guards the rest; to change it needs writing too
	state   site          // what the log adds up to
	ring    ring          // the log
	last    state.ID      // the newest id given
	failure error         // why the file took no write the last time, or nil
	grown   chan struct{} // closed when the log grows and awaited is set

	awaited atomic.Bool // a Tail waits for grown
}

var _ engine.Engine = (*Engine)(nil)

// Open returns an engine with the state that File holds. The caller closes it.
func Open(cfg Config) (*Engine, error) {
	if cfg.Site == "" {
		cfg.Site = "dev"
	}
	if cfg.LogEntries == 0 {
		cfg.LogEntries = 1 << 18
	}
	if cfg.LogBytes == 0 {
		cfg.LogBytes = 64 << 20
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}

	e := &Engine{
		cfg:   cfg,
		log:   cfg.Logger.With(slog.String("part", "engine"), slog.String("site", cfg.Site)),
		ended: make(chan struct{}),
		state: newSite(),
		ring:  newRing(cfg.LogEntries, cfg.LogBytes),
		grown: make(chan struct{}),
	}
	commit := engine.CommitConfig{Registerer: cfg.Registerer}
	if cfg.File != "" {
		commit.Durable = durable
	}
	e.committer = engine.NewCommitter(e.write, commit)
	if cfg.File == "" {
		e.secret = newSecret()
		return e, nil
	}
	if err := e.load(); err != nil {
		return nil, err
	}
	return e, nil
}

func (cfg Config) check() error {
	var errs []error
	if err := engine.CheckSite(cfg.Site); err != nil {
		errs = append(errs, err)
	}
	if cfg.LogEntries < 0 {
		errs = append(errs, fmt.Errorf("log of %d entries: want at least 1", cfg.LogEntries))
	}
	if cfg.LogBytes < 0 {
		errs = append(errs, fmt.Errorf("log of %d bytes: want at least 1", cfg.LogBytes))
	}
	return errors.Join(errs...)
}

// load opens the file and takes over what it holds.
func (e *Engine) load() error {
	f, kept, err := openFile(e.cfg.File, e.cfg.Site)
	if err != nil {
		return err
	}
	e.file, e.secret = f, kept.secret
	for _, c := range kept.cells {
		e.state.restore(c)
	}
	e.state.sortLists()
	for at, row := range kept.rows {
		e.state.setTileRow(at, row)
	}
	for _, entry := range kept.entries {
		e.stale = append(e.stale, e.ring.push(slot{entry: entry, size: entrySize(entry), filed: true})...)
	}
	if kept.trimmed.Compare(e.ring.trimmed) > 0 {
		e.ring.trimmed = kept.trimmed
	}
	e.last = kept.last
	if kept.wide != 0 {
		opened := []slog.Attr{slog.String("file", e.cfg.File), slog.String("mode", kept.wide.String())}
		if kept.wideErr != nil {
			opened = append(opened, slog.Any("err", kept.wideErr))
		}
		e.log.LogAttrs(context.Background(), slog.LevelWarn, "others could read the state file and the secret in it; now only its owner can", opened...)
	}
	e.log.Info("opened state file", slog.String("file", e.cfg.File),
		slog.Int("cells", len(kept.cells)), slog.Int("entries", len(kept.entries)), slog.String("last", kept.last.String()))
	return nil
}

// Close gives the file back.
func (e *Engine) Close() error {
	e.writing.Lock()
	defer e.writing.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	if e.file == nil {
		return nil
	}
	return e.file.close(e.last)
}

// Site returns Config.Site.
func (e *Engine) Site() string { return e.cfg.Site }

// Secret returns 32 random bytes that are made once and kept in the file, or made
// for this process without one. They sign cookies.
func (e *Engine) Secret() ([]byte, error) { return slices.Clone(e.secret), nil }

func newSecret() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

// Run takes appends until ctx ends and returns nil. It runs once.
func (e *Engine) Run(ctx context.Context) error {
	if e.started.Swap(true) {
		return errors.New("run memory engine: it ran before")
	}
	defer close(e.ended)
	e.running.Store(true)
	defer e.running.Store(false)

	var housekeeping sync.WaitGroup
	defer housekeeping.Wait()
	housekeeping.Go(func() { e.keep(ctx) })
	return e.committer.Run(ctx)
}

// Ready returns nil while the engine runs and its file takes writes.
func (e *Engine) Ready() error {
	if !e.running.Load() {
		return fmt.Errorf("%w: memory engine is not running", engine.ErrUnavailable)
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.failure
}

// Append adds b to the log and the state as engine.Committer.Append says.
func (e *Engine) Append(ctx context.Context, b engine.Batch) (state.ID, error) {
	return e.committer.Append(ctx, b)
}

// Signal hands cells to those who follow Signals in this process. It works without Run.
func (e *Engine) Signal(ctx context.Context, cells []state.Cell) error {
	if err := engine.CheckSignals(cells); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	e.followers.Send(e.cfg.Site, cells)
	return nil
}

// Signals is as engine.Engine says.
func (e *Engine) Signals(ctx context.Context, deliver func(site string, cells []state.Cell)) error {
	return e.followers.Follow(ctx, deliver)
}

// Load returns a copy of what the state holds of room.
func (e *Engine) Load(ctx context.Context, room string) ([]state.Cell, engine.Positions, error) {
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.state.cells(room, e.cfg.Site), engine.Positions{e.cfg.Site: e.last}, nil
}
