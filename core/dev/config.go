package dev

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/global-presence/presence/plugins/process"
)

// Config sets up a Dev. Dir is required.
type Config struct {
	// Dir is the folder with the feature's program.
	Dir string

	// Listen is the TCP address of the page, host:port. The region takes the port
	// after it, or a free one where the port is 0. Default "127.0.0.1:8080".
	Listen string

	// WebAssembly builds a module and has it run by this program.
	WebAssembly bool

	// Run, if set, is the command that is the feature, such as "node main.js", in Dir.
	// Nothing is built then, and each change starts it anew.
	Run string

	// Others are further features to show, those of core.Config. One of the same name
	// as the feature in Dir is left out.
	Others []process.Config

	// Version is the binary's.
	Version string

	// Every is how often the files are looked at. Default 200 ms.
	Every time.Duration

	// StopTimeout is how long each part may take to stop. Default 10 s.
	StopTimeout time.Duration

	// Terminal takes the words of builds that fail. Default: they are discarded.
	Terminal io.Writer

	// Logger defaults to discarding.
	Logger *slog.Logger
}

// Check reports all that is wrong, a line each that names the flag. New does so, too.
func (c Config) Check() error {
	_, err := c.withDefaults()
	return err
}

// withDefaults fills in what is not set and reports all that is wrong, joined.
func (c Config) withDefaults() (Config, error) {
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:8080")
	c.Every = cmp.Or(c.Every, 200*time.Millisecond)
	c.StopTimeout = cmp.Or(c.StopTimeout, 10*time.Second)
	if c.Terminal == nil {
		c.Terminal = io.Discard
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	errs := []error{c.checkDir()}
	if port, err := c.port(); err != nil {
		errs = append(errs, fmt.Errorf("--listen is %q; want host:port or :port, such as 127.0.0.1:8080", c.Listen))
	} else if port == maxPort {
		errs = append(errs, fmt.Errorf("--listen is %q; want a port of at most %d, since the region takes the one after it", c.Listen, maxPort-1))
	}
	if c.WebAssembly && c.Run != "" {
		errs = append(errs, fmt.Errorf("--run is %q and --wasm is set; want one of them", c.Run))
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		errs = append(errs, fmt.Errorf("folder is %q: %w", c.Dir, err))
	}
	c.Dir = dir
	return c, errors.Join(errs...)
}

func (c Config) checkDir() error {
	if info, err := os.Stat(c.Dir); err != nil || !info.IsDir() {
		return fmt.Errorf("folder is %q; want a folder with the program of a feature", c.Dir)
	}
	sources, err := filepath.Glob(filepath.Join(globEscape(c.Dir), "*.go"))
	if c.Run == "" && (err != nil || len(sources) == 0) {
		return fmt.Errorf("folder is %q; want one with *.go files, or --run with the command that is the feature", c.Dir)
	}
	return nil
}

// globEscape returns dir as a pattern that matches it alone.
func globEscape(dir string) string {
	var b []byte
	for _, c := range []byte(dir) {
		if c == '*' || c == '?' || c == '[' || c == '\\' {
			b = append(b, '\\')
		}
		b = append(b, c)
	}
	return string(b)
}

const maxPort = 65535

// port returns the port of Listen.
func (c Config) port() (int, error) {
	_, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return 0, err
	}
	if port == "" {
		return 0, errors.New("no port")
	}
	return net.LookupPort("tcp", port)
}

// regionAddress returns where the region listens.
func (c Config) regionAddress() string {
	host, _, _ := net.SplitHostPort(c.Listen) // it was checked
	port, _ := c.port()
	if port > 0 {
		port++
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}
