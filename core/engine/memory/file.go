package memory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// format is the version of the file that this package writes and reads:
//
//	meta   format, site, secret, last (highest id at the last Close or probe),
//	       trimmed (highest id dropped from the log)
//	log    id, 16 bytes big endian → JSON of savedEntry
//	state  room, feature, field, key, joined by NUL → JSON of savedCell
//	tiles  room, feature, field, tile, row of the tile (one byte), joined by NUL →
//	       the row as state.TileCell has it; only where there are boards
const format = 1

var (
	metaBucket  = []byte("meta")
	logBucket   = []byte("log")
	stateBucket = []byte("state")
)

// lockWait is how long another process may hold the file until Open gives up: a
// predecessor that is just ending gets the time to.
const lockWait = 800 * time.Millisecond

// file is what the engine keeps on disk. Its methods are not called at once.
type file struct {
	db     *bolt.DB
	handle *os.File // the db's

	// commit ends a transaction. Tests make it fail.
	commit func(*bolt.Tx) error
}

// openFile opens or makes the file and reads all of it.
func openFile(path, site string) (f *file, k *kept, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("open state file %q: %w", path, err)
		}
	}()
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, nil, errors.New("it is not a regular file")
	}

	// bbolt trusts a file with a sound first page. What a damaged one then makes
	// it do, from a failed assertion to a read past the end of the mapping, is an
	// error here and not the end of the process.
	var (
		handle *os.File
		db     *bolt.DB
	)
	faults := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(faults)
		if cause := recover(); cause != nil {
			f, k, err = nil, nil, fmt.Errorf("it is damaged: %v", cause)
			if db != nil {
				db.Close()
			} else if handle != nil {
				handle.Close() // the mapping keeps the lock until the process ends
			}
		}
	}()
	db, err = bolt.Open(path, 0o600, &bolt.Options{
		Timeout:      lockWait,
		FreelistType: bolt.FreelistMapType,
		NoStatistics: true,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			var err error
			handle, err = os.OpenFile(name, flag, mode)
			return handle, err
		},
	})
	if err != nil {
		return nil, nil, explainOpen(err, path)
	}
	f = &file{db: db, handle: handle, commit: (*bolt.Tx).Commit}
	if k, err = f.read(site); err != nil {
		db.Close()
		return nil, nil, err
	}
	return f, k, nil
}

// explainOpen says in the words of an operator why bbolt did not open the file.
func explainOpen(err error, path string) error {
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return errors.New("another process uses it")
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return fmt.Errorf("it is damaged or not a state file: %w", err)
	case errors.Is(err, fs.ErrPermission):
		return errors.New("no permission to read and write it")
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("there is no folder %q", filepath.Dir(path))
	}
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err // the path is said already
	}
	return err
}

// write puts p into the file and takes out the entries that the log dropped, in
// one transaction.
func (f *file) write(p *plan, stale []state.ID, trimmed state.ID) error {
	return f.update(func(tx *bolt.Tx) error {
		if err := f.writeEntry(tx, p); err != nil {
			return err
		}
		if err := writeRows(tx, p.rows); err != nil {
			return err
		}
		cells := tx.Bucket(stateBucket)
		for _, c := range p.entry.Cells {
			if !state.Durable(c.Kind) || c.Kind == plugins.Grid {
				continue
			}
			b, err := encodeCell(c)
			if err != nil {
				return err
			}
			if err := cells.Put(cellKey(c.Address()), b); err != nil {
				return err
			}
		}
		for _, l := range p.lists {
			old, fresh := l.dropped()
			for _, items := range [][]state.Cell{old, fresh} {
				for _, c := range items {
					if err := cells.Delete(cellKey(c.Address())); err != nil {
						return err
					}
				}
			}
		}
		return f.trim(tx, stale, trimmed)
	})
}

func (f *file) writeEntry(tx *bolt.Tx, p *plan) error {
	b, err := encodeEntry(p.entry)
	if err != nil {
		return err
	}
	log := tx.Bucket(logBucket)
	log.FillPercent = 0.95 // ids only rise, so pages are filled from left to right
	return log.Put(idKey(p.entry.ID), b)
}

// trim takes out entries that the log dropped.
func (f *file) trim(tx *bolt.Tx, stale []state.ID, trimmed state.ID) error {
	if len(stale) == 0 {
		return nil
	}
	log := tx.Bucket(logBucket)
	for _, id := range stale {
		if err := log.Delete(idKey(id)); err != nil {
			return err
		}
	}
	return tx.Bucket(metaBucket).Put([]byte("trimmed"), idKey(trimmed))
}

// holds reports whether the entry at id is in the file.
func (f *file) holds(id state.ID) bool {
	var there bool
	err := f.db.View(func(tx *bolt.Tx) error {
		there = tx.Bucket(logBucket).Get(idKey(id)) != nil
		return nil
	})
	return err == nil && there
}

// probe finds out whether the file takes writes.
func (f *file) probe(last state.ID, stale []state.ID, trimmed state.ID) error {
	return f.update(func(tx *bolt.Tx) error {
		if err := tx.Bucket(metaBucket).Put([]byte("last"), idKey(last)); err != nil {
			return err
		}
		return f.trim(tx, stale, trimmed)
	})
}

// close notes the highest id, which may be of an entry that is not in the file,
// and closes the file.
func (f *file) close(last state.ID) error {
	err := f.update(func(tx *bolt.Tx) error {
		return tx.Bucket(metaBucket).Put([]byte("last"), idKey(last))
	})
	if err = errors.Join(err, f.db.Close()); err != nil {
		return fmt.Errorf("close state file: %w", err)
	}
	return nil
}

// update runs change in a transaction that is synced to the disk.
func (f *file) update(change func(*bolt.Tx) error) error {
	tx, err := f.db.Begin(true)
	if err != nil {
		return fmt.Errorf("begin transaction of state file: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to undo
	if err := change(tx); err != nil {
		return fmt.Errorf("write state file: %w", err)
	}
	if err := f.commit(tx); err != nil {
		return fmt.Errorf("write state file: %w", err)
	}
	return nil
}

// initialise makes the buckets of a new file.
func (f *file) initialise(site string) error {
	return f.update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{metaBucket, logBucket, stateBucket} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		meta := tx.Bucket(metaBucket)
		return errors.Join(
			meta.Put([]byte("format"), []byte(strconv.Itoa(format))),
			meta.Put([]byte("site"), []byte(site)),
			meta.Put([]byte("secret"), newSecret()))
	})
}
