package web

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// listener knows its connections on which nobody has said anything yet. Browsers
// open some before they need them, and fasthttp's Shutdown waits for those as if a
// request were on its way.
type listener struct {
	net.Listener

	mu     sync.Mutex
	unused map[*conn]struct{} // guarded by mu; nil once they have ended
}

// conn leaves its listener's unused at the first byte it reads.
type conn struct {
	net.Conn
	listener *listener
	used     atomic.Bool
}

func listen(ln net.Listener) *listener {
	return &listener{Listener: ln, unused: map[*conn]struct{}{}}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
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
