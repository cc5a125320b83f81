package dev

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/global-presence/presence/core/carriers"
	"github.com/global-presence/presence/plugins/process"
)

// program is something that may be the feature.
type program struct {
	command process.Config // Path, Args and Env
	digest  string         // of what was built; "" where nothing was
	remove  func()         // gives back what it takes on disk
}

// sayError is an error whose text is for the author as it is, of several lines.
type sayError struct{ words string }

func (e sayError) Error() string { return e.words }

// builder makes programs of the files in a folder.
type builder struct {
	cfg   Config
	out   string // folder for what is built
	count int
}

// build returns the program that the files make now. An error of the compiler is a
// sayError with its words.
func (b *builder) build(ctx context.Context) (program, error) {
	if b.cfg.Run != "" {
		return b.script(), nil
	}
	b.count++
	dir := filepath.Join(b.out, strconv.Itoa(b.count))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return program{}, fmt.Errorf("make folder: %w", err)
	}
	p := program{remove: func() { _ = os.RemoveAll(dir) }} // at the latest with the whole folder
	file := filepath.Join(dir, "feature")
	args := []string{"build", "-o", file}
	env := os.Environ()
	if b.cfg.WebAssembly {
		args = append(args, "-trimpath", "-buildmode=c-shared")
		env = append(env, "GOOS=wasip1", "GOARCH=wasm")
		cache := filepath.Join(b.out, "cache") // of what the carrier compiles
		if err := os.MkdirAll(cache, 0o700); err != nil {
			return program{}, fmt.Errorf("make folder: %w", err)
		}
		p.command = carriers.Module("", file, cache)
	} else {
		p.command = process.Config{Path: file}
	}
	cmd := exec.CommandContext(ctx, "go", append(args, ".")...)
	cmd.Dir, cmd.Env = b.cfg.Dir, env
	said, err := cmd.CombinedOutput()
	switch _, exited := errors.AsType[*exec.ExitError](err); {
	case ctx.Err() != nil:
		err = ctx.Err()
	case exited:
		err = sayError{string(bytes.TrimSpace(said))}
	case err != nil:
		err = fmt.Errorf("run go build: %w", err)
	default:
		p.digest, err = digest(file)
	}
	if err != nil {
		p.remove()
		return program{}, err
	}
	return p, nil
}

// archive is how the file begins that go build makes of a package that is no program.
const archive = "!<arch>\n"

// digest returns the hash of a program.
func digest(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("read what was built: %w", err)
	}
	defer f.Close()
	begin := make([]byte, len(archive))
	if n, _ := io.ReadFull(f, begin); string(begin[:n]) == archive {
		return "", sayError{"The folder's package is a library, and a feature is a program: want package main with a func main."}
	}
	h := sha256.New()
	h.Write(begin)
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read what was built: %w", err)
	}
	return string(h.Sum(nil)), nil
}

// script returns the command of Config.Run. The shell only takes it apart and changes
// to the folder: what it starts takes its place, so that the host stops that.
func (b *builder) script() program {
	var env []string
	for _, v := range os.Environ() { // interpreters need theirs; none needs ours
		if name, _, _ := strings.Cut(v, "="); !strings.HasPrefix(name, "PRESENCE_") && !strings.HasPrefix(name, "FLY_") && name != "KEYDB_URL" {
			env = append(env, v)
		}
	}
	return program{
		command: process.Config{Path: "/bin/sh", Args: []string{"-c", `cd "$1" && exec ` + b.cfg.Run, "sh", b.cfg.Dir}, Env: env},
		remove:  func() {},
	}
}
