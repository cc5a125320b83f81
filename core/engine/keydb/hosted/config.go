package hosted

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
)

// Config sets up a Server. Dir is required.
type Config struct {
	// Bin is the server's program: a path, or a name to be found on PATH. Default
	// "keydb-server". Redis and Valkey do as well while there are no Peers: they
	// take writes in one place only.
	Bin string

	// Dir is the folder of the server's files. It is made where it is missing.
	Dir string

	// Password is what clients and peers have to say, the same at all peers; see
	// the function Password. It is required with Peers, and where Listen is more
	// than this machine.
	Password string

	// Listen is the address for peers, host:port: a private address of this machine
	// or a name of it, such as "fly-local-6pn:6379", or "0.0.0.0:6379" for all.
	// The server also listens on 127.0.0.1. Default "127.0.0.1:6379".
	Listen string

	// Peers are the servers of the other regions, each as host or host:port; the
	// port is that of Listen otherwise. A name stands for all addresses it has at
	// the moment, and this server's own are left out, so that all regions may have
	// the same list.
	Peers []string

	// PeerTimeout is how long an address may be gone from what Peers stand for
	// before its link is removed. Default 10 min: longer than a restart takes.
	PeerTimeout time.Duration

	// MaxMemory is the most that the server's data may take, in bytes ("268435456",
	// "256mb", "1gb") or as a share of what this container or machine has ("50%").
	// Above it writes are refused; nothing is ever evicted. Default "50%", which
	// leaves room for the forks that rewrite the file, for the links' buffers and
	// for this binary. It should be the same in all regions, which hold the same
	// data: a full server also refuses what its peers send.
	MaxMemory string

	// LogLevel is how much the server says: debug, verbose, notice or warning.
	// Default notice.
	LogLevel string

	// StopTimeout is how long the server may take to end before it is killed.
	// Default 10 s.
	StopTimeout time.Duration

	// HangTimeout is how long the server may leave every question unanswered, also
	// that for its life while it loads, before it is killed and started again.
	// Default 1 min: a KeyDB that greets a peer in vain is deaf for 5 s.
	HangTimeout time.Duration

	// LockTimeout is how long to wait for an earlier server that still uses Dir.
	// Default 30 s.
	LockTimeout time.Duration

	// LookupInterval is the time between two looks at Peers. Default 5 s.
	LookupInterval time.Duration

	// Resolver looks names up. Default net.DefaultResolver.
	Resolver Resolver

	// Logger gets the server's lines and what happens to it. Default discards.
	Logger *slog.Logger

	// Registerer gets the metrics. Default none.
	Registerer prometheus.Registerer
}

// Resolver is the part of net.Resolver that finds peers.
type Resolver interface {
	// LookupNetIP returns the addresses of host; network is "ip4" or "ip6".
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// defaultPort is where KeyDB and Redis listen by habit, so that a plain redis-cli
// finds the server.
const defaultPort = 6379

// endpoint is a host, which is a name or an address, and a port.
type endpoint struct {
	host string
	port uint16
}

func (e endpoint) String() string { return net.JoinHostPort(e.host, strconv.Itoa(int(e.port))) }

// setDefaults fills in what is not set.
func (c *Config) setDefaults() {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&c.Bin, "keydb-server")
	set(&c.Listen, "127.0.0.1:"+strconv.Itoa(defaultPort))
	set(&c.MaxMemory, "50%")
	set(&c.LogLevel, "notice")
	duration := func(field *time.Duration, value time.Duration) {
		if *field == 0 {
			*field = value
		}
	}
	duration(&c.PeerTimeout, 10*time.Minute)
	duration(&c.StopTimeout, 10*time.Second)
	duration(&c.HangTimeout, time.Minute)
	duration(&c.LockTimeout, 30*time.Second)
	duration(&c.LookupInterval, 5*time.Second)
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// settings is what a Config's strings mean.
type settings struct {
	dir       string // absolute
	listen    endpoint
	peers     []endpoint
	maxMemory int64 // bytes
	bin       program
}

// check returns what the strings of c mean, or every fault in them.
func (c *Config) check() (settings, error) {
	var s settings
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	var err error
	if s.listen, err = parseEndpoint(c.Listen, 0); err != nil {
		bad("listen address %q: want an address of this machine and a port, such as 127.0.0.1:6379 or fly-local-6pn:6379", c.Listen)
	}
	port := s.listen.port
	if port == 0 {
		port = defaultPort
	}
	for _, peer := range c.Peers {
		p, err := parseEndpoint(peer, port)
		if err != nil {
			bad("peer %q: want a name or an address, with or without a port, such as lhr.example.com:6379", peer)
			continue
		}
		if !slices.Contains(s.peers, p) {
			s.peers = append(s.peers, p)
		}
	}
	switch {
	case c.Password == "" && len(c.Peers) > 0:
		bad("peers need a password, the same in all regions: set the secret")
	case c.Password == "" && s.listen.host != "" && !isLoopback(s.listen.host):
		bad("listen address %q can be reached from elsewhere: set the secret, or listen on 127.0.0.1", c.Listen)
	case len(c.Password) > 512 || strings.ContainsFunc(c.Password, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }):
		bad("password of %d bytes: want at most 512 printable characters of ASCII", len(c.Password))
	}
	if s.maxMemory, err = parseMemory(c.MaxMemory, machineMemory); err != nil {
		errs = append(errs, err)
	}
	if !slices.Contains([]string{"debug", "verbose", "notice", "warning"}, c.LogLevel) {
		bad("server's log level %q: want debug, verbose, notice or warning", c.LogLevel)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"peer timeout", c.PeerTimeout},
		{"stop timeout", c.StopTimeout},
		{"hang timeout", c.HangTimeout},
		{"lock timeout", c.LockTimeout},
		{"lookup interval", c.LookupInterval},
	} {
		if d.value < 0 {
			bad("%s of %v: want a positive time", d.name, d.value)
		}
	}
	if s.bin, err = findProgram(c.Bin); err != nil {
		errs = append(errs, err)
	} else if len(c.Peers) > 0 && !s.bin.multiMaster() {
		bad("%s is %s, which takes writes in one place only: peers need keydb-server", c.Bin, s.bin)
	}
	if s.dir, err = openFolder(c.Dir, s.bin); err != nil {
		errs = append(errs, err)
	}
	return s, errors.Join(errs...)
}

// parseEndpoint reads host:port, or a host alone where port is not 0.
func parseEndpoint(s string, port uint16) (endpoint, error) {
	if addr, err := netip.ParseAddr(s); err == nil && port != 0 { // also an IPv6 address without brackets
		return endpoint{addr.Unmap().String(), port}, nil
	}
	host := s
	if h, p, err := net.SplitHostPort(s); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return endpoint{}, fmt.Errorf("port %q", p)
		}
		host, port = h, uint16(n)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.Unmap().String()
	} else if host == "" || len(host) > 253 || strings.Trim(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") != "" {
		return endpoint{}, fmt.Errorf("host %q", host)
	}
	if port == 0 {
		return endpoint{}, errors.New("no port")
	}
	return endpoint{host, port}, nil
}

// isLoopback reports whether host is this machine, as only itself sees it.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback() || host == "localhost"
}

// openFolder makes the data folder where it is missing and makes sure that files
// can be written there, and that those in it can be read by bin.
func openFolder(dir string, bin program) (string, error) {
	if dir == "" {
		return "", errors.New("data folder: missing; the server keeps its files there")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	f, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	_ = f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	// KeyDB would not see what a newer Redis has written there, and start empty.
	if bin.kind == keyDB && exists(dir, "appendonlydir") && !exists(dir, aofFile) {
		return "", fmt.Errorf("data folder %s holds the files of a Redis or Valkey, which KeyDB cannot read: use another folder", dir)
	}
	return dir, nil
}

func exists(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}
