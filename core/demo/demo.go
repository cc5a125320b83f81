package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/global-presence/presence/core"
	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/engine/wan"
	"github.com/global-presence/presence/core/region"
)

// Demo is a planet with its regions and the page that shows them.
type Demo struct {
	cfg     Config
	planet  *wan.Planet
	regions []*place
	journal *journal
	board   *board
	page    *page
	public  net.Listener
}

// place is one region of the demo.
type place struct {
	site   string
	region region.Code
	engine engine.Engine
	server *core.Server
}

// readyWait is how long the page waits for the regions: far longer than the start
// of their features takes.
const readyWait = 15 * time.Second

// New takes the page's address and those of the regions. Close gives them back if
// Run is never called.
func New(cfg Config) (*Demo, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	names := siteNames(cfg.Regions)
	sites := make([]wan.Site, len(names))
	for i, name := range names {
		sites[i] = wan.Site{Name: name, Region: string(cfg.Regions[i])}
	}
	d := &Demo{cfg: cfg, journal: newJournal(names)}
	if d.planet, err = wan.New(wan.Config{Sites: sites, Seed: cfg.Seed}); err != nil {
		return nil, fmt.Errorf("make planet: %w", err)
	}
	if d.public, err = net.Listen("tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("--listen is %q: %w", cfg.Listen, plain(err))
	}
	secret := []byte(rand.Text())
	var errs []error
	for i, name := range names {
		p, err := d.newPlace(i, name, secret)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		d.regions = append(d.regions, p)
	}
	if err := errors.Join(errs...); err != nil {
		d.Close()
		return nil, err
	}
	d.board = newBoard(d.regions, d.planet, d.journal)
	if d.page, err = newPage(d, secret); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// newPlace joins the parts of one region.
func (d *Demo) newPlace(index int, name string, secret []byte) (*place, error) {
	p := &place{site: name, region: d.cfg.Regions[index]}
	registry := prometheus.NewRegistry()
	eng, err := site.New(site.Config{Site: name, Store: d.planet.Store(name), Logger: d.cfg.Logger, Registerer: registry})
	if err != nil {
		return nil, fmt.Errorf("make engine of %s: %w", name, err)
	}
	_, framePort, _ := net.SplitHostPort(d.public.Addr().String()) // it has one
	p.engine = eng
	address := d.cfg.address(index)
	p.server, err = core.New(core.Config{
		Engine: eng, Features: d.cfg.Features, Secret: secret, Listen: address, Admin: "127.0.0.1:0",
		Region: string(p.region), Version: d.cfg.Version, FramePort: framePort,
		StopTimeout: d.cfg.StopTimeout, Registry: registry, Logger: d.cfg.Logger.With(slog.String("at", name)), // some lines tell of other sites
	})
	if err != nil {
		return nil, d.regionError(name, address, err)
	}
	return p, nil
}

// regionError says which setting is to blame where a region's port is in use.
func (d *Demo) regionError(name, address string, err error) error {
	if said, ok := errors.AsType[*os.SyscallError](err); ok {
		_, port, _ := net.SplitHostPort(address) // the demo made it
		return fmt.Errorf("--listen is %q, so that %s needs port %s: %w", d.cfg.Listen, name, port, said)
	}
	return fmt.Errorf("make region %s: %w", name, err)
}

// Close gives the addresses back. It may be called twice, and after Run.
func (d *Demo) Close() {
	for _, p := range d.regions {
		p.server.Close()
	}
	_ = d.public.Close() // closed by Run already, perhaps
}

// Addr returns the address of the page.
func (d *Demo) Addr() net.Addr { return d.public.Addr() }

// Addrs returns the addresses of the regions by their sites' names.
func (d *Demo) Addrs() map[string]net.Addr {
	addrs := make(map[string]net.Addr, len(d.regions))
	for _, p := range d.regions {
		addrs[p.site] = p.server.Addr()
	}
	return addrs
}

// Run runs the planet, its regions and the page until ctx ends, then stops them in
// reverse. It returns after everything it started has ended, and runs once.
func (d *Demo) Run(ctx context.Context) error {
	defer d.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var stops []func() error // in the order of starts
	start := func(run func(ctx context.Context) error) {
		own, stop := context.WithCancel(context.WithoutCancel(ctx))
		ended := make(chan error, 1)
		go func() {
			err := run(own)
			cancel() // one that ends takes all down
			ended <- err
		}()
		stops = append(stops, func() error { stop(); return <-ended })
	}
	start(d.planet.Run)
	start(d.runRegions)
	start(d.follow)
	d.awaitRegions(ctx)
	if ctx.Err() == nil {
		d.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "demo ready", slog.String("url", core.URL(d.Addr())),
			slog.String("regions", strings.Join(d.journal.sites, ",")))
		start(func(ctx context.Context) error { return d.page.run(ctx, d.public) })
	}
	<-ctx.Done()
	var errs []error
	for _, stop := range slices.Backward(stops) {
		errs = append(errs, stop())
	}
	return errors.Join(errs...)
}

func (d *Demo) runRegions(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range d.regions {
		g.Go(func() error {
			if err := p.server.Run(ctx); err != nil {
				return fmt.Errorf("run region %s: %w", p.site, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// follow reads the logs as every region sees them, and keeps the board.
func (d *Demo) follow(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range d.regions {
		g.Go(func() error {
			err := p.engine.Tail(ctx, nil, func(all []engine.Delivery) error {
				d.journal.read(p.site, all)
				return nil
			})
			if ctx.Err() != nil || errors.Is(err, engine.ErrUnavailable) {
				return nil // asked to end, or the region's end came first
			}
			return fmt.Errorf("follow %s: %w", p.site, err)
		})
	}
	g.Go(func() error { return d.board.run(ctx) })
	return g.Wait()
}

// awaitRegions returns when all regions are ready, at the latest after readyWait:
// a page with a corner that rests is better than none.
func (d *Demo) awaitRegions(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, p := range d.regions {
		for err := p.server.Ready(); err != nil; err = p.server.Ready() {
			select {
			case <-ctx.Done():
				d.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "region not ready", slog.String("site", p.site), slog.Any("err", err))
				return
			case <-tick.C:
			}
		}
	}
}

// plain returns the system's own words in err, such as "bind: address already in
// use", or err where there are none.
func plain(err error) error {
	if said, ok := errors.AsType[*os.SyscallError](err); ok {
		return said
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
