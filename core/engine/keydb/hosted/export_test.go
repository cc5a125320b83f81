package hosted

import (
	"context"
	"log/slog"
	"net/netip"
	"time"
)

// Names that tests use.
const (
	MinMemory = minMemory
	ConfFile  = confFile
)

// ParseMemory is parseMemory for a machine of total bytes, 0 for an unknown one.
func ParseMemory(s string, total int64) (int64, error) {
	return parseMemory(s, func() (int64, bool) { return total, total > 0 })
}

// SetClaimInterval makes claims faster.
func (s *Server) SetClaimInterval(d time.Duration) { s.claimInterval = d }

// Lines is what a server's output goes to.
type Lines struct{ *lines }

// NewLines returns Lines that log to log and leave secret out.
func NewLines(log *slog.Logger, secret string) Lines { return Lines{newLines(log, secret, newFolds())} }

func (l Lines) Flush()         { l.flush() }
func (l Lines) Reason() string { return l.reason() }

// ParseLinks is parseLinks.
func ParseLinks(text string) map[netip.AddrPort]bool { return parseLinks(text) }

// BackoffWaits returns the waits after lives of these lengths.
func BackoffWaits(lived ...time.Duration) []time.Duration {
	var b backoff
	var waits []time.Duration
	for _, l := range lived {
		waits = append(waits, b.next(l))
	}
	return waits
}

// MaxBackoff is the longest wait.
const MaxBackoff = maxBackoff

// Mesh is a mesh without a server.
type Mesh struct{ *mesh }

// Commander is the fake of a server by its functions.
type Commander struct {
	LinksFunc   func() (map[netip.AddrPort]bool, error)
	Add, Remove func(peer netip.AddrPort) error
	IdentityOf  func(peer netip.AddrPort) (string, error)
}

func (c Commander) links(context.Context) (links, error) { return c.LinksFunc() }

func (c Commander) add(_ context.Context, peer netip.AddrPort) error { return c.Add(peer) }

func (c Commander) remove(_ context.Context, peer netip.AddrPort) error { return c.Remove(peer) }

func (c Commander) identity(_ context.Context, peer netip.AddrPort) (string, error) {
	return c.IdentityOf(peer)
}

// NewMesh returns the mesh of a server that listens on listen.
func NewMesh(cfg Config, listen string, server Commander) (Mesh, error) {
	cfg.Listen = listen
	cfg.setDefaults()
	s := settings{dir: cfg.Dir}
	var err error
	if s.listen, err = parseEndpoint(listen, 0); err != nil {
		return Mesh{}, err
	}
	for _, p := range cfg.Peers {
		e, err := parseEndpoint(p, s.listen.port)
		if err != nil {
			return Mesh{}, err
		}
		s.peers = append(s.peers, e)
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return Mesh{}, err
	}
	return Mesh{newMesh(cfg, s, m, server)}, nil
}

// Begin, Run, Wake and Peers are begin, run, wake and peers.
func (m Mesh) Begin(ctx context.Context, bind ...netip.AddrPort) error { return m.begin(ctx, bind) }
func (m Mesh) Run(ctx context.Context)                                 { m.run(ctx) }
func (m Mesh) Wake()                                                   { m.wake() }
func (m Mesh) Peers() []netip.AddrPort                                 { return m.peers() }
