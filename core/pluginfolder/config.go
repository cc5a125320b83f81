package pluginfolder

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config says which folder is watched and who runs what is in it. Dir, Probe and, for
// [Open], Host are required.
type Config struct {
	// Dir is the folder. It may be missing, and come and go; it must not be
	// something else.
	Dir string

	// Lock is the file that lists what may run: see [ParseLock]. It may lie in Dir.
	// Default none: everything may.
	Lock string

	// BuiltIn are the names of features that no file may have.
	BuiltIn []string

	// Staging is where a private folder for copies is made, and where those of
	// killed hosts are swept. Default: the system's folder for temporary files.
	Staging string

	// Every is the time between two looks. Default 500 ms.
	Every time.Duration

	// Settle is how long a file must rest before it is taken, or be gone before
	// its feature ends. Default 1 s.
	Settle time.Duration

	// ProbeTimeout is how long a program may take until it has said what it is.
	// Default 30 s: WebAssembly is compiled first.
	ProbeTimeout time.Duration

	// MaxSize is how large a file may be, in bytes. Default 512 MiB.
	MaxSize int64

	// Probe asks a program what it is.
	Probe Probe

	// Host runs what was taken.
	Host Host

	// Logger defaults to discarding.
	Logger *slog.Logger

	// Registerer takes the metric presence_plugin_files{state}. Default: none is
	// made.
	Registerer prometheus.Registerer
}

// withDefaults fills in what is not set and reports all that is wrong, joined.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	if c.Dir == "" {
		errs = append(errs, errors.New("no Dir"))
	} else if err := checkDir(c.Dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	if c.Probe == nil {
		errs = append(errs, errors.New("no Probe"))
	}
	if c.Staging == "" {
		c.Staging = os.TempDir()
	}
	duration := func(name string, d *time.Duration, value time.Duration) {
		switch {
		case *d < 0:
			errs = append(errs, fmt.Errorf("%s of %v: want more than 0", name, *d))
		case *d == 0:
			*d = value
		}
	}
	duration("Every", &c.Every, 500*time.Millisecond)
	duration("Settle", &c.Settle, time.Second)
	duration("ProbeTimeout", &c.ProbeTimeout, 30*time.Second)
	if c.MaxSize < 0 {
		errs = append(errs, fmt.Errorf("MaxSize of %d: want more than 0", c.MaxSize))
	} else if c.MaxSize == 0 {
		c.MaxSize = 512 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, errors.Join(errs...)
}

// checkDir reports what is wrong with a folder; an error that wraps fs.ErrNotExist
// means that it is missing.
func checkDir(dir string) error {
	switch info, err := os.Stat(dir); {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no folder", dir)
	}
	return nil
}
