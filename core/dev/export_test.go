package dev

import (
	"context"
	"time"

	"github.com/global-presence/presence/plugins"
)

// How much the journal keeps.
const (
	MaxEvents      = maxEvents
	MaxRenders     = maxRenders
	MaxRenderBytes = maxRenderBytes
	MaxLines       = maxLines
	MaxRooms       = maxRooms
)

// Journal is a journal for tests.
type Journal struct{ *journal }

// NewJournal returns an empty one.
func NewJournal() Journal { return Journal{newJournal("test")} }

// Since returns what has changed after a change, and the number of the last one.
func (j Journal) Since(at uint64) (Update, uint64) {
	u, now, _ := j.since(at)
	return u, now
}

// Changed returns a channel that is closed at the next change.
func (j Journal) Changed() <-chan struct{} {
	_, _, next := j.since(0)
	return next
}

// Size is how many bytes the renders take.
func (j Journal) Size() (n int) {
	for _, r := range j.renders {
		n += r.size()
	}
	return n
}

// Log writes a line of the log into the journal, if it is about the feature.
func (j Journal) Log(feature, line string) {
	_, _ = lines{journal: j.journal, mark: " feature=" + feature + " "}.Write([]byte(line)) // it never fails
}

// Record returns c with what goes through it noted in the journal.
func (j Journal) Record(c plugins.Carrier, m plugins.Manifest) plugins.Carrier {
	r := newRecorder(j.journal)
	r.carrier = c
	r.is(m)
	return r
}

// AwaitChange is awaitChange from what is in the folder now; looked is called once that
// is known.
func AwaitChange(ctx context.Context, dir string, every time.Duration, looked func()) {
	before := lookAt(dir)
	looked()
	awaitChange(ctx, nil, dir, before, every)
}

// LookAt returns the names of the files that are looked at.
func LookAt(dir string) []string {
	var names []string
	for name := range lookAt(dir) {
		names = append(names, name)
	}
	return names
}

// BuildFolder builds what is in a folder, and returns the hash of the program.
func BuildFolder(ctx context.Context, cfg Config, out string) (digest string, args []string, err error) {
	p, err := (&builder{cfg: cfg, out: out}).build(ctx)
	return p.digest, append([]string{p.command.Path}, p.command.Args...), err
}
