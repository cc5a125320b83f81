package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-plugin/runner"
)

// drainTime is how long the pipes of an ended process are still read. A
// grandchild may hold them open for ever.
const drainTime = 200 * time.Millisecond

// memoryInterval is how often a process's memory is looked at: a program takes a
// gigabyte in half a second.
const memoryInterval = 100 * time.Millisecond

// child is one operating system process, as go-plugin wants to see it.
type child struct {
	cmd    *exec.Cmd
	output *lines // takes standard error
	limit  int64  // of memory, in bytes
	nice   int    // how far it gives way to others

	tooLarge atomic.Pointer[error] // why it was killed, if it took too much memory

	stdout, stderr *os.File      // read ends
	reaped         chan struct{} // closed when it has ended
	exited         chan struct{} // closed when its output is read, too
	waitErr        error         // how it ended; read after reaped
	reading        sync.WaitGroup

	mu      sync.Mutex
	started bool // guarded by mu
	killed  bool // by Kill; guarded by mu
}

var _ runner.Runner = (*child)(nil)

func newChild(cmd *exec.Cmd, output *lines, cfg Config) *child {
	return &child{
		cmd: cmd, output: output, limit: cfg.MemoryLimit, nice: cfg.Nice,
		reaped: make(chan struct{}), exited: make(chan struct{}),
	}
}

// Start implements runner.Runner.
func (c *child) Start(context.Context) error {
	started := make(chan error, 1)
	go c.live(started) // join waits for it
	return <-started
}

// live starts the process and stays until it has ended. The kernel takes the end
// of the thread that started a process for the end of its parent
// (PR_SET_PDEATHSIG), so this goroutine keeps that thread for itself.
func (c *child) live(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.exited)
	if c.waitErr = c.start(); c.waitErr != nil {
		started <- c.waitErr
		return
	}
	c.reading.Go(func() { _, _ = io.Copy(c.output, c.stderr) })
	c.reading.Go(c.watchMemory)
	started <- nil
	awaitEnd(c.cmd.Process)
	c.waitErr = c.cmd.Wait()
	close(c.reaped)
	deadline := time.Now().Add(drainTime)
	_ = c.stdout.SetReadDeadline(deadline)
	_ = c.stderr.SetReadDeadline(deadline)
	c.reading.Wait()
}

// watchMemory kills the process when it takes too much memory, whatever it is doing:
// starting, working or ending. All features are looked at in the same moment, for which
// the host wakes up once.
func (c *child) watchMemory() {
	var memory residence
	defer memory.close()
	timer := time.NewTimer(untilLook(time.Now()))
	defer timer.Stop()
	for {
		select {
		case <-c.reaped:
			return
		case <-timer.C:
			timer.Reset(untilLook(time.Now()))
		}
		if size, ok := memory.bytes(c.pid()); ok && size > c.limit {
			err := fmt.Errorf("feature holds %d MiB of memory: at most %d are allowed", size>>20, c.limit>>20)
			c.tooLarge.CompareAndSwap(nil, &err)
			_ = c.Kill(context.Background())
		}
	}
}

// untilLook is how long it is until memory is looked at next.
func untilLook(now time.Time) time.Duration {
	return now.Truncate(memoryInterval).Add(memoryInterval).Sub(now)
}

func (c *child) start() error {
	stdout, stdoutW, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	stderr, stderrW, err := os.Pipe()
	if err != nil {
		return errors.Join(fmt.Errorf("make pipe: %w", err), stdout.Close(), stdoutW.Close())
	}
	c.stdout, c.stderr = stdout, stderr
	// Files are handed to the process as they are, so that cmd.Wait waits for
	// the process and not for whoever else holds its output open.
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = nil, stdoutW, stderrW
	setProcessAttributes(c.cmd)

	c.mu.Lock() // no Kill between the check and the start
	defer c.mu.Unlock()
	if c.killed {
		err = errors.New("stopped before it was started")
	} else {
		err = c.cmd.Start()
		if c.started = err == nil; c.started {
			preferAsVictim(c.cmd.Process.Pid)
			giveWay(c.cmd.Process.Pid, c.nice)
		}
	}
	stdoutW.Close()
	stderrW.Close()
	if err != nil {
		stdout.Close()
		stderr.Close()
		return fmt.Errorf("start process: %w", err)
	}
	return nil
}

// Wait implements runner.Runner.
func (c *child) Wait(context.Context) error {
	<-c.exited
	if c.stdout != nil {
		c.stdout.Close()
		c.stderr.Close()
	}
	return c.waitErr
}

// Kill implements runner.Runner. It may be called at any time, by anybody.
func (c *child) Kill(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.killed = true
	if !c.started {
		return nil
	}
	return killProcess(c.cmd.Process)
}

// leaves waits up to d for the process to end and says how it did, nil when it
// did not, was never started, or died of Kill.
func (c *child) leaves(d time.Duration) error {
	c.mu.Lock()
	started, killed := c.started, c.killed
	c.mu.Unlock()
	if !started {
		return nil
	}
	select {
	case <-c.reaped:
	case <-time.After(d):
		return nil
	}
	<-c.exited // soon: what it said last says why
	exit, ok := errors.AsType[*exec.ExitError](c.waitErr)
	switch {
	case c.waitErr == nil:
		return errors.New("exit status 0")
	case killed && ok && exit.ExitCode() < 0: // by a signal, and not the first
		return nil
	}
	return c.waitErr
}

// join waits for all that Start has begun. The process has ended or was killed.
func (c *child) join() {
	c.mu.Lock()
	started := c.started
	c.mu.Unlock()
	if started {
		<-c.exited
	}
}

// Stdout implements runner.Runner: the handshake, after which go-plugin reads on and
// drops what comes.
func (c *child) Stdout() io.ReadCloser { return paced{c.stdout, newPace()} }

// Stderr implements runner.Runner. go-plugin sees nothing of it: its reader
// panics, in the host, on a line such as {"@message":1}.
func (c *child) Stderr() io.ReadCloser { return io.NopCloser(eof{}) }

// Name implements runner.Runner.
func (c *child) Name() string { return c.cmd.Path }

// ID implements runner.Runner: the process id, "" before the start.
func (c *child) ID() string {
	if pid := c.pid(); pid > 0 {
		return strconv.Itoa(pid)
	}
	return ""
}

// pid is the process id, 0 before the start.
func (c *child) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.started {
		return 0
	}
	return c.cmd.Process.Pid
}

// Diagnose implements runner.Runner.
func (c *child) Diagnose(context.Context) string { return "" }

// PluginToHost implements runner.AddrTranslator.
func (c *child) PluginToHost(network, addr string) (string, string, error) {
	return network, addr, nil
}

// HostToPlugin implements runner.AddrTranslator.
func (c *child) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}

// eof is an empty reader.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// ignoreDone turns the news that a process has ended already into success.
func ignoreDone(err error) error {
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
