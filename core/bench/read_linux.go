package bench

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// reader reads for the sockets of a shard with one goroutine: one read a frame, where
// the runtime's poller needs two and a switch of goroutines. It measures a server that
// shares its machine, and has to leave it the processor.
type reader struct {
	shard  *shard
	epoll  int
	ending atomic.Bool
	ended  sync.WaitGroup
}

// openReader starts a reader; close ends it.
func openReader(s *shard) (*reader, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	r := &reader{shard: s, epoll: epoll}
	r.ended.Go(r.run)
	return r, nil
}

// raw is a socket without the runtime's poller.
type raw int

func (r raw) Write(b []byte) (int, error) { return syscall.Write(int(r), b) }

func (r raw) Close() error { return syscall.Close(int(r)) }

// watch reads from a socket from now on. It takes c over.
func (r *reader) watch(k *socket, c net.Conn) error {
	tcp, ok := c.(*net.TCPConn)
	if !ok { // TLS
		watchConn(r.shard, &r.ended, k, c)
		return nil
	}
	defer tcp.Close()
	control, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	fd, errDup := -1, error(nil)
	if err := control.Control(func(old uintptr) {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		if fd, errDup = syscall.Dup(int(old)); errDup == nil {
			syscall.CloseOnExec(fd)
		}
	}); err != nil || errDup != nil {
		return errors.Join(err, errDup)
	}
	k.conn = raw(fd)
	r.shard.add(k)
	r.shard.mu.Lock()
	index := len(r.shard.sockets) - 1
	for r.shard.sockets[index] != k { // others may have come meanwhile
		index--
	}
	r.shard.mu.Unlock()
	if err := syscall.EpollCtl(r.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(index)}); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// run reads until close.
func (r *reader) run() {
	events := make([]syscall.EpollEvent, 256)
	b := make([]byte, 64<<10)
	for !r.ending.Load() {
		n, err := syscall.EpollWait(r.epoll, events, 50) // milliseconds, to see that it is over
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
		r.shard.mu.Lock()
		for _, e := range events[:max(0, n)] {
			r.read(r.shard.sockets[e.Fd], b)
		}
		r.shard.mu.Unlock()
	}
}

// read reads once; shard.mu is held.
func (r *reader) read(k *socket, b []byte) {
	fd := int(k.conn.(raw))
	n, err := syscall.Read(fd, b)
	switch {
	case err != nil && (errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR)):
		return
	case err != nil:
		err = fmt.Errorf("the socket broke: %w", err)
	case n == 0:
		err = errors.New("the server closed the connection")
	default:
		err = r.shard.take(k, b[:n])
	}
	if err != nil {
		_ = syscall.EpollCtl(r.epoll, syscall.EPOLL_CTL_DEL, fd, nil) // it is not read any more
		r.shard.drop(k, err)
	}
}

// close ends reading and closes all sockets.
func (r *reader) close() {
	r.ending.Store(true)
	closeConns(r.shard)
	r.ended.Wait()
	for _, k := range r.shard.sockets { // not before nobody reads: the number is soon another file's
		if fd, ok := k.conn.(raw); ok {
			_ = fd.Close()
		}
	}
	_ = syscall.Close(r.epoll)
}
