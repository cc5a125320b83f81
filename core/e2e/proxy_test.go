package e2e_test

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// proxy is a network between browsers and a server that can be made to fail.
type proxy struct {
	url    string // the page's address through it
	target string

	ln net.Listener
	wg sync.WaitGroup

	mu      sync.Mutex
	dialled int                // connections so far; guarded by mu
	links   map[*link]struct{} // guarded by mu
	refuses bool               // new connections are refused; guarded by mu
	mute    bool               // what the server says is lost; guarded by mu
	closed  bool               // guarded by mu
}

// link is one connection through the proxy.
type link struct {
	browser, server net.Conn
	dead            bool // nothing gets through any more, either way; guarded by proxy.mu
}

// startProxy starts a proxy to a server's page until the test ends.
func startProxy(tb testing.TB, target string) *proxy {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &proxy{url: "http://" + ln.Addr().String(), target: target, ln: ln, links: map[*link]struct{}{}}
	p.wg.Go(p.accept)
	tb.Cleanup(func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		ln.Close()
		p.cut()
		p.wg.Wait()
	})
	return p
}

// refuse makes the proxy refuse connections, or take them again.
func (p *proxy) refuse(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = yes
}

// swallow makes the proxy lose what the server says, or pass it on again.
func (p *proxy) swallow(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = yes
}

// cut breaks all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.browser.Close()
		l.server.Close()
	}
}

// deaden makes all connections lose what is said over them, either way, without an end:
// as when something between the two has forgotten them. New ones are as good as ever.
func (p *proxy) deaden() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.dead = true
	}
}

// calls returns how many connections were asked for so far.
func (p *proxy) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dialled
}

func (p *proxy) accept() {
	for {
		browser, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.connect(browser) })
	}
}

// connect is the life of one link.
func (p *proxy) connect(browser net.Conn) {
	defer browser.Close()
	p.mu.Lock()
	p.dialled++
	refused := p.refuses || p.closed
	p.mu.Unlock()
	if refused {
		if tcp, ok := browser.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, as from a machine where nobody listens
		}
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	l := &link{browser: browser, server: server}
	p.mu.Lock()
	p.links[l] = struct{}{}
	late := p.refuses || p.closed
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.links, l)
		p.mu.Unlock()
	}()
	if late { // the network broke between the look above and now
		return
	}
	var up sync.WaitGroup
	up.Go(func() {
		_ = p.pass(server, browser, func() bool { return l.dead }) // ends when either side does
		browser.Close()
		server.Close()
	})
	_ = p.pass(browser, server, func() bool { return l.dead || p.mute }) // ends when either side does
	browser.Close()
	server.Close()
	up.Wait()
}

// pass passes on what comes from one side, except what is lost, which is asked with mu
// held.
func (p *proxy) pass(to, from net.Conn, lost func() bool) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		drop := lost()
		p.mu.Unlock()
		if n > 0 && !drop {
			if _, err := to.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err != nil {
			return nil
		}
	}
}
