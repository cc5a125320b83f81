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
	links   map[*link]struct{} // guarded by mu
	refuses bool               // new connections are refused; guarded by mu
	mute    bool               // what the server says is lost; guarded by mu
	closed  bool               // guarded by mu
}

// link is one connection through the proxy.
type link struct{ browser, server net.Conn }

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
	l := &link{browser, server}
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
		_, _ = io.Copy(server, browser) // ends when either side does
		browser.Close()
		server.Close()
	})
	_ = p.down(browser, server) // ends when either side does
	browser.Close()
	server.Close()
	up.Wait()
}

// down passes on what the server says.
func (p *proxy) down(browser, server net.Conn) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := server.Read(buf)
		p.mu.Lock()
		mute := p.mute
		p.mu.Unlock()
		if n > 0 && !mute {
			if _, err := browser.Write(buf[:n]); err != nil {
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
