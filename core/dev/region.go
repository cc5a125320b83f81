package dev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// startTime is how long a program may take from its start until it is up.
const startTime = 30 * time.Second

// place is a running region with one feature that is being written.
type place struct {
	feature string
	server  *core.Server
	stop    context.CancelFunc
	ended   chan struct{} // closed when it has ended
	err     error         // what it ended with; read after ended
}

// startPlace starts a region with the feature m, carried by command, whose calls rec
// notes, and waits until it takes events. It runs until it is closed.
func (d *Dev) startPlace(ctx context.Context, m plugins.Manifest, command process.Config, rec *recorder) (*place, error) {
	command.Name = m.Name
	others := slices.DeleteFunc(slices.Clone(d.cfg.Others), func(o process.Config) bool { return o.Name == m.Name })
	registry := prometheus.NewRegistry()
	log := slog.New(slog.NewMultiHandler(d.cfg.Logger.Handler(), d.lines.of(m.Name)))
	eng, err := memory.Open(memory.Config{Site: "dev", Logger: log, Registerer: registry})
	if err != nil {
		return nil, fmt.Errorf("make engine: %w", err)
	}
	server, err := core.New(core.Config{
		Engine: eng, Features: append([]process.Config{command}, others...), Secret: d.secret,
		Listen: d.cfg.regionAddress(), Admin: "127.0.0.1:0", Region: "dev", Version: d.cfg.Version,
		FramePort: portOf(d.Addr()), EmbedOrigins: d.origins(), StopTimeout: d.cfg.StopTimeout, Registry: registry, Logger: log,
		Wrap: func(name string, c plugins.Carrier) plugins.Carrier {
			if name != m.Name {
				return c
			}
			rec.carrier = c
			return rec
		},
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start region: %w", err), eng.Close())
	}
	own, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := &place{feature: m.Name, server: server, stop: stop, ended: make(chan struct{})}
	starting, started := context.WithTimeout(ctx, startTime)
	defer started()
	go func() { // close waits for it
		defer started()
		defer close(p.ended)
		p.err = errors.Join(server.Run(own), eng.Close())
	}()
	server.AwaitReady(starting) // one that does not come up rests, and says why in its log
	return p, nil
}

// close stops the region and waits for its end.
func (p *place) close() error {
	p.stop()
	<-p.ended
	return p.err
}

// origins are those of the page, by the two names of this machine.
func (d *Dev) origins() []string {
	port := portOf(d.Addr())
	return []string{"http://" + net.JoinHostPort("localhost", port), "http://" + net.JoinHostPort("127.0.0.1", port)}
}
