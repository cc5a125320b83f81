package web

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/global-presence/presence/core/board"
)

// filmFresh is how long a film of a board's past is served again, and maxFilms how many
// are kept for that.
const (
	filmFresh = 10 * time.Second
	maxFilms  = 8
)

// films keeps the films that were asked for of late: to make one means to read the
// logs.
type films struct {
	made singleflight.Group

	mu    sync.Mutex
	known map[string]*film
}

// film is one of them, and its encodings.
type film struct {
	made  time.Time
	plain []byte

	mu     sync.Mutex
	bodies map[string][]byte
}

func newFilms() *films { return &films{known: map[string]*film{}} }

// get returns the film of a name, which make makes if there is none that is young
// enough. Of many calls at once one makes it.
func (f *films) get(ctx context.Context, name string, make func(context.Context) ([]byte, error)) (*film, error) {
	f.mu.Lock()
	known := f.known[name]
	f.mu.Unlock()
	if known != nil && time.Since(known.made) < filmFresh {
		return known, nil
	}
	result := f.made.DoChan(name, func() (any, error) {
		plain, err := make(context.WithoutCancel(ctx))
		if err != nil {
			return nil, err
		}
		made := &film{made: time.Now(), plain: plain, bodies: map[string][]byte{}}
		f.keep(name, made)
		return made, nil
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*film), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// keep remembers a film and forgets the oldest ones.
func (f *films) keep(name string, made *film) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known[name] = made
	for len(f.known) > maxFilms {
		oldest := name
		for other, x := range f.known {
			if x.made.Before(f.known[oldest].made) {
				oldest = other
			}
		}
		delete(f.known, oldest)
	}
}

// body returns the film in an encoding.
func (f *film) body(encoding string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	body := f.bodies[encoding]
	if body == nil {
		body = board.Compress(f.plain, encoding)
		f.bodies[encoding] = body
	}
	return body
}
