package keydbtest

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Patience is how long something may take that should take no time, or a few seconds when
// servers greet each other at an unlucky moment.
const Patience = 2 * time.Minute

// Options say how a server is started. The zero value is a Redis alone.
type Options struct {
	// Program is "redis-server" or "keydb-server". Default "redis-server".
	Program string

	// Password is what clients and replicas have to give. Default none.
	Password string

	// Args are further settings: "--appendonly", "yes".
	Args []string

	// Prefix is a command that runs the server, such as faketime and its arguments.
	Prefix []string

	// TLS are the authorities that sign the server's certificate, which Args name.
	// Its port takes TLS alone then.
	TLS *x509.CertPool

	// Port is the port to listen at. Default a free one.
	Port int
}

// Server is a server that a test started.
type Server struct {
	tb   testing.TB
	opts Options
	Dir  string // where its data and its log are
	Port int

	client *redis.Client
	cmd    *exec.Cmd
	orders io.WriteCloser // to the shell that holds the server
	pid    int            // 0 while it does not run
	from   []int          // ports of whom it copies, which a restart begins with
}

// Have returns the path of program. If it is not there, it skips the test or fails it.
func Have(tb testing.TB, program string) (path string) {
	tb.Helper()
	path, err := exec.LookPath(program)
	switch {
	case err == nil:
	case program == "redis-server" && os.Getenv("CI") != "":
		tb.Fatal("redis-server is missing: apt-get install redis-server")
	case program == "redis-server":
		tb.Skip("redis-server is missing: apt-get install redis-server")
	default:
		tb.Skipf("no %s on PATH: Debian has no package of it; put a KeyDB 6.3.4 on PATH to run this", program)
	}
	return path
}

// Start starts a server and waits until it answers. It is killed when the test ends.
func Start(tb testing.TB, opts Options) *Server {
	tb.Helper()
	if opts.Program == "" {
		opts.Program = "redis-server"
	}
	Have(tb, opts.Program)
	s := &Server{tb: tb, opts: opts, Dir: tb.TempDir(), Port: opts.Port}
	if s.Port == 0 {
		s.Port = freePort(tb)
	}
	options := redis.Options{
		Addr: s.Addr(), Password: opts.Password, Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialerRetries: 1,
		DialTimeout: time.Second, ReadTimeout: Patience,
	}
	if opts.TLS != nil {
		options.TLSConfig = &tls.Config{RootCAs: opts.TLS, MinVersion: tls.VersionTLS12}
	}
	s.client = redis.NewClient(&options)
	tb.Cleanup(func() {
		s.Kill()
		s.client.Close()
	})
	s.start()
	s.Wait()
	return s
}

// freePort returns a port that nobody listens at, nor at the one 10,000 above it, where a
// server in cluster mode listens too. The system gives neither to who asks for any port.
func freePort(tb testing.TB) int {
	tb.Helper()
	for range 100 {
		port := 10_240 + rand.IntN(12_000)
		if isFree(port) && isFree(port+10_000) {
			return port
		}
	}
	tb.Fatal("no port is free")
	return 0
}

func isFree(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// holder runs a server, prints its process id and waits for the name of the signal
// that ends it. Without one, since the test is gone, it is KILL.
const holder = `"$@" </dev/null >>"$LOG" 2>&1 & echo $!; read -r how; kill -"${how:-KILL}" $!; wait $!`

func (s *Server) start() {
	s.tb.Helper()
	args := append(slices.Clone(s.opts.Prefix), s.opts.Program,
		"--port", strconv.Itoa(s.Port), "--bind", "127.0.0.1", "--dir", s.Dir, "--save", "", "--repl-diskless-sync-delay", "0")
	if s.opts.TLS != nil {
		args = append(args, "--port", "0", "--tls-port", strconv.Itoa(s.Port))
	}
	if s.opts.Password != "" {
		args = append(args, "--requirepass", s.opts.Password, "--masterauth", s.opts.Password)
	}
	args = append(args, s.opts.Args...)
	for _, port := range s.from {
		args = append(args, "--replicaof", "127.0.0.1", strconv.Itoa(port))
	}
	s.cmd = exec.Command("sh", append([]string{"-c", holder, "sh"}, args...)...)
	s.cmd.Env = append(os.Environ(), "LOG="+filepath.Join(s.Dir, "server.log"))
	orders, err := s.cmd.StdinPipe()
	if err != nil {
		s.tb.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.tb.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	s.orders = orders
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.tb.Fatalf("start %s: %v", s.opts.Program, err)
	}
	if s.pid, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		s.tb.Fatal(err)
	}
}

// Wait waits until the server answers and has loaded its data.
func (s *Server) Wait() {
	s.tb.Helper()
	s.Until("an answer", func(ctx context.Context) (string, bool) {
		err := s.client.Ping(ctx).Err()
		return fmt.Sprint(err), err == nil
	})
}

// Until waits until done says so, and fails with what it said last.
func (s *Server) Until(what string, done func(ctx context.Context) (last string, ok bool)) {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		last, ok := done(ctx)
		if ok {
			return
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			s.tb.Fatalf("%s at %s: no %s after %v: %s\n%s", s.opts.Program, s.Addr(), what, Patience, last, s.tail())
		}
	}
}

// tail returns the end of the server's log.
func (s *Server) tail() string {
	b, err := os.ReadFile(filepath.Join(s.Dir, "server.log"))
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}

// Addr returns where the server listens.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// URL returns the server's URL.
func (s *Server) URL() string {
	u := url.URL{Scheme: "redis", Host: s.Addr()}
	if s.opts.Password != "" {
		u.User = url.UserPassword("", s.opts.Password)
	}
	return u.String()
}

// Client returns a client of the server, for what another program would do.
func (s *Server) Client() *redis.Client { return s.client }

// Do sends a command and returns its answer as text.
func (s *Server) Do(args ...any) string {
	s.tb.Helper()
	v, err := s.client.Do(context.Background(), args...).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		s.tb.Fatalf("%v at %s: %v", args, s.Addr(), err)
	}
	return fmt.Sprint(v)
}

// end ends the server by a signal and waits for it to be gone.
func (s *Server) end(signal string) {
	if s.pid == 0 {
		return
	}
	s.pid = 0
	io.WriteString(s.orders, signal+"\n") //nolint:errcheck // the end of it does the same
	s.orders.Close()
	s.cmd.Wait() //nolint:errcheck // it was killed
}

// Kill ends the server with SIGKILL.
func (s *Server) Kill() { s.end("KILL") }

// Stop ends the server with SIGTERM.
func (s *Server) Stop() { s.end("TERM") }

// Pause stops the server where it is: its connections stay and it does not answer.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.tb.Helper()
	if err := syscall.Kill(s.pid, sig); err != nil {
		s.tb.Fatal(err)
	}
}

// Restart starts a server that was ended again, with its data or without, and copying
// whom it copied before from its first moment on.
func (s *Server) Restart(keepDisk bool) {
	s.tb.Helper()
	s.Kill()
	if !keepDisk {
		s.wipe()
	}
	s.start()
	s.Wait()
}

// wipe empties the server's folder, but for its log.
func (s *Server) wipe() {
	s.tb.Helper()
	files, err := os.ReadDir(s.Dir)
	if err != nil {
		s.tb.Fatal(err)
	}
	for _, f := range files {
		if f.Name() == "server.log" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.Dir, f.Name())); err != nil {
			s.tb.Fatal(err)
		}
	}
}
