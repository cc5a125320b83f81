package hosted

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Bounds of looking names up, and of links.
const (
	// lookupTimeout is how long one name may take.
	lookupTimeout = 3 * time.Second

	// linkWait is how long a link may take to come up, after a start of the server or
	// of the link, before the log tells that it has not: KeyDB tries once a second,
	// and one that greets a peer in vain is deaf for five.
	linkWait = 10 * time.Second
)

// mesh keeps the links of a server to its peers.
type mesh struct {
	cfg     Config
	listed  []endpoint
	port    uint16
	dir     string
	metrics *metrics
	server  commander
	waking  chan struct{} // holds a token when a round is wanted now

	// Only begin and then run use these.
	network string              // "ip4" or "ip6"
	own     map[netip.Addr]bool // with port, the server itself
	known   map[netip.AddrPort]*peer
	began   time.Time // when the server was last seen to have started
	named   bool      // this server is among those that the list stood for last

	mu     sync.Mutex
	wanted []netip.AddrPort // those of known to copy from; guarded by mu
}

// peer is an address that is, or was until lately, among the peers.
type peer struct {
	entry   int       // of the list that it stands in; -1 when the server had it by itself
	gone    time.Time // since when it is not among the peers; zero while it is
	asked   bool      // who it is has been found out
	self    bool      // it is this server, by a way around
	refused bool      // logged that it refuses to be asked
	told    bool      // logged that it was added
	linked  bool      // its link was up in the last round
	down    time.Time // since when the link has not been up; zero while it is
	warned  bool      // logged that it is down
	err     error     // of the last try to ask who it is
}

func newMesh(cfg Config, set settings, m *metrics, server commander) *mesh {
	return &mesh{
		cfg: cfg, listed: set.peers, port: set.listen.port, dir: set.dir, metrics: m, server: server,
		waking: make(chan struct{}, 1), known: map[netip.AddrPort]*peer{},
	}
}

// peers returns those that a server that starts now is to copy from.
func (m *mesh) peers() []netip.AddrPort {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.wanted)
}

// settle makes what is known what peers returns, and returns how many they are.
func (m *mesh) settle() int {
	var wanted []netip.AddrPort
	for at, p := range m.known {
		if !p.self && !m.expired(p) {
			wanted = append(wanted, at)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wanted = wanted
	return len(wanted)
}

// expired reports whether a peer has been gone for too long.
func (m *mesh) expired(p *peer) bool {
	return !p.gone.IsZero() && time.Since(p.gone) >= m.cfg.PeerTimeout
}

// wake asks for a round now.
func (m *mesh) wake() {
	select {
	case m.waking <- struct{}{}:
	default:
	}
}

// run keeps the links until ctx ends. Rounds of several servers drift apart.
func (m *mesh) run(ctx context.Context) {
	if len(m.listed) == 0 {
		return
	}
	for {
		timer := time.NewTimer(m.cfg.LookupInterval - rand.N(m.cfg.LookupInterval/10+1))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-m.waking:
			timer.Stop()
			m.began = time.Now()
		case <-timer.C:
			if err := m.look(ctx); err != nil && ctx.Err() == nil {
				m.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "peers not looked up", slog.Any("err", err))
			}
		}
		if err := m.link(ctx); err != nil && ctx.Err() == nil {
			m.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "links not looked after", slog.Any("err", err))
		}
	}
}

// answer is what an entry of the list stands for.
type answer struct {
	addrs []netip.Addr
	err   error
}

// look looks all peers up and notes who is there and who is not.
//
// A name that cannot be looked up says nothing about its addresses: the time of none
// begins or goes on. Of a name that is unknown, or stands for nothing, those whose
// link is up stay. One that stands for others now tells that the rest are gone. The
// error tells of names that could not be looked up, other than unknown ones.
func (m *mesh) look(ctx context.Context) error {
	answers := make([]answer, len(m.listed))
	var wg sync.WaitGroup
	for i, e := range m.listed {
		wg.Go(func() { answers[i] = m.lookUp(ctx, e.host) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}

	present := map[netip.AddrPort]bool{}
	var errs []error
	m.named = false
	for i, a := range answers {
		errs = append(errs, a.err)
		for _, addr := range a.addrs {
			at := netip.AddrPortFrom(addr, m.listed[i].port)
			if m.own[addr] && at.Port() == m.port {
				m.named = true
				continue
			}
			present[at] = true
			p := m.known[at]
			if p == nil {
				p = &peer{}
				m.known[at] = p
			}
			p.entry, p.gone = i, time.Time{}
		}
	}
	for at, p := range m.known {
		switch {
		case present[at]:
		case p.entry >= 0 && answers[p.entry].err != nil:
			if !p.gone.IsZero() {
				p.gone = time.Now()
			}
		case p.entry >= 0 && len(answers[p.entry].addrs) == 0 && p.linked:
			p.gone = time.Time{}
		case p.gone.IsZero():
			p.gone = time.Now()
			m.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "peer is no longer listed",
				slog.String("peer", at.String()), slog.Duration("kept_for", m.cfg.PeerTimeout))
		}
	}
	m.settle()
	return errors.Join(errs...)
}

// lookUp returns the addresses of a host, an unknown name's being none.
func (m *mesh) lookUp(ctx context.Context, host string) answer {
	if addr, err := netip.ParseAddr(host); err == nil {
		return answer{addrs: []netip.Addr{addr}}
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	addrs, err := m.cfg.Resolver.LookupNetIP(ctx, m.network, host)
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return answer{}
	}
	if err != nil {
		return answer{err: err}
	}
	addrs = slices.Clone(addrs)
	for i := range addrs {
		addrs[i] = addrs[i].Unmap().WithZone("")
	}
	return answer{addrs: addrs}
}

// link makes the server's links those to the peers that are known.
func (m *mesh) link(ctx context.Context) error {
	has, err := m.server.links(ctx)
	if err != nil {
		return err // it is down: its settings will have them
	}
	for at := range has { // it had them before this process looked
		if m.known[at] == nil {
			m.known[at] = &peer{entry: -1, gone: time.Now()}
		}
	}
	for at, p := range m.known { // why its link is down, or who it is now
		p.asked = p.asked && (p.self || has[at])
	}
	m.ask(ctx)

	var errs []error
	up := 0
	for at, p := range m.known {
		linked, exists := has[at]
		if p.self || m.expired(p) {
			errs = append(errs, m.forget(ctx, at, p, exists))
			continue
		}
		if !exists {
			if err := m.server.add(ctx, at); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		m.tell(ctx, at, p, linked)
		if linked {
			up++
		}
	}
	m.metrics.peers.Set(float64(m.settle()))
	m.metrics.linksUp.Set(float64(up))
	return errors.Join(errs...)
}

// tell logs what has changed of a peer. That links are down when the server has just
// started goes without saying for a while.
func (m *mesh) tell(ctx context.Context, at netip.AddrPort, p *peer, linked bool) {
	attrs := []slog.Attr{slog.String("peer", at.String())}
	if !p.told {
		p.told = true
		m.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "peer added", attrs...)
	}
	if linked {
		if p.warned {
			attrs = append(attrs, slog.Duration("down_for", time.Since(p.down).Round(time.Second)))
		}
		if !p.linked {
			m.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "link to peer is up", attrs...)
		}
		p.linked, p.warned, p.down = true, false, time.Time{}
		return
	}
	if p.down.IsZero() {
		p.down = time.Now()
	}
	broke := p.linked && time.Since(m.began) >= linkWait
	if !p.warned && (broke || time.Since(p.down) >= linkWait) {
		p.warned = true
		if p.err != nil {
			attrs = append(attrs, slog.Any("err", p.err))
		}
		m.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "link to peer is down", attrs...)
	}
	p.linked = false
}

// forget ends the link to a peer. What is the server itself stays known, so that
// it is not taken for a peer again while it is listed.
func (m *mesh) forget(ctx context.Context, at netip.AddrPort, p *peer, exists bool) error {
	if exists {
		if err := m.server.remove(ctx, at); err != nil {
			return err
		}
		m.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "peer removed", slog.String("peer", at.String()), slog.Bool("self", p.self))
	}
	if m.expired(p) {
		delete(m.known, at)
	}
	return nil
}

// ask finds out which of the peers that have not told yet is this server itself,
// seen by a way around such as a published port: a server that copies from itself
// is deaf most of the time. It also tells of peers with another password.
func (m *mesh) ask(ctx context.Context) {
	var wg sync.WaitGroup
	var self string
	for at, p := range m.known {
		if p.asked || !p.gone.IsZero() {
			continue
		}
		if self == "" {
			var err error
			if self, err = m.server.identity(ctx, netip.AddrPort{}); err != nil {
				break
			}
		}
		wg.Go(func() {
			id, err := m.server.identity(ctx, at)
			p.err = err
			if err == nil {
				p.asked, p.self = true, id == self
			} else if answer, ok := errors.AsType[redis.Error](err); ok && !p.refused && !strings.HasPrefix(answer.Error(), "LOADING") {
				p.refused = true
				m.cfg.Logger.LogAttrs(ctx, slog.LevelError, "peer refuses to be asked: has it the same secret?",
					slog.String("peer", at.String()), slog.Any("err", answer))
			}
		})
	}
	wg.Wait()
}
