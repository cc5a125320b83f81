package web

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// listener knows its connections on which nobody has said anything yet. Browsers
// open some before they need them, and fasthttp's Shutdown waits for those as if a
// request were on its way.
type listener struct {
	net.Listener
	log    *slog.Logger
	warned time.Time // of Accept alone

	mu     sync.Mutex
	unused map[*conn]struct{} // guarded by mu; nil once they have ended
}

// conn leaves its listener's unused at the first byte it reads.
type conn struct {
	net.Conn
	listener *listener
	used     atomic.Bool
}

func listen(ln net.Listener, log *slog.Logger) *listener {
	return &listener{Listener: ln, log: log, unused: map[*conn]struct{}{}}
}

// How often somebody who has to wait for a file is looked after, and how often it is
// told that somebody waits.
const (
	acceptPause = 100 * time.Millisecond
	acceptWarns = time.Minute
)

// Accept implements net.Listener. While the process may open no more files, those who
// come wait, and nobody else notices: fasthttp would end the server.
func (l *listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	for ; err != nil && isPassing(err); inner, err = l.Listener.Accept() {
		if time.Since(l.warned) > acceptWarns {
			l.warned = time.Now()
			l.log.Warn("new connections wait: raise the limit of open files (ulimit -n), of which each takes one", slog.Any("err", err))
		}
		time.Sleep(acceptPause)
	}
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: inner, listener: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.unused == nil {
		_ = inner.Close()
	} else {
		l.unused[c] = struct{}{}
	}
	return c, nil
}

// isPassing reports whether an error of accepting says that it may work later.
func isPassing(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && errno.Temporary()
}

// endUnused closes the connections that are unused.
func (l *listener) endUnused() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.unused {
		_ = c.Conn.Close()
	}
	l.unused = nil
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && !c.used.Load() {
		c.use()
	}
	return n, err
}

// SyscallConn implements syscall.Conn, for who writes to the socket below.
func (c *conn) SyscallConn() (syscall.RawConn, error) {
	inner, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return inner.SyscallConn()
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.use()
	return c.Conn.Close()
}

func (c *conn) use() {
	c.used.Store(true)
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	delete(c.listener.unused, c)
}
