package keydb

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// tiles are the tiles that a script touches, and what it paints on them.
type tiles struct {
	hashes *hashes
	byKey  map[string]*tilePaint
}

// tilePaint is what is painted on one tile: of each cell the last.
type tilePaint struct {
	hash   *hash  // the state hash that says that the tile is there
	field  string // of that hash
	colour map[int]uint8
	stamp  map[int]state.ID // of cells that are put back
}

// add takes what a patch paints, in order.
func (t *tiles) add(c *state.Cell) error {
	patch, err := state.ParsePatch(c.Value)
	if err != nil {
		return err
	}
	for _, r := range patch.Runs {
		for x := r.X; x < r.X+r.N; x++ {
			tile, i := state.TileOf(x, r.Y)
			key := gridKey(t.hashes.site, c.Room, c.Feature, tile)
			p := t.byKey[key]
			if p == nil {
				p = &tilePaint{hash: t.hashes.of(c), field: c.Field + tileSep + tile, colour: map[int]uint8{}, stamp: map[int]state.ID{}}
				if t.byKey == nil {
					t.byKey = map[string]*tilePaint{}
				}
				t.byKey[key] = p
			}
			p.colour[i], p.stamp[i] = patch.Colour, c.Stamp.ID
		}
	}
	return nil
}

// call adds the tiles to the keys and arguments of a script: how many there are, and of
// each which state hash and field say that it is there, how many pieces follow, and
// those. A piece is place and length of a run of cells and its colour, or with stamps
// one cell's place, its colour and the two halves of the id.
func (t *tiles) call(keys []string, args []any, stamps bool) ([]string, []any) {
	args = append(args, len(t.byKey))
	for _, key := range slices.Sorted(maps.Keys(t.byKey)) {
		p := t.byKey[key]
		keys = append(keys, key)
		hash := 3 + slices.Index(t.hashes.order, p.hash) // after the log and the site's hash, from 1
		cells := slices.Sorted(maps.Keys(p.colour))
		if stamps {
			args = append(args, hash, p.field, len(cells))
			for _, i := range cells {
				args = append(args, i, p.colour[i], p.stamp[i].MS, p.stamp[i].Seq)
			}
			continue
		}
		at := len(args) + 2
		args = append(args, hash, p.field, 0)
		runs := 0
		for n := 0; n < len(cells); runs++ {
			first, length := cells[n], 1
			for n+length < len(cells) && cells[n+length] == first+length && p.colour[first+length] == p.colour[first] {
				length++
			}
			args = append(args, first, length, p.colour[first])
			n += length
		}
		args[at] = runs
	}
	return keys, args
}

// loadTile is a tile that a state hash says is there.
type loadTile struct {
	site, feature, field, tile string
	value                      *redis.StringCmd
}

// boards returns the tiles that hashes tell of, in one round trip. They may hold later
// paints than the hashes' positions tell.
func (s *Store) boards(ctx context.Context, room string, hashes []siteHash) ([]state.Cell, error) {
	var found []loadTile
	for _, h := range hashes {
		for field, value := range h.fields.Val() {
			if name, tile, ok := strings.Cut(field, tileSep); ok && value == tileMark {
				if _, _, err := state.ParseTileName(tile); err == nil {
					found = append(found, loadTile{site: h.site, feature: h.feature, field: name, tile: tile})
				}
			}
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	err := s.read.do(ctx, func(ctx context.Context, _ *redis.Client) error {
		for piece := range slices.Chunk(found, tilesAtOnce) {
			_, err := s.read.loads.Pipelined(ctx, func(p redis.Pipeliner) error {
				for i := range piece {
					t := &piece[i]
					t.value = p.Get(ctx, gridKey(t.site, room, t.feature, t.tile))
				}
				return nil
			})
			if err != nil && err != redis.Nil && !redis.HasErrorPrefix(err, "WRONGTYPE") { //nolint:errorlint // go-redis returns it as it is
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	cells := make([]state.Cell, 0, len(found))
	for _, t := range found {
		value, err := t.value.Result()
		if err != nil && err != redis.Nil { //nolint:errorlint // as above
			s.log.LogAttrs(ctx, slog.LevelWarn, "passed over a tile of a board that cannot be read",
				slog.String("of", t.site), slog.String("room", room), slog.String("feature", t.feature), slog.String("tile", t.tile), slog.Any("err", err))
			continue
		}
		cells = append(cells, state.Cell{
			Room: room, Feature: t.feature, Field: t.field, Key: t.tile, Kind: plugins.Grid,
			Stamp: state.Stamp{ID: state.NewestInTile(value), Site: t.site}, Value: value,
		})
	}
	return cells, nil
}

// tilesAtOnce is how many tiles one round trip asks for: about a megabyte.
const tilesAtOnce = 32

// tileMark is what a state hash holds of a tile that is there.
const tileMark = "g"

// Signal publishes a payload at the write server, from where it is copied as writes are.
//
// A mesh of active replicas hands a message on to each once (measured on KeyDB 6.3.4),
// and a primary to its replicas.
func (s *Store) Signal(ctx context.Context, payload []byte) error {
	return s.write.do(ctx, func(ctx context.Context, c *redis.Client) error {
		return c.Publish(ctx, liveChannel(s.cfg.Site), payload).Err()
	})
}

// hearSignals hands on what is signalled in any site until ctx ends.
func (s *Store) hearSignals(ctx context.Context, signalled func(site string, payload []byte)) {
	s.subscribe(ctx, subscription{
		patterns: []string{glob(livePrefix) + "*"},
		refused: func(ctx context.Context, why string) {
			s.read.log.LogAttrs(ctx, slog.LevelWarn, "the store's server refuses a subscription: pointers and reactions of others are not seen",
				slog.String("err", why))
		},
		started: func(context.Context) error { return nil },
		message: func(_ context.Context, m *redis.Message) error {
			if name, ok := strings.CutPrefix(m.Channel, livePrefix); ok {
				signalled(name, []byte(m.Payload))
			}
			return nil
		},
	})
}
