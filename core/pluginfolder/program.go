package pluginfolder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/global-presence/presence/plugins"
)

// Kind says what carries a program.
type Kind string

// The kinds of programs.
const (
	// Process is a file that the system can start.
	Process Kind = "process"

	// WebAssembly is a module that presence runs in a process of its own.
	WebAssembly Kind = "wasm"
)

// Digest is the SHA-256 of a file.
type Digest [sha256.Size]byte

// String returns 64 digits, as sha256sum prints them.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Short returns the first 12 digits, for people.
func (d Digest) Short() string { return d.String()[:12] }

// Program is the content of a file that was taken.
type Program struct {
	// File is its name in the folder, such as "claps".
	File string

	// Path is the private copy to run. It stays for as long as the host has the
	// program.
	Path string

	// Digest is that of the copy.
	Digest Digest

	// Kind says what carries it.
	Kind Kind

	// Description is what it says of itself; zero while it is probed.
	Description
}

// Description is what a program says of itself.
type Description struct {
	// Manifest is the feature's.
	Manifest plugins.Manifest

	// SDK is the version of the library that it was written with, for people.
	SDK string
}

// Probe starts a program once, asks what it is, and ends it. It need not judge the
// manifest: its faults are told by the folder.
type Probe func(ctx context.Context, p Program) (Description, error)

// Host runs programs as features. Its methods are called one at a time, and may take
// their time: other files wait, running features do not. Their contexts end when the
// folder's does.
type Host interface {
	// Add runs p as a feature that is not there yet. An error means that it is
	// not there now either.
	Add(ctx context.Context, p Program) error

	// Replace lets p take the place of what runs as the feature
	// p.Manifest.Name. An error means that the one before goes on.
	Replace(ctx context.Context, p Program) error

	// Remove ends the feature of that name.
	Remove(ctx context.Context, name string) error
}
