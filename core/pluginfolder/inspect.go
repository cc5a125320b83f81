package pluginfolder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/global-presence/presence/plugins"
)

// inspector goes through all that a file must be before it runs.
type inspector struct {
	cfg     Config
	lock    *lockFile
	staging *staging

	// told, if set, is called with each check that went well, in order.
	told func(subject, sentence string)
}

func (in *inspector) ok(subject, format string, args ...any) {
	if in.told != nil {
		in.told(subject, fmt.Sprintf(format, args...))
	}
}

// inspect takes a file's content and says what it is, or why it does not run. want, if
// set, is what the file is to look like. A content that known, if set, reports true for is
// checked against the lock, and not started.
func (in *inspector) inspect(ctx context.Context, path string, want fs.FileInfo, known func(Digest) bool) (Program, *refusal) {
	p, f, r := in.take(path, want)
	if r != nil {
		return p, r
	}
	if err := in.lock.check(p.File, p.Digest); err != nil {
		mend := "if you trust it, put the line of `presence plugins digest " + path + "` into the lock"
		if in.lock.err != nil {
			mend = "mend the lock: until then nothing starts"
		}
		return p, refuse(unlisted, "digest", mend, err)
	}
	if in.lock.path == "" {
		in.ok("digest", "%s", p.Digest)
	} else {
		in.ok("digest", "%s, as %s says", p.Digest, in.lock.path)
	}
	if known != nil && known(p.Digest) {
		return p, nil
	}
	return p, in.ask(ctx, &p, f)
}

// take makes a private copy of a file that is whole.
func (in *inspector) take(path string, want fs.FileInfo) (p Program, f format, r *refusal) {
	p.File = filepath.Base(path)
	before, err := os.Stat(path)
	if err != nil {
		return p, f, unreadable(path, err)
	}
	if want != nil && !sameFile(before, want) {
		return p, f, refuse(unfinished, "whole", "", errors.New("it has just changed"))
	}
	if r := regular(before); r != nil { // before it is opened: a pipe would wait
		return p, f, r
	}
	file, err := os.Open(path)
	if err != nil {
		return p, f, unreadable(path, err)
	}
	defer file.Close()
	head := make([]byte, headSize)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return p, f, refuse(passing, "kind", "", err)
	}
	f = formatOf(head[:n])
	if p.Kind, r = kindOf(p.File, before.Mode(), f); r != nil {
		return p, f, r
	}
	in.ok("kind", "%s", map[format]string{wasmFormat: "a WebAssembly module", elfFormat: "an ELF program", script: "a script", other: "a program"}[f])
	if before.Size() > in.cfg.MaxSize {
		return p, f, refuse(faulty, "whole", "", fmt.Errorf("it has %d bytes; at most %d are allowed", before.Size(), in.cfg.MaxSize))
	}
	if err := whole(file, before.Size(), f); err != nil {
		return p, f, refuse(unfinished, "whole", "if nobody is copying it, copy or build it again", err)
	}
	if p.Kind == Process && in.staging.noExec {
		return p, f, refuse(faulty, "starts", "set TMPDIR to a folder from which programs may be started", fmt.Errorf("private copies are in %s, from where nothing can be started (noexec)", in.staging.path))
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return p, f, refuse(passing, "whole", "", err)
	}
	p.Path, p.Digest, err = in.staging.take(file)
	if err != nil {
		return p, f, refuse(passing, "whole", "", fmt.Errorf("make a private copy: %w", err))
	}
	if after, err := os.Stat(path); err != nil || !sameFile(before, after) {
		return p, f, refuse(unfinished, "whole", "", errors.New("it changed while it was read"))
	}
	in.ok("whole", "%d bytes", before.Size())
	return p, f, nil
}

// regular says why something is not a file.
func regular(info fs.FileInfo) *refusal {
	switch {
	case info.IsDir():
		return refuse(notPlugin, "kind", "put the file itself into the plugin folder", errors.New("it is a folder"))
	case !info.Mode().IsRegular():
		return refuse(notPlugin, "kind", "", errors.New("it is no file"))
	}
	return nil
}

// unreadable says why a file that is in the folder cannot be had.
func unreadable(path string, err error) *refusal {
	if _, lerr := os.Lstat(path); lerr == nil && errors.Is(err, fs.ErrNotExist) {
		return refuse(faulty, "kind", "", errors.New("it is a symbolic link to nothing"))
	}
	if errors.Is(err, fs.ErrPermission) {
		return refuse(passing, "kind", "let presence read it: chmod +r", err)
	}
	return refuse(passing, "kind", "", err)
}

// ask starts the program, fills in what it says of itself and judges that.
func (in *inspector) ask(ctx context.Context, p *Program, f format) *refusal {
	ctx, cancel := context.WithTimeoutCause(ctx, in.cfg.ProbeTimeout, fmt.Errorf("no answer after %v", in.cfg.ProbeTimeout))
	defer cancel()
	began := time.Now()
	d, err := in.cfg.Probe(ctx, *p)
	if bad, ok := errors.AsType[*plugins.ManifestError](err); ok { // it has started, then
		p.Manifest.Name = bad.Name
		in.ok("starts", "in %v", time.Since(began).Round(time.Millisecond))
		return faults(bad)
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		reason := strings.ReplaceAll(err.Error(), p.Path, p.File) // nobody knows the copy
		return refuse(passing, "starts", in.hint(*p, f), errors.New("it does not start as a feature: "+reason))
	}
	p.Description = d
	m := d.Manifest
	sdk := ""
	if d.SDK != "" {
		sdk = "; SDK " + d.SDK
	}
	in.ok("starts", "in %v%s", time.Since(began).Round(time.Millisecond), sdk)
	if err := m.Validate(); err != nil {
		return faults(err)
	}
	in.ok("manifest", "%q: %s, %s", m.Title, count(len(m.State), "field", "fields"), count(len(m.Events), "event", "events"))
	if slices.Contains(in.cfg.BuiltIn, m.Name) {
		return refuse(faulty, "name", "give it another name", fmt.Errorf("presence itself has a feature %q", m.Name))
	}
	for _, other := range in.cfg.BuiltIn {
		if plugins.TooClose(m.Name, other) {
			return tooClose(*p, other)
		}
	}
	in.ok("name", "%s", m.Name)
	return nil
}

// faults is the refusal of a manifest.
func faults(err error) *refusal {
	return refuse(faulty, "manifest", "mend the manifest and build it again", err)
}

func (in *inspector) hint(p Program, f format) string {
	if p.Kind == WebAssembly {
		return "build it for WASI: GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared"
	}
	file, err := os.Open(p.Path)
	if err != nil {
		return ""
	}
	defer file.Close()
	return startHint(file, f)
}

// taken is the refusal of a file whose feature another file is.
func taken(p Program, by string) *refusal {
	r := refuse(clash, "name", "remove one of the two files, or give one another name", fmt.Errorf("%s is the feature %q too", by, p.Manifest.Name))
	r.name = p.Manifest.Name
	return r
}

// tooClose is the refusal of a file whose feature is called almost like another.
func tooClose(p Program, other string) *refusal {
	r := refuse(clash, "name", "give it another name", fmt.Errorf("its name %q is too close to that of the feature %q: ids of the one could be the other's", p.Manifest.Name, other))
	r.name = other
	return r
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
