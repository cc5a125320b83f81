// Package engine is the contract between the bus and whatever stores and carries
// state: one process's memory, a KeyDB mesh, a simulated planet.
//
// # Model
//
// A site is one store that takes writes. Each site has one append-only log of
// [Entry]s, capped, and the state that its log adds up to: the newest cell of each
// address. A site is the only writer of its own log and state; readers merge what
// all sites say (package state). An engine attaches one binary to one site and
// reads the logs of all.
//
// # Promises
//
//   - Taken is kept: when Append returns nil, the batch is in the log and its
//     cells are in the state, both or neither, and a crash of any process does not
//     undo it (as far as the engine's storage reaches; see each engine).
//   - Stamps rise: the id of an entry is greater than that of every earlier entry
//     of the site, than Batch.After, and not less than the store's clock.
//   - Order: Tail delivers the entries of one site in the order of their ids, each
//     once, without a hole; between sites there is no order. A hole that cannot be
//     avoided, since the log is capped, is delivered as a [Gap].
//   - Way back: what this binary appends comes back through Tail like everything
//     else. There is no second path.
//   - Batches: many Append calls at once share few writes (group commit), and a
//     lone call waits for nothing.
//   - Loading needs no lock: a room that is loaded while entries arrive ends right,
//     since merging is idempotent.
//
// # Not promised
//
// Append that returns an error other than [ErrRefused] may have been taken or not;
// the event ids in the log tell.
package engine

import (
	"context"
	"errors"

	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

var (
	// ErrUnavailable reports that the store cannot be reached or does not take
	// writes now. Trying again later may help.
	ErrUnavailable = errors.New("store unavailable")

	// ErrRefused reports that the batch breaks a rule and was not taken; trying
	// again will not help.
	ErrRefused = errors.New("batch refused")
)

// Engine attaches one binary to its site. All methods may be called at once.
type Engine interface {
	// Site returns the name of the site this binary writes to.
	Site() string

	// Run works until ctx ends and returns after everything it started has
	// ended. Append and Tail work only while it runs; an Append that waits when
	// it ends gets ErrUnavailable.
	Run(ctx context.Context) error

	// Ready returns nil when the engine takes writes, else an error that says
	// what is missing and wraps ErrUnavailable.
	Ready() error

	// Append adds b to this site's log and state and returns the id of the entry
	// it became part of, after the store has taken it. Calls of one goroutine
	// are taken in order.
	Append(ctx context.Context, b Batch) (state.ID, error)

	// Tail calls deliver with what is in the logs after from, then with what
	// arrives, until ctx ends (and returns its cause) or deliver returns an
	// error (and returns that). A site that from has no position for is read from
	// the start of its log. One call has at least one delivery, is never
	// concurrent with another of the same Tail, and holds up only this Tail.
	Tail(ctx context.Context, from Positions, deliver func([]Delivery) error) error

	// Load returns the cells of a room, of all sites, and for each site a
	// position: all entries up to it are contained in the cells, later ones may
	// be.
	//
	// A board comes as tiles, cells of kind Grid with a key ([state.TileCell]).
	Load(ctx context.Context, room string) ([]state.Cell, Positions, error)

	// Past calls deliver with what the logs of the sites that from names hold after
	// these positions, and returns nil where they end. An error of deliver ends it and
	// is returned. It changes nothing and waits for nobody; a gap where entries went
	// before they could be read is told as Tail tells it.
	Past(ctx context.Context, from Positions, deliver func([]Delivery) error) error

	// Signal shows cells of kind Volatile to all who follow Signals now, in every
	// region. Nothing of them is kept, in the log neither: they are lost where a link
	// or a process breaks. Those of one caller come in their order; at most
	// MaxSignals cells and MaxSignalSize bytes at once.
	Signal(ctx context.Context, cells []state.Cell) error

	// Signals calls deliver with what Signal is given in any region, here too, until
	// ctx ends, and returns its cause. deliver is never called twice at once, and while
	// it is slow what comes may be lost.
	Signals(ctx context.Context, deliver func(site string, cells []state.Cell)) error
}

// Nowhere is no room: to load it tells where the logs end, and costs nothing else.
const Nowhere = "\x01"

// Positions says for each site the id of the last entry seen. Given to Tail, the
// position under the empty name holds for the sites that are not named: for those of
// which there is a log. One that comes later is all news, and begins with a gap if its
// first entries are gone.
type Positions map[string]state.ID

// Batch is what one Append writes: the changes of one or more events, together or
// not at all.
type Batch struct {
	// Binary identifies the process that writes, for leases.
	Binary string

	// Events are the ids of the events in it, which the log keeps so that a
	// repeated event is recognised in every region.
	Events []string

	// Changes are applied in order.
	Changes []Change

	// Beat, if set, says that Binary is alive and who it is.
	Beat *Beat

	// After is the highest id that Binary has merged; the entry gets a higher one.
	After state.ID
}

// Change is one change to the site's state.
type Change struct {
	// Cell is what to write; its Stamp is set by the engine. For a Counter,
	// Value is left empty and Delta is added to the site's total. For a List, Key
	// is set by the engine from the stamp. For a Grid, Value is a [state.Patch]. A
	// Volatile one is refused: it is for Signal.
	Cell state.Cell

	// Delta is what to add to a Counter.
	Delta int64

	// Cap is how many items of this List the site keeps.
	Cap int
}

// Beat tells who a binary is. It is written every second; three missed beats end
// the binary's leases.
//
// Beats measure round trips as well, without an entry of their own: a binary
// notes when it appended a beat, another tells in a later beat that it has read it
// and for how long it kept that to itself, and the rest of the time until the
// first one reads this is the way there and back. Only one binary of each site
// answers and is answered, and only some of its beats hold answers and round trips,
// so that most beats are a few bytes.
type Beat struct {
	Region  string `json:"region"`
	Version string `json:"version,omitempty"`

	// Heard are beats of other sites that were read of late, at most one a site.
	Heard []Heard `json:"heard,omitempty"`

	// Pings are the round trips that this binary knows, one a site, ordered by it.
	// A beat without any says nothing of them.
	Pings []Ping `json:"pings,omitempty"`

	// Tells are the features that this binary can tell of watched keys now.
	Tells []string `json:"tells,omitempty"`

	// Leaves says that this is the binary's last beat: it stops in order.
	Leaves bool `json:"leaves,omitempty"`
}

// Heard says that a beat was read.
type Heard struct {
	// Site and ID are where the beat stands: in whose log, and at which
	// [state.ID], as that writes itself.
	Site string `json:"s"`
	ID   string `json:"i"`

	// Held is the time from reading it to appending the beat that says so, in
	// microseconds of the reader's monotonic clock.
	Held int64 `json:"h"`
}

// Ping is the time of a round trip to a site.
type Ping struct {
	Site string `json:"s"`

	// RTT is in microseconds.
	RTT int64 `json:"t"`
}

// Entry is one entry of a site's log.
type Entry struct {
	Site   string   `json:"-"`
	ID     state.ID `json:"-"`
	Binary string   `json:"b,omitempty"`
	Events []string `json:"e,omitempty"`
	Beat   *Beat    `json:"beat,omitempty"`

	// Cells are stamped with ID, Site and their place in the entry. They hold
	// absolute values: a Counter's is the site's new total.
	Cells []state.Cell `json:"c,omitempty"`

	// Restores says that the entry puts back what a store had lost: the cells are
	// those of earlier entries, with their stamps, and so are the events. One that
	// holds nothing asks the other sites to do the same: the store of this one was
	// synced anew, which may have taken newer copies of their keys away.
	Restores bool `json:"-"`
}

// Delivery is what Tail hands over: an entry, or word of a gap.
type Delivery struct {
	Entry

	// Gap says that entries of Site before ID were missed for ever: everything
	// shown of that site must be loaded again. The entry is empty.
	Gap bool
}

// Add returns the change that adds delta to a counter.
func Add(room, feature, field string, delta int64) Change {
	return Change{Cell: state.Cell{Room: room, Feature: feature, Field: field, Kind: plugins.Counter}, Delta: delta}
}
