package keydb

import (
	"sync"

	"github.com/global-presence/presence/core/state"
)

// written is the last entry that this store has written. A server that copies
// another one has it a little later.
type written struct {
	mu   sync.Mutex // guards the rest
	last state.ID
	cut  bool // the server that is read from is known to lag behind
}

func (w *written) wrote(id state.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = id
}

// saw notes whether the servers are synced.
func (w *written) saw(synced bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = !synced
}

// behind reports whether a log that ends at id lacks the last entry and will soon
// have it.
func (w *written) behind(id state.ID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.cut && id.Compare(w.last) < 0
}
