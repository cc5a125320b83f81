package hosted

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Server is a keydb-server that this process runs.
type Server struct {
	cfg     Config
	set     settings
	metrics *metrics
	client  *redis.Client // to the server itself
	mesh    *mesh
	folds   *folds
	started chan struct{} // closed when the server works for the first time
	start   sync.Once     // of that

	life          string                          // tells this life from others of the folder, and of its copies
	endedLives    atomic.Pointer[map[string]bool] // earlier lives that surely have; nil before the folder is locked
	claimInterval time.Duration                   // defaultClaimInterval; shorter in tests
}

// New returns a server that Run starts. It runs nothing but the program's
// --version, makes the data folder where it is missing, and reports all that is
// wrong with cfg at once.
func New(cfg Config) (*Server, error) {
	cfg.setDefaults()
	set, err := cfg.check()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, set: set, metrics: m, folds: newFolds(), started: make(chan struct{}), life: rand.Text(), claimInterval: defaultClaimInterval}
	s.client = dial(s.localAddr(), cfg.Password)
	s.mesh = newMesh(cfg, set, m, &node{client: s.client, password: cfg.Password})
	return s, nil
}

// URL returns the address of the server for this machine, with the password, such
// as redis://:5ecret@127.0.0.1:6379/0. It is good before Run, and does not change.
func (s *Server) URL() string {
	u := url.URL{Scheme: "redis", Host: s.localAddr(), Path: "/0"}
	if s.cfg.Password != "" {
		u.User = url.UserPassword("", s.cfg.Password)
	}
	return u.String()
}

// localAddr is where this process finds the server: bindAddrs always has it.
func (s *Server) localAddr() string {
	host := "127.0.0.1"
	if addr, err := netip.ParseAddr(s.set.listen.host); err == nil && addr.IsLoopback() {
		host = addr.String()
	}
	return endpoint{host, s.set.listen.port}.String()
}

// Started is closed when the server works for the first time.
func (s *Server) Started() <-chan struct{} { return s.started }

// Run starts the server, watches it and starts it again whenever it ends, keeps
// its links, and stops it when ctx ends; then it returns nil. An error means that
// it cannot work: the folder or the port is taken, a name of this machine is
// unknown, or the server ended before it had ever answered. Run is called once.
func (s *Server) Run(ctx context.Context) error {
	defer s.client.Close()
	if err := s.run(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

func (s *Server) run(ctx context.Context) error {
	bind, err := s.bindAddrs(ctx)
	if err != nil {
		return err
	}
	host, lock, err := s.lockFolder(ctx)
	if err != nil {
		return err
	}
	defer host.Close()
	defer lock.Close()
	if err := s.noteLife(host); err != nil {
		return err
	}
	if err := tryPorts(ctx, bind); err != nil {
		return err
	}
	if err := s.mesh.begin(ctx, bind); err != nil {
		return err
	}

	meshed := make(chan struct{})
	meshCtx, stopMesh := context.WithCancel(ctx)
	go func() {
		defer close(meshed)
		s.mesh.run(meshCtx)
	}()
	defer func() {
		stopMesh()
		<-meshed
	}()
	return s.supervise(ctx, lock, bind)
}

// supervise starts the server again whenever it ends.
func (s *Server) supervise(ctx context.Context, lock *os.File, bind []netip.AddrPort) error {
	var wait backoff
	for worked := false; ; {
		started := time.Now()
		answered, err := s.live(ctx, lock, bind)
		worked = worked || answered
		switch {
		case ctx.Err() != nil:
			return nil
		case !worked:
			return fmt.Errorf("run the server: %w", err)
		}
		lived := time.Since(started)
		pause := wait.next(lived)
		s.cfg.Logger.LogAttrs(ctx, slog.LevelError, "keydb server restarts",
			slog.Any("err", err), slog.Duration("lived", lived), slog.Duration("pause", pause))
		if !sleep(ctx, pause) {
			return nil
		}
		s.metrics.restarts.Inc()
	}
}

// bindAddrs returns where the server is to listen: the address that peers know it
// by first, since links to peers come from there, and the one that this process
// uses.
func (s *Server) bindAddrs(ctx context.Context) ([]netip.AddrPort, error) {
	host, port := s.set.listen.host, s.set.listen.port
	addr, err := netip.ParseAddr(host)
	if err != nil {
		if addr, err = s.lookUpSelf(ctx, host); err != nil {
			return nil, err
		}
	}
	bind := []netip.AddrPort{netip.AddrPortFrom(addr, port)}
	local := netip.MustParseAddrPort(s.localAddr())
	if addr != netip.IPv4Unspecified() && bind[0] != local {
		bind = append(bind, local)
	}
	return bind, nil
}

// lookUpSelf returns the address of a name of this machine; of several one of
// version 4 first, since a server and its peers use one version.
func (s *Server) lookUpSelf(ctx context.Context, host string) (netip.Addr, error) {
	var errs []error
	for _, network := range []string{"ip4", "ip6"} {
		addrs, err := s.cfg.Resolver.LookupNetIP(ctx, network, host)
		if err == nil && len(addrs) > 0 {
			return addrs[0].Unmap(), nil
		}
		errs = append(errs, err)
	}
	if ctx.Err() != nil {
		return netip.Addr{}, context.Cause(ctx)
	}
	return netip.Addr{}, fmt.Errorf("look up listen address %q: %w", host, errors.Join(errs...))
}

// tryPorts makes sure that nobody else listens where the server is going to:
// servers of several threads would share a port without a word.
func tryPorts(ctx context.Context, bind []netip.AddrPort) error {
	for _, addr := range bind {
		var config net.ListenConfig
		ln, err := config.Listen(ctx, "tcp", addr.String())
		if err != nil {
			return fmt.Errorf("the server cannot listen on %s (--keydb-listen): %w", addr, err)
		}
		_ = ln.Close()
	}
	return nil
}

// dial returns a client that asks once and says at once what went wrong.
func dial(addr, password string) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: addr, Password: password, Protocol: 2,
		MaxRetries: -1, DialTimeout: 2 * time.Second, DialerRetries: 1, ContextTimeoutEnabled: true,
		PoolSize: 4, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// ownAddrs returns the addresses under which peers may find a server that listens
// on bind.
func ownAddrs(bind []netip.AddrPort) (map[netip.Addr]bool, error) {
	own := map[netip.Addr]bool{netip.MustParseAddr("127.0.0.1"): true, netip.IPv6Loopback(): true}
	for _, b := range bind {
		own[b.Addr()] = true
	}
	if !slices.ContainsFunc(bind, func(b netip.AddrPort) bool { return b.Addr().IsUnspecified() }) {
		return own, nil
	}
	nets, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list addresses of this machine: %w", err)
	}
	for _, n := range nets {
		if prefix, err := netip.ParsePrefix(n.String()); err == nil {
			own[prefix.Addr().Unmap()] = true
		}
	}
	return own, nil
}
