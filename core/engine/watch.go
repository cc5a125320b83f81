package engine

import (
	"context"
	"errors"
)

// ErrNoKeys reports that a store holds no keys of other programs, and never will.
var ErrNoKeys = errors.New("store holds no keys of other programs")

// Watcher is an Engine whose store also holds keys that other programs write.
type Watcher interface {
	// Watch calls changed, never twice at once, for every change of a key that
	// one of patterns matches, until ctx ends (and returns its cause) or Run does.
	//
	// A pattern is a key in which at most one '*' stands for any characters. What
	// is there when Watch begins, and again whenever changes may have been missed,
	// is told with the command "sync": each key that exists, and each pattern
	// without a '*' whose key does not, with Missing set. When all keys of a pattern
	// with a '*' have been told so, the command "synced" with an empty Key says that
	// there are no others. Watch returns ErrNoKeys where there is nothing to watch.
	Watch(ctx context.Context, patterns []string, changed func(KeyChange)) error
}

// KeyChange is what another program did to a key.
type KeyChange struct {
	// Pattern is the pattern that matched, Key the whole key.
	Pattern, Key string

	// Command is the store's name for what happened, such as "set", "incrby",
	// "del" or "expired", "sync" when nothing happened just now, or "synced" at the
	// end of what a pattern with a '*' has.
	Command string

	// Value is the key's value after the change, where it is a string.
	Value string

	// Missing says that the key does not exist (any more).
	Missing bool
}
