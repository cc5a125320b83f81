package dev

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/global-presence/presence/core"
)

// Dev is a page for somebody who writes a feature, and the region with it.
type Dev struct {
	cfg     Config
	secret  []byte
	journal *journal
	lines   lines
	page    *page
	public  net.Listener
	current atomic.Pointer[place] // nil while there is no region
}

// New takes the page's address. Close gives it back if Run is never called.
func New(cfg Config) (*Dev, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	d := &Dev{cfg: cfg, secret: []byte(rand.Text()), journal: newJournal(rand.Text())}
	d.lines = lines{journal: d.journal}
	if d.public, err = net.Listen("tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("--listen is %q: %w", cfg.Listen, plain(err))
	}
	// The region comes later, when an address in use would look like a fault of the
	// feature.
	address := cfg.regionAddress()
	if region, err := net.Listen("tcp", address); err != nil {
		d.Close()
		_, port, _ := net.SplitHostPort(address) // it was made here
		return nil, fmt.Errorf("--listen is %q, so that the region needs port %s: %w", cfg.Listen, port, plain(err))
	} else if err := region.Close(); err != nil {
		d.Close()
		return nil, fmt.Errorf("give back %s: %w", address, err)
	}
	if d.page, err = newPage(d); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// plain returns the system's own words in err, such as "bind: address already in use",
// or err where there are none.
func plain(err error) error {
	if said, ok := errors.AsType[*os.SyscallError](err); ok {
		return said
	}
	return err
}

// Close gives the address back. It may be called twice, and after Run.
func (d *Dev) Close() { _ = d.public.Close() } // closed by Run already, perhaps

// Addr returns the address of the page.
func (d *Dev) Addr() net.Addr { return d.public.Addr() }

// Run serves the page, and builds and runs the feature, until ctx ends. It returns after
// everything it started has ended, and runs once.
func (d *Dev) Run(ctx context.Context) error {
	defer d.Close()
	out, err := os.MkdirTemp("", "presence-dev-")
	if err != nil {
		return fmt.Errorf("make folder for what is built: %w", err)
	}
	defer os.RemoveAll(out)
	d.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "dev ready", slog.String("url", core.URL(d.Addr())), slog.String("folder", d.cfg.Dir))
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.page.run(ctx, d.public) })
	g.Go(func() error { return d.follow(ctx, &builder{cfg: d.cfg, out: out}) })
	return g.Wait()
}

// follow builds and shows what is in the folder now, and again whenever it changes.
func (d *Dev) follow(ctx context.Context, b *builder) error {
	w := &worker{dev: d, builder: b}
	for ctx.Err() == nil && w.failed() == nil {
		before := lookAt(d.cfg.Dir)
		w.update(ctx)
		awaitChange(ctx, w.ended(), d.cfg.Dir, before, d.cfg.Every)
	}
	err := w.failed()
	if w.place != nil {
		if closing := w.place.close(); err == nil {
			err = closing
		}
	}
	return err
}

// portOf returns the port of an address.
func portOf(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return strconv.Itoa(tcp.Port)
	}
	return ""
}
