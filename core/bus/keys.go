package bus

import (
	"context"
	"sync"
	"time"

	"github.com/global-presence/presence/core/engine"
)

// maxKeys is how many changed keys may wait for one feature.
const maxKeys = 1024

// keys are the changes of watched keys that wait to be told to one feature: of each
// key the last one.
type keys struct {
	mu    sync.Mutex
	last  map[changedKey]change
	order []changedKey  // those of last, oldest first
	next  func() string // makes the ids of their events
	wake  chan struct{} // holds a token when there may be something to tell
	space chan struct{} // holds a token when there may be room again
}

// changedKey is a key and the pattern of the watch that it matched.
type changedKey struct{ pattern, key string }

type change struct {
	engine.KeyChange
	at time.Time // when it was heard
	id string    // of its event, the same each time it is told
}

func newKeys(next func() string) *keys {
	return &keys{next: next, last: map[changedKey]change{}, wake: make(chan struct{}, 1), space: make(chan struct{}, 1)}
}

// add notes a change. Where there is no room it waits for some until ctx ends, or,
// if it may, forgets the oldest change instead.
func (k *keys) add(ctx context.Context, c engine.KeyChange, mayForget func() bool) {
	for {
		forget := mayForget()
		k.mu.Lock()
		at := changedKey{c.Pattern, c.Key}
		_, waits := k.last[at]
		if !waits && len(k.order) >= maxKeys && forget {
			delete(k.last, k.order[0])
			k.order = k.order[1:]
		}
		if waits || len(k.order) < maxKeys {
			if !waits {
				k.order = append(k.order, at)
			}
			k.last[at] = change{c, time.Now(), k.next()}
			k.mu.Unlock()
			notify(k.wake)
			return
		}
		k.mu.Unlock()
		select {
		case <-k.space:
		case <-ctx.Done():
			return
		}
	}
}

// take returns and removes up to n changes, the oldest first.
func (k *keys) take(n int) []change {
	k.mu.Lock()
	defer k.mu.Unlock()
	n = min(n, len(k.order))
	taken := make([]change, n)
	for i, at := range k.order[:n] {
		taken[i] = k.last[at]
		delete(k.last, at)
	}
	k.order = k.order[n:]
	notify(k.space)
	return taken
}

// again puts a change back that could not be told, unless the key has changed since.
func (k *keys) again(c change) {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := changedKey{c.Pattern, c.Key}
	if _, newer := k.last[at]; !newer {
		k.last[at] = c
		k.order = append(k.order, at)
	}
}

// expire forgets the changes that were heard that long ago.
func (k *keys) expire(after time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var kept []changedKey
	for _, at := range k.order {
		if time.Since(k.last[at].at) > after {
			delete(k.last, at)
		} else {
			kept = append(kept, at)
		}
	}
	k.order = kept
	notify(k.space)
}

// notify puts a token into c if there is none.
func notify(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
