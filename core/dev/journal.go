package dev

import (
	"slices"
	"sync"
	"time"
)

// How much the journal keeps. The bytes are those of the fragments' HTML and patches.
const (
	maxEvents      = 100
	maxRenders     = 40
	maxRenderBytes = 2 << 20
	maxLines       = 200
	maxRooms       = 50
)

// Update is what has changed since an earlier one, as the page gets it. The first one
// of a stream is whole.
type Update struct {
	// Start names this run of the program.
	Start string `json:"start"`

	// Whole says that what was known before counts no more.
	Whole bool `json:"whole,omitempty"`

	Build    *Build    `json:"build,omitempty"`
	Manifest *Manifest `json:"manifest,omitempty"`

	// Events, Renders and Lines are new, oldest first; Rooms are as they are now.
	Events  []Event  `json:"events,omitempty"`
	Renders []Render `json:"renders,omitempty"`
	Rooms   []Room   `json:"rooms,omitempty"`
	Lines   []Line   `json:"lines,omitempty"`
}

// Build says how the last change of the files fared.
type Build struct {
	// State is "building", "live", or "failed".
	State string `json:"state"`

	// Sentence says it in words; Output is what the compiler, or the program that did
	// not start, said.
	Sentence string `json:"sentence"`
	Output   string `json:"output,omitempty"`

	// Running says that a version of the feature is live, if not this one.
	Running bool `json:"running"`

	// Port is that of the region, "" before there is one.
	Port string `json:"port,omitempty"`

	At time.Time `json:"at"`
}

// Line is one line of the log that is about the feature.
type Line struct {
	N    uint64    `json:"n"`
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// journal keeps what the page shows.
type journal struct {
	start string

	mu         sync.Mutex // guards the rest
	seq        uint64     // of the last change
	build      Build
	buildAt    uint64 // the value of seq when build was set
	manifest   *Manifest
	manifestAt uint64
	clearedAt  uint64 // when the last feature went
	events     []Event
	renders    []Render
	lines      []Line
	rooms      map[string]Room
	changed    chan struct{} // closed at the next change
}

func newJournal(start string) *journal {
	return &journal{start: start, rooms: map[string]Room{}, changed: make(chan struct{})}
}

// change makes a change and wakes whoever waits for one. fn gets its number.
func (j *journal) change(fn func(n uint64)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seq++
	fn(j.seq)
	close(j.changed)
	j.changed = make(chan struct{})
}

func (j *journal) setBuild(b Build) {
	j.change(func(n uint64) { j.build, j.buildAt = b, n })
}

// setManifest says what the feature is now. Of another feature nothing is kept.
func (j *journal) setManifest(m Manifest) {
	j.change(func(n uint64) {
		if j.manifest != nil && j.manifest.Name != m.Name {
			j.events, j.renders, j.rooms, j.clearedAt = nil, nil, map[string]Room{}, n
		}
		j.manifest, j.manifestAt = &m, n
	})
}

func (j *journal) addEvents(events []Event) {
	for _, e := range events {
		j.change(func(n uint64) {
			e.N = n
			j.events = append(j.events, e)
			j.events = slices.Delete(j.events, 0, max(0, len(j.events)-maxEvents))
		})
	}
}

func (j *journal) addRender(r Render) {
	j.change(func(n uint64) {
		r.N = n
		j.renders = append(j.renders, r)
		size, keep := 0, 0 // from the newest on; that one stays in any case
		for _, r := range slices.Backward(j.renders) {
			if size += r.size(); keep > 0 && (size > maxRenderBytes || keep == maxRenders) {
				break
			}
			keep++
		}
		j.renders = slices.Delete(j.renders, 0, len(j.renders)-keep)
	})
}

func (j *journal) setRoom(r Room) {
	j.change(func(n uint64) {
		r.N = n
		j.rooms[r.Name] = r
		if len(j.rooms) > maxRooms {
			oldest := r
			for _, other := range j.rooms {
				if other.N < oldest.N {
					oldest = other
				}
			}
			delete(j.rooms, oldest.Name)
		}
	})
}

func (j *journal) addLine(l Line) {
	j.change(func(n uint64) {
		l.N = n
		j.lines = append(j.lines, l)
		j.lines = slices.Delete(j.lines, 0, max(0, len(j.lines)-maxLines))
	})
}

// since returns what has changed after the change number at, 0 for all there is, the
// number of the last change, and a channel that is closed at the next one.
func (j *journal) since(at uint64) (u Update, now uint64, next <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	u = Update{Start: j.start}
	if at == 0 || j.clearedAt > at {
		u.Whole, at = true, 0
	}
	if j.buildAt > at {
		u.Build = new(j.build)
	}
	if j.manifestAt > at {
		u.Manifest = j.manifest
	}
	u.Events = after(j.events, at, func(e Event) uint64 { return e.N })
	u.Renders = after(j.renders, at, func(r Render) uint64 { return r.N })
	u.Lines = after(j.lines, at, func(l Line) uint64 { return l.N })
	for _, r := range j.rooms {
		if r.N > at {
			u.Rooms = append(u.Rooms, r)
		}
	}
	slices.SortFunc(u.Rooms, func(a, b Room) int { return int(a.N) - int(b.N) })
	return u, j.seq, j.changed
}

// after returns a copy of the elements of all, in the order of their numbers, with
// numbers above at.
func after[T any](all []T, at uint64, number func(T) uint64) []T {
	i := slices.IndexFunc(all, func(v T) bool { return number(v) > at })
	if i < 0 {
		return nil
	}
	return slices.Clone(all[i:])
}
