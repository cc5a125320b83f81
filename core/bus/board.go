package bus

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// maxDelta is how many cells one message tells a page of. Beyond it the page loads the
// whole board, which then takes less.
const maxDelta = 1 << 14

// boardFrames are the messages about the board of a part. It is guarded by room.mu.
type boardFrames struct {
	version uint64 // counts messages
	pending []state.Painted
	sent    time.Time
	timer   *time.Timer // set while a message waits for its moment
	placed  time.Time   // when pages were told their position

	// answers are what pages at a position lack, which many ask for at once after a
	// restart; of this version, and nothing is pending.
	answers  map[string]dom.Operation
	answered int // bytes of them, about
}

// placeEvery is how often pages are told at which position they are, so that after a
// lost connection they ask for little.
const placeEvery = 10 * time.Second

// maxAnswered is how many bytes of answers to syncs are kept.
const maxAnswered = 256 << 10

// maxNewer is how many cells the answer to a sync tells. A snapshot may be some seconds
// old.
const maxNewer = 1 << 15

// ErrNoBoard reports that a feature has no board.
var ErrNoBoard = errors.New("no such board")

// Board is a board as it is in one region at one moment.
type Board struct {
	// Field is its declaration: size and palette.
	Field plugins.Field

	// Colours are places in the palette, one byte a cell, row by row.
	Colours []byte

	// Position says up to where the sites' logs are in it, "site:ms-seq" for each site
	// that has painted, with commas between. Later paints may be in it, too.
	Position string

	// Paints counts the cells that were painted over, in this process: how far two
	// moments of the board are apart at most. When its room was loaded anew it counts on
	// from far beyond.
	Paints uint64

	// Painted is when it was painted last, zero if never.
	Painted time.Time
}

// boardField returns the Grid field of a feature.
func (b *Bus) boardField(feature string) (plugins.Field, error) {
	if f := b.feature(feature); f != nil {
		m, _ := f.manifest()
		for _, field := range m.State {
			if field.Kind == plugins.Grid {
				return field, nil
			}
		}
	}
	return plugins.Field{}, fmt.Errorf("feature %q: %w", feature, ErrNoBoard)
}

// withBoard calls read with the board of a feature in a room, whose lock is held.
func (b *Bus) withBoard(ctx context.Context, name, feature string, read func(r *room, g *state.Grid)) error {
	if err := state.CheckRoom(name); err != nil {
		return err
	}
	if _, err := b.boardField(feature); err != nil {
		return err
	}
	r := b.enter(name)
	defer r.mu.Unlock()
	if err := b.awaitLoad(ctx, r); err != nil {
		return err
	}
	if p := r.parts[feature]; p == nil {
		return fmt.Errorf("feature %q: %w", feature, ErrNoBoard)
	} else if err := b.awaitPart(ctx, p); err != nil {
		return err
	}
	g := r.state.Grid(feature)
	if g == nil {
		return fmt.Errorf("feature %q: %w", feature, ErrNoBoard)
	}
	read(r, g)
	return nil
}

// Board returns a feature's board in a room. It takes a few milliseconds for a large
// one: whoever serves many asks once a while. Its error wraps ErrNoBoard, or says why
// the room cannot be had.
func (b *Bus) Board(ctx context.Context, name, feature string) (Board, error) {
	var board Board
	err := b.withBoard(ctx, name, feature, func(r *room, g *state.Grid) {
		board = Board{
			Field: g.Field(), Colours: g.Colours(), Position: b.claim(r, g),
			Paints: r.paints(g), Painted: g.Painted(),
		}
	})
	return board, err
}

// claim returns the position of a board, for a page that is given it; r.mu is held.
func (b *Bus) claim(r *room, g *state.Grid) string {
	at := map[string]state.ID{}
	for _, site := range g.Sites() {
		id, known := b.position(r, site)
		if !known { // its log is gone: the cells are all there is
			id = g.Newest(site)
		}
		at[site] = id
	}
	g.Claim(at)
	if n := g.Epoch(); n > 0 {
		at[epochSite] = state.ID{MS: int64(n)}
	}
	return formatPosition(at)
}

// epochSite is no site: in a position it stands for the epoch of the board, which is
// left out while it is 0.
const epochSite = ""

// paints returns Board.Paints; r.mu is held.
func (r *room) paints(g *state.Grid) uint64 { return r.count<<32 + g.Paints() }

// BoardPaints returns Board.Paints alone, which costs nothing.
func (b *Bus) BoardPaints(ctx context.Context, name, feature string) (uint64, error) {
	var paints uint64
	err := b.withBoard(ctx, name, feature, func(r *room, g *state.Grid) { paints = r.paints(g) })
	return paints, err
}

// boardChanged notes what has changed on a board and sends it: at once if the last
// message is a frame ago, else at the end of the frame. room.mu is held.
func (b *Bus) boardChanged(p *part, cells []state.Painted) {
	f := &p.board
	f.pending = append(f.pending, cells...)
	if f.timer != nil {
		return
	}
	if wait := b.cfg.Frame - time.Since(f.sent); wait > 0 {
		f.timer = time.AfterFunc(wait, func() {
			p.room.mu.Lock()
			defer p.room.mu.Unlock()
			if f.timer != nil {
				f.timer = nil
				b.sendCells(p)
			}
		})
		return
	}
	b.sendCells(p)
}

// sendCells tells the pages what has changed on p's board; room.mu is held. A page
// that opens later asks for what it lacks.
func (b *Bus) sendCells(p *part) {
	f := &p.board
	cells := f.pending
	f.pending, f.answers, f.answered = nil, nil, 0
	f.sent = time.Now()
	from := f.version
	f.version++
	g := p.room.state.Grid(p.feature.name)
	if !p.room.isSeen(p.feature.name) || g == nil {
		return
	}
	members := []dom.Member{dom.Bool("reload", true)}
	if len(cells) <= maxDelta {
		b.metrics.cellsSent.Add(float64(len(cells)))
		members = []dom.Member{dom.Int("from", int64(from)), dom.Int("to", int64(f.version)), dom.Text("cells", packCells(cells))}
		if f.sent.Sub(f.placed) > placeEvery && p.room.loaded {
			f.placed = f.sent
			members = append(members, dom.Text("at", b.claim(p.room, g)))
		}
	}
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	b.broadcast(p, plugins.Audience{}, ops(boardMessage(p, g.Field(), members...)))
}

// reloadBoard has the pages load p's board anew, if it has one; room.mu is held.
func (b *Bus) reloadBoard(p *part) {
	g := p.room.state.Grid(p.feature.name)
	if g == nil {
		return
	}
	p.board.forget()
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	b.broadcast(p, plugins.Audience{}, ops(boardMessage(p, g.Field(), dom.Bool("reload", true))))
}

// newer returns the message that tells a page at a position what it lacks; room.mu is
// held.
func (b *Bus) newer(p *part, g *state.Grid, position string, than map[string]state.ID) dom.Operation {
	f := &p.board
	if answer, known := f.answers[position]; known && len(f.pending) == 0 {
		return answer
	}
	reload := boardMessage(p, g.Field(), dom.Bool("reload", true))
	if uint64(than[epochSite].MS) != g.Epoch() || b.isAhead(p.room, than) {
		return reload
	}
	delete(than, epochSite)
	cells, complete := g.Newer(than, maxNewer)
	if !complete {
		return reload
	}
	packed := packCells(cells)
	answer := boardMessage(p, g.Field(),
		dom.Int("to", int64(f.version)), dom.Text("cells", packed), dom.Text("at", b.claim(p.room, g)))
	if size := 3*len(packed) + len(position); len(f.pending) == 0 && f.answered+size <= maxAnswered {
		if f.answers == nil {
			f.answers = map[string]dom.Operation{}
		}
		f.answers[position] = answer
		f.answered += size
	}
	return answer
}

// maxAhead is how far a page may be ahead of its room: it may come from a binary that has
// read on.
const maxAhead = time.Minute

// isAhead reports whether a page holds what this room will not have soon, such as one of
// before a loss; r.mu is held.
func (b *Bus) isAhead(r *room, than map[string]state.ID) bool {
	for site, id := range than {
		if at, known := b.position(r, site); known && id.Time().Sub(at.Time()) > maxAhead {
			return true
		}
	}
	return false
}

// boardMessage is what the page's element of a board gets.
func boardMessage(p *part, field plugins.Field, members ...dom.Member) dom.Operation {
	return dom.DispatchEvent("#"+p.feature.name+"-"+field.Name, "live:cells", dom.Object(members...))
}

// packCells returns cells as base64 of four bytes each, big-endian: index<<8 | colour.
// Of a cell that comes twice only the last one counts.
//
// The protocol's frames are text. For 1,000 cells this is 5.6 kB, which a browser's
// engine reads in 10 µs; a list of numbers is 9.8 kB and 26 µs, and a binary frame, for
// which the official client has no ear, would be 4.0 kB and 3 µs (Node 20).
func packCells(cells []state.Painted) string {
	b := make([]byte, 0, 4*len(cells))
	for _, c := range cells {
		b = binary.BigEndian.AppendUint32(b, c.Index<<8|uint32(c.Colour))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// forget drops what was to be told of the board before, which pages load anew; room.mu
// is held.
func (f *boardFrames) forget() {
	f.stop()
	f.version++
	f.pending, f.answers, f.answered = nil, nil, 0
}

// stop ends a message that waits; room.mu is held.
func (f *boardFrames) stop() {
	if f.timer != nil {
		f.timer.Stop()
		f.timer = nil
	}
}

// SyncBoards tells a page that shows boards what they lack: positions are those of the
// boards that it has, by the id of their element, "" for one that was never painted.
// reply is called from another goroutine and must not block.
func (b *Bus) SyncBoards(name string, positions map[string]string, reply func(ops ...dom.Operation)) {
	if len(positions) == 0 {
		return
	}
	b.spawn(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, viewTimeout)
		defer cancel()
		for _, f := range b.features() {
			feature := f.name
			field, err := b.boardField(feature)
			position, asked := positions[feature+"-"+field.Name]
			if err != nil || !asked {
				continue
			}
			than, err := parsePosition(position)
			if err != nil {
				continue // no page of ours
			}
			// Of a room that cannot be had the page asks again when it is told that
			// the store is back, or by itself.
			_ = b.withBoard(ctx, name, feature, func(r *room, g *state.Grid) {
				p := r.parts[feature]
				if p == nil {
					return
				}
				answer := b.newer(p, g, position, than)
				// Under the lock, so that no later message overtakes the answer.
				p.out.mu.Lock()
				defer p.out.mu.Unlock()
				reply(answer)
			})
		}
	})
}

// formatPosition returns positions as Board.Position holds them.
func formatPosition(at map[string]state.ID) string {
	var s strings.Builder
	for i, site := range slices.Sorted(maps.Keys(at)) {
		if i > 0 {
			s.WriteByte(',')
		}
		s.WriteString(site + ":" + at[site].String())
	}
	return s.String()
}

// maxPosition is the size in bytes of a position that is read.
const maxPosition = 16 << 10

// parsePosition reads what formatPosition writes.
func parsePosition(s string) (map[string]state.ID, error) {
	at := map[string]state.ID{}
	if len(s) > maxPosition {
		return nil, fmt.Errorf("position of %d bytes: want at most %d", len(s), maxPosition)
	}
	for len(s) > 0 {
		var one string
		one, s, _ = strings.Cut(s, ",")
		site, id, _ := strings.Cut(one, ":")
		if err := engine.CheckSite(site); err != nil && site != epochSite {
			return nil, fmt.Errorf("position: %w", err)
		}
		var err error
		if at[site], err = state.ParseID(id); err != nil {
			return nil, fmt.Errorf("position: %w", err)
		}
	}
	return at, nil
}
