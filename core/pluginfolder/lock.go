package pluginfolder

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxLockSize is the size in bytes of a lock file: 10,000 files with long names.
const maxLockSize = 1 << 20

// maxLockFaults is how many lines of a malformed lock are told of.
const maxLockFaults = 10

// Lock lists what may run: the SHA-256 that each file of the folder must have.
type Lock struct {
	path    string
	entries map[string]lockEntry // by the file's name
}

type lockEntry struct {
	digest Digest
	line   int
}

// ReadLock reads a lock file.
func ReadLock(path string) (*Lock, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // says which
	}
	defer f.Close()
	l, err := ParseLock(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	l.path = path
	return l, nil
}

// ParseLock reads the text of a lock: what sha256sum prints, a line each for the files
// of the folder, named without their folder:
//
//	# made by: cd plugins && sha256sum claps list.wasm > ../presence.lock
//	3f1b…64 digits…9c  claps
//	77aa…64 digits…04  list.wasm
//
// Lines that are empty or begin with '#' are comments. A name is there once. Whatever
// else there is makes the whole lock an error, which names each such line.
func ParseLock(r io.Reader) (*Lock, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxLockSize+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxLockSize {
		return nil, fmt.Errorf("more than %d bytes", maxLockSize)
	}
	l := &Lock{entries: make(map[string]lockEntry)}
	var errs []error
	number := 0
	for raw := range bytes.Lines(text) {
		number++
		line := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
		if s := strings.TrimSpace(line); s == "" || s[0] == '#' {
			continue
		}
		name, digest, err := parseLockLine(line)
		if first, ok := l.entries[name]; err == nil && ok {
			err = fmt.Errorf("%q is in line %d already; want each file once", name, first.line)
		}
		if err != nil {
			if len(errs) == maxLockFaults {
				errs = append(errs, errors.New("and more"))
				break
			}
			errs = append(errs, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		l.entries[name] = lockEntry{digest, number}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return l, nil
}

// parseLockLine reads a line as sha256sum writes it: two spaces between digest and name,
// or a space and a '*', which means the same; and a '\' in front of all when the name is
// escaped.
func parseLockLine(line string) (name string, d Digest, err error) {
	rest, escaped := strings.CutPrefix(line, `\`)
	const digits = 2 * len(d)
	if len(rest) < digits+3 || rest[digits] != ' ' || rest[digits+1] != ' ' && rest[digits+1] != '*' {
		return "", d, fmt.Errorf("%.100q; want 64 hexadecimal digits, two spaces and the name of a file, as sha256sum prints them", line)
	}
	if _, err := hex.Decode(d[:], []byte(rest[:digits])); err != nil {
		return "", d, fmt.Errorf("%q; want a SHA-256 of 64 hexadecimal digits", rest[:digits])
	}
	name = rest[digits+2:]
	if escaped {
		if name, err = unescape(name); err != nil {
			return "", d, err
		}
	}
	if strings.Contains(name, "/") || name == "." || name == ".." {
		return "", d, fmt.Errorf("name %.100q; want a file's name without its folder: run sha256sum in the folder", name)
	}
	return name, d, nil
}

var (
	escaper   = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)
	unescaper = map[byte]byte{'\\': '\\', 'n': '\n', 'r': '\r'}
)

// unescape is the inverse of escaper.
func unescape(name string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c == '\\' {
			i++
			if i < len(name) {
				c = unescaper[name[i]]
			}
			if i == len(name) || c == 0 {
				return "", fmt.Errorf(`name %.100q; want only \\, \n and \r after a line's leading \`, name)
			}
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}

// lockLine is a line of a lock, with its line break, as sha256sum prints it.
func lockLine(name string, d Digest) string {
	if e := escaper.Replace(name); e != name {
		return fmt.Sprintf("\\%s  %s\n", d, e)
	}
	return fmt.Sprintf("%s  %s\n", d, name)
}

// check reports that the lock does not allow a file.
func (l *Lock) check(name string, d Digest) error {
	switch e, ok := l.entries[name]; {
	case !ok:
		return fmt.Errorf("%s does not list it; its SHA-256 is %s", l.path, d)
	case e.digest != d:
		return fmt.Errorf("its SHA-256 is %s, and line %d of %s wants %s", d, e.line, l.path, e.digest)
	}
	return nil
}

// Digests writes a line of a lock for each file: what sha256sum prints, with the names
// that a lock wants. Files that cannot be read are in the error, joined.
func Digests(w io.Writer, files ...string) error {
	var errs []error
	for _, file := range files {
		d, err := digestOf(file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if _, err := io.WriteString(w, lockLine(filepath.Base(file), d)); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}
