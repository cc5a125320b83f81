package memory

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strconv"

	bolt "go.etcd.io/bbolt"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
)

// kept is all that a file holds.
type kept struct {
	secret        []byte
	cells         []state.Cell // in no order
	rows          map[tileRow][]byte
	entries       []engine.Entry // in the order of their ids
	last, trimmed state.ID

	wide    fs.FileMode // the file's mode, when others were let in
	wideErr error       // why they still are, if so
}

// read returns what the file of site holds; a new file is made to hold nothing.
func (f *file) read(site string) (*kept, error) {
	var empty bool
	err := f.db.View(func(tx *bolt.Tx) error {
		first, _ := tx.Cursor().First()
		empty = first == nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	k := &kept{}
	if empty {
		f.protect(k) // before there is a secret in it
		if err := f.initialise(site); err != nil {
			return nil, err
		}
	}
	err = f.db.View(func(tx *bolt.Tx) error {
		if err := k.readMeta(tx, site); err != nil {
			return err
		}
		if err := k.readLog(tx.Bucket(logBucket), site); err != nil {
			return fmt.Errorf("it is damaged: %w", err)
		}
		if err := k.readState(tx.Bucket(stateBucket), site); err != nil {
			return fmt.Errorf("it is damaged: %w", err)
		}
		if err := k.readTiles(tx.Bucket(tileBucket)); err != nil {
			return fmt.Errorf("it is damaged: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	f.protect(k) // not before it is known to be ours
	return k, nil
}

// protect keeps everybody but the owner out of the file.
func (f *file) protect(k *kept) {
	if runtime.GOOS == "windows" { // where modes say nothing
		return
	}
	info, err := f.handle.Stat()
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return
	}
	k.wide, k.wideErr = info.Mode().Perm(), f.handle.Chmod(0o600)
}

func (k *kept) readMeta(tx *bolt.Tx, site string) error {
	meta := tx.Bucket(metaBucket)
	if meta == nil || meta.Get([]byte("format")) == nil {
		return errors.New("it belongs to another program")
	}
	version, err := strconv.Atoi(string(meta.Get([]byte("format"))))
	switch {
	case err != nil || version < 1:
		return fmt.Errorf("it is damaged: format %q", meta.Get([]byte("format")))
	case version > format:
		return fmt.Errorf("it has format %d and this program knows formats up to %d: use a newer one", version, format)
	}
	if owner := string(meta.Get([]byte("site"))); owner != site {
		return fmt.Errorf("it holds site %q, not %q", owner, site)
	}
	k.secret = bytes.Clone(meta.Get([]byte("secret")))
	if len(k.secret) != 32 || tx.Bucket(logBucket) == nil || tx.Bucket(stateBucket) == nil {
		return errors.New("it is damaged: a part is missing")
	}
	for name, id := range map[string]*state.ID{"last": &k.last, "trimmed": &k.trimmed} {
		if b := meta.Get([]byte(name)); b != nil {
			if *id, err = parseIDKey(b); err != nil {
				return fmt.Errorf("it is damaged: %s: %w", name, err)
			}
		}
	}
	k.see(k.trimmed)
	return nil
}

func (k *kept) readLog(b *bolt.Bucket, site string) error {
	return b.ForEach(func(key, value []byte) error {
		id, err := parseIDKey(key)
		if err != nil {
			return err
		}
		entry, err := decodeEntry(site, id, value)
		if err != nil {
			return err
		}
		k.entries = append(k.entries, entry)
		k.see(id)
		return nil
	})
}

func (k *kept) readState(b *bolt.Bucket, site string) error {
	return b.ForEach(func(key, value []byte) error {
		c, err := decodeCell(site, key, value)
		if err != nil {
			return err
		}
		k.cells = append(k.cells, c)
		return nil
	})
}

// see keeps the highest id.
func (k *kept) see(id state.ID) {
	if id.Compare(k.last) > 0 {
		k.last = id
	}
}
