package web

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/global-presence/presence/assets"
	"github.com/global-presence/presence/core/board"
	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/region"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// positionHeader tells which moment of a board a snapshot is, as bus.Board.Position.
const positionHeader = "Live-Position"

// boards serves the boards of rooms.
type boards struct {
	bus       Bus
	snapshots *board.Cache
}

func newBoards(b Bus) boards {
	return boards{bus: b, snapshots: board.NewCache(board.Config{})}
}

// boardOf returns the room and the feature that a request names; the feature's name
// ends with end.
func boardOf(c *fiber.Ctx, end string) (room, feature string, err error) {
	room, err = param(c, "room")
	if err != nil || state.CheckRoom(room) != nil {
		return "", "", &mistake{fiber.StatusNotFound, "No room can have that name."}
	}
	feature, isBoard := strings.CutSuffix(strings.Clone(c.Params("feature")), end)
	if !isBoard {
		return "", "", fiber.ErrNotFound
	}
	return room, feature, nil
}

// boardFailure turns an error of the bus into one of a request.
func boardFailure(err error) error {
	switch {
	case errors.Is(err, bus.ErrNoBoard):
		return &mistake{fiber.StatusNotFound, "There is no board of that name here."}
	case errors.Is(err, bus.ErrBusy):
		return &mistake{fiber.StatusTooManyRequests, "Too many ask for that at once. Wait a moment."}
	}
	return &unavailable{err: err, told: true}
}

// snapshot returns a board that is some seconds old at most, or better encoded and older
// for those who are told what has changed since.
func (b *boards) snapshot(ctx context.Context, room, feature string, told bool) (*board.Snapshot, error) {
	get := b.snapshots.Get
	if told {
		get = b.snapshots.GetBest
	}
	return get(ctx, feature+"\x00"+room, board.Source{
		Board: func(ctx context.Context) (board.Board, error) {
			now, err := b.bus.Board(ctx, room, feature)
			if err != nil {
				return board.Board{}, err
			}
			return boardOfBus(now), nil
		},
		Paints: func(ctx context.Context) (uint64, error) { return b.bus.BoardPaints(ctx, room, feature) },
	})
}

// boardFile serves what a page loads of a board: its colours (.bin) or a picture
// (.png?scale=).
func (s *Server) boardFile(c *fiber.Ctx) error {
	if strings.HasSuffix(c.Params("feature"), ".png") {
		return s.boardPicture(c)
	}
	room, feature, err := boardOf(c, ".bin")
	if err != nil {
		return err
	}
	snapshot, err := s.boards.snapshot(c.UserContext(), room, feature, true)
	if err != nil {
		return boardFailure(err)
	}
	c.Set(positionHeader, snapshot.Position)
	c.Set(fiber.HeaderContentType, fiber.MIMEOctetStream)
	if fresh(c, version(snapshot)) {
		return c.SendStatus(fiber.StatusNotModified)
	}
	encoding := accepted(c)
	if encoding != board.Plain {
		c.Set(fiber.HeaderContentEncoding, encoding)
	}
	return c.Send(snapshot.Body(encoding))
}

func (s *Server) boardPicture(c *fiber.Ctx) error {
	room, feature, err := boardOf(c, ".png")
	if err != nil {
		return err
	}
	scale, err := strconv.Atoi(c.Query("scale", "1"))
	if err != nil || scale < 1 || scale > board.MaxScale {
		return &mistake{fiber.StatusBadRequest, "The scale is a whole number from 1 to " + strconv.Itoa(board.MaxScale) + "."}
	}
	if err := s.spend(c, costOfPicture); err != nil {
		return err
	}
	snapshot, err := s.boards.snapshot(c.UserContext(), room, feature, false)
	if err != nil {
		return boardFailure(err)
	}
	body, err := snapshot.PNG(scale)
	if err != nil {
		return &mistake{fiber.StatusBadRequest, "The board is too large for that scale."}
	}
	c.Set(fiber.HeaderContentType, "image/png")
	if fresh(c, version(snapshot)+"@"+strconv.Itoa(scale)) {
		return c.SendStatus(fiber.StatusNotModified)
	}
	return c.Send(body)
}

// What requests count as against their address, in events.
const (
	costOfForm    = 1
	costOfCell    = 1
	costOfPicture = 20
	costOfReplay  = 100
)

// version names a snapshot to caches: its position, how often it was painted, and a hash
// of what it is a board of.
func version(s *board.Snapshot) string {
	h := fnv.New32a()
	fmt.Fprint(h, s.Width, s.Height, s.Palette)
	return fmt.Sprintf("%s+%d.%x", s.Position, s.Paints, h.Sum32())
}

// fresh sets what a cache needs to know and reports whether it has that version. The tag
// is weak: each encoding has other bytes.
func fresh(c *fiber.Ctx, version string) bool {
	tag := strconv.Quote(version)
	c.Set(fiber.HeaderETag, "W/"+tag)
	c.Set(fiber.HeaderCacheControl, "no-cache")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Vary(fiber.HeaderAcceptEncoding)
	return c.Get(fiber.HeaderIfNoneMatch) == "*" || strings.Contains(c.Get(fiber.HeaderIfNoneMatch), tag)
}

// accepted returns the best encoding that a browser takes.
func accepted(c *fiber.Ctx) string {
	for _, encoding := range []string{board.Brotli, board.Gzip} {
		if assets.Accepts(c.Get(fiber.HeaderAcceptEncoding), encoding) {
			return encoding
		}
	}
	return board.Plain
}

// boardCell tells who painted a cell.
func (s *Server) boardCell(c *fiber.Ctx) error {
	room, feature, err := boardOf(c, "")
	if err != nil {
		return err
	}
	x, errX := strconv.Atoi(c.Query("x"))
	y, errY := strconv.Atoi(c.Query("y"))
	if errX != nil || errY != nil || x < 0 || y < 0 {
		return &mistake{fiber.StatusBadRequest, "Name a cell by ?x= and ?y=, counted from 0."}
	}
	if err := s.spend(c, costOfCell); err != nil {
		return err
	}
	cell, err := s.cfg.Bus.BoardCell(c.UserContext(), room, feature, plugins.Point{X: x, Y: y})
	if err != nil {
		return boardFailure(err)
	}
	answer := cellAnswer{Colour: cell.Colour, Painted: cell.Painted, Known: cell.Known, Site: cell.Site}
	if cell.Painted {
		answer.At = cell.At.Format(time.RFC3339)
		answer.Region = string(region.OfSite(cell.Site))
	}
	if cell.By != "" {
		answer.By = plugins.UserNumber(cell.By)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(answer)
}

// cellAnswer is what a page is told of a cell.
type cellAnswer struct {
	Colour  uint8  `json:"colour"`
	Painted bool   `json:"painted"`
	At      string `json:"at,omitempty"`
	Site    string `json:"site,omitempty"`
	Region  string `json:"region,omitempty"`
	By      string `json:"by,omitempty"`
	Known   bool   `json:"known"`
}

// boardReplay serves the film of a board's last hour.
func (s *Server) boardReplay(c *fiber.Ctx) error {
	room, feature, err := boardOf(c, "")
	if err != nil {
		return err
	}
	if err := s.spend(c, costOfReplay); err != nil {
		return err
	}
	film, err := s.films.get(c.UserContext(), feature+"\x00"+room, func(ctx context.Context) ([]byte, error) {
		r, err := s.cfg.Bus.BoardReplay(ctx, room, feature)
		if err != nil {
			return nil, err
		}
		f := board.Film{Width: r.Field.Width, Height: r.Field.Height, Start: r.Start, From: r.From, Steps: make([]board.Step, len(r.Steps))}
		for i, step := range r.Steps {
			f.Steps[i] = board.Step{After: step.At.Sub(r.From), Index: step.Index, Colour: step.Colour}
		}
		return f.Encode(), nil
	})
	if err != nil {
		return boardFailure(err)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEOctetStream)
	c.Set(fiber.HeaderCacheControl, "private, max-age=10")
	c.Vary(fiber.HeaderAcceptEncoding)
	encoding := accepted(c)
	if encoding != board.Plain {
		c.Set(fiber.HeaderContentEncoding, encoding)
	}
	return c.Send(film.body(encoding))
}

// spend counts a request that costs as much as so many events against its address.
func (s *Server) spend(c *fiber.Ctx, events int) error {
	if wait, ok := s.cable.Allow(s.address(c), events); !ok {
		c.Set(fiber.HeaderRetryAfter, retryAfter(wait))
		return &mistake{fiber.StatusTooManyRequests, "Too much comes from your network right now. Wait a moment."}
	}
	return nil
}
