package web

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
)

// full is a listener of a process that may open no more files for a while.
type full struct {
	net.Listener
	times int
}

func (l *full) Accept() (net.Conn, error) {
	if l.times--; l.times >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

// Who comes while the process may open no more files waits, which is told once a minute.
func TestListener_Accept_noFiles(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	var log bytes.Buffer
	l := listen(&full{inner, 900}, slog.New(slog.NewTextHandler(&log, nil)))
	synctest.Test(t, func(t *testing.T) {
		came, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer came.Close()
		c, err := l.Accept() // 900 pauses of its own clock later
		if err != nil {
			t.Fatalf("Accept = %v, want who came", err)
		}
		defer c.Close()
	})
	if n := strings.Count(log.String(), "ulimit -n"); n != 2 {
		t.Errorf("it was told %d times in a minute and a half, want 2:\n%s", n, log.String())
	}
	inner.Close()
	if _, err := l.Accept(); err == nil {
		t.Error("Accept of a closed listener = nil, want an error")
	}
}
