package site

import (
	"context"
	"errors"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
)

// ErrLost reports that a store no longer holds entries that it had taken: it came
// back with an older copy of itself, or empty.
var ErrLost = errors.New("store has lost entries")

// Store is the store of one site as one binary reaches it: a place that holds the
// logs and states of all sites, takes writes of its own and copies what other
// sites' stores take, in the order in which each took it, late or in one piece
// (a full resync). It keeps no promise about conflicts, and a resync may put an
// older copy of the site's own keys in place of newer ones.
//
// All methods may be called at once, and from before Run until after it. While the
// store cannot be reached they return an error that wraps engine.ErrUnavailable,
// soon: they do not wait for it to come back.
type Store interface {
	// Run keeps what Woken needs until ctx ends and returns nil then. It calls
	// woken with the name of a site whose log has grown, and with "" when any may
	// have grown unseen, such as after a lost connection. A call may come late,
	// be missing or be one too many. signalled gets what Signal was given in any
	// site, that of one caller in order; some may be lost. Neither blocks.
	Run(ctx context.Context, woken func(site string), signalled func(site string, payload []byte)) error

	// Signal hands payload to the Run of every store, this one's too, and keeps
	// nothing of it.
	Signal(ctx context.Context, payload []byte) error

	// Write makes the batch the next entry of the site's log and takes its changes
	// into the site's state, all of it or nothing.
	//
	// The entry's id is the least that is greater than the last one in the log and
	// than Batch.After, and not less than the store's clock. If the last id in
	// the log is less than Write.Last, nothing is written and the error wraps
	// ErrLost. An error that wraps engine.ErrRefused says that it was not taken
	// and never will be; after any other error it may have been taken.
	Write(ctx context.Context, w Write) (Written, error)

	// Restore puts cells of earlier entries, which carry their stamps, back into
	// the site's state where that holds nothing newer (equal ones are written
	// again, so that they are copied again), and makes them and the events one
	// entry of the log whose Restores is set. The id is chosen as Write does;
	// it is greater than every stamp restored.
	Restore(ctx context.Context, r Restore) (Written, error)

	// Read returns for each site in after its entries after that id, oldest
	// first, at most limit a site.
	Read(ctx context.Context, after engine.Positions, limit int) ([]Record, error)

	// Sites returns the names of the sites whose logs the store holds.
	Sites(ctx context.Context) ([]string, error)

	// Load is engine.Engine's.
	Load(ctx context.Context, room string) ([]state.Cell, engine.Positions, error)

	// Health tells how the store is.
	Health(ctx context.Context) (Health, error)
}

// Write is a batch and what the writer knows of the store.
type Write struct {
	engine.Batch

	// Last is the highest id of the site's own log that the writer knows to have
	// been there.
	Last state.ID

	// Totals are cells of Counters of the site, of the addresses that the batch
	// adds to: the newest the writer knows. Where the store holds an older one,
	// the delta is added to these.
	Totals []state.Cell
}

// Restore is what to put back.
type Restore struct {
	// Binary is the writer.
	Binary string

	// After is as in engine.Batch.
	After state.ID

	// Cells are the newest of their addresses that the writer knows, of the own
	// site; for a List items and for a Grid patches, in the order of their stamps. A
	// patch paints only where the site's paint is not newer.
	Cells []state.Cell

	// Events are the ids of the events of earlier entries.
	Events []string
}

// Written tells what a write became.
type Written struct {
	// ID is the entry's id, Prev that of the entry before it in the log.
	ID, Prev state.ID

	// Totals are the values of the Counter changes of the batch, in their order.
	Totals []string
}

// Record is an entry as the log holds it.
type Record struct {
	engine.Entry

	// Prev is the id of the entry that was before it in the site's own log when it
	// was written, zero for the first one. A reader who has not seen Prev has
	// missed something.
	Prev state.ID
}

// Health tells how a store is.
type Health struct {
	// Synced says that the store holds everything that the stores it copies from
	// held when it last began to copy: all links are up, and the first sync over
	// each is done. Missing says in words what it waits for, otherwise.
	Synced  bool
	Missing string

	// Incarnation differs after a restart of the store's server.
	Incarnation string

	// Links differs after any link to or from another store broke, came back or
	// was synced anew.
	Links string

	// Notifies says whether Run's wake-ups are to be had. Without them the logs
	// are read once a second.
	Notifies bool
}
