package memory

import bolt "go.etcd.io/bbolt"

// SetCommit replaces what ends a transaction of e's file.
func SetCommit(e *Engine, commit func(*bolt.Tx) error) {
	e.writing.Lock()
	defer e.writing.Unlock()
	e.file.commit = commit
}
