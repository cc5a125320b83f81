package hosted

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Times between two questions to the server: whether it works, until it first does
// and after that, and to end.
const (
	askFirst = 50 * time.Millisecond
	askLater = time.Second
	askAgain = 500 * time.Millisecond
)

// child is one life of the server.
type child struct {
	cmd   *exec.Cmd
	lines *lines
	life  context.Context // ends when it has ended
	err   error           // why; written before life ends
}

// childEnv is the server's environment: what programs need to start, and none of
// this process's secrets.
func childEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		switch {
		case strings.HasPrefix(name, "LD_"), strings.HasPrefix(name, "DYLD_"), strings.HasPrefix(name, "LC_"):
			return false
		}
		return !slices.Contains([]string{"PATH", "HOME", "LANG", "TZ", "TMPDIR", "SYSTEMROOT"}, name)
	})
}

// tidy removes what servers that were killed had not finished writing: nobody else
// does, and each may be as large as all the data.
func (s *Server) tidy() error {
	for _, pattern := range []string{"temp-*.aof", "temp-*.rdb"} {
		names, err := fs.Glob(os.DirFS(s.set.dir), pattern)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := os.Remove(filepath.Join(s.set.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// startChild writes the settings and starts the server.
func (s *Server) startChild(lock *os.File, bind []netip.AddrPort) (*child, error) {
	if err := s.tidy(); err != nil {
		return nil, fmt.Errorf("tidy data folder: %w", err)
	}
	if err := writeFile(s.set.dir, confFile, configuration(s.set, s.cfg, bind, s.mesh.peers())); err != nil {
		return nil, fmt.Errorf("write the server's settings: %w", err)
	}
	life, end := context.WithCancel(context.Background())
	c := &child{
		cmd:   exec.Command(s.set.bin.path, filepath.Join(s.set.dir, confFile)),
		lines: newLines(s.cfg.Logger, s.cfg.Password, s.folds),
		life:  life,
	}
	c.cmd.Dir, c.cmd.Env, c.cmd.ExtraFiles = s.set.dir, childEnv(), inherit(lock)
	c.cmd.Stdout, c.cmd.Stderr = c.lines, c.lines
	c.cmd.WaitDelay = time.Second // for what its forks still hold
	setProcessAttributes(c.cmd)

	started := make(chan error, 1)
	go func() {
		defer end()
		runtime.LockOSThread() // see setProcessAttributes
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err != nil {
			c.err = err
			return
		}
		c.err = c.cmd.Wait()
		c.lines.flush()
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", s.set.bin.path, err)
	}
	return c, nil
}

// stop asks the server to end, kills it when it takes too long, and returns when
// it has ended. It asks again and again: a KeyDB refuses while it writes its file
// anew.
func (c *child) stop(timeout time.Duration, log *slog.Logger) {
	start := time.Now()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for {
		_ = terminate(c.cmd.Process) // it may just have ended
		select {
		case <-c.life.Done():
			log.LogAttrs(context.Background(), slog.LevelInfo, "keydb server stopped", slog.Duration("took", time.Since(start)))
			return
		case <-again.C:
		case <-deadline.C:
			kill(c.cmd.Process)
			<-c.life.Done()
			log.LogAttrs(context.Background(), slog.LevelWarn, "keydb server killed: it did not stop", slog.Duration("took", time.Since(start)))
			return
		}
	}
}

// live is one life of the server. It returns why the server ended, unless ctx did,
// and whether it had ever answered.
func (s *Server) live(ctx context.Context, lock *os.File, bind []netip.AddrPort) (answered bool, err error) {
	began := time.Now()
	c, err := s.startChild(lock, bind)
	if err != nil {
		return false, err
	}
	defer s.metrics.up.Set(0)
	asking, stopAsking := context.WithCancel(ctx)
	defer stopAsking()
	defer context.AfterFunc(c.life, stopAsking)()

	up, heard, pause := false, began, askFirst
	for {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			c.stop(s.cfg.StopTimeout, s.cfg.Logger)
			return answered, nil
		case <-c.life.Done():
			timer.Stop()
			return answered, s.ended(c)
		case <-timer.C:
		}
		works, err := s.ask(asking)
		switch {
		case err == nil:
			answered, heard = true, time.Now()
		case time.Since(heard) > s.cfg.HangTimeout && ctx.Err() == nil:
			kill(c.cmd.Process)
			<-c.life.Done()
			return answered, fmt.Errorf("%s gave no answer for %v and was killed: %w", s.set.bin, s.cfg.HangTimeout, err)
		}
		if works && !up {
			s.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "keydb server started", slog.String("version", s.set.bin.String()),
				slog.Int("pid", c.cmd.Process.Pid), slog.Duration("took", time.Since(began)))
			s.mesh.wake()
			s.start.Do(func() { close(s.started) })
			up, pause = true, askLater
		}
		if works {
			s.metrics.up.Set(1)
		} else {
			s.metrics.up.Set(0)
		}
	}
}

// ended says how the server ended and what it had said of that. A clean exit is an
// error too: nobody had asked for it.
func (s *Server) ended(c *child) error {
	err := c.err
	if err == nil {
		err = errors.New("exit status 0")
	}
	if said := c.lines.reason(); said != "" {
		return fmt.Errorf("%s ended (%w): %s", s.set.bin, err, said)
	}
	if err.Error() == "signal: killed" {
		return fmt.Errorf("%s ended (%w, as the system does when memory runs out)", s.set.bin, err)
	}
	return fmt.Errorf("%s ended (%w)", s.set.bin, err)
}

// ask reports whether the server works. An error means that it gave no answer at
// all, not even that it is loading.
func (s *Server) ask(ctx context.Context) (works bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, min(5*time.Second, s.cfg.HangTimeout))
	defer cancel()
	err = s.client.Ping(ctx).Err()
	if answer, ok := errors.AsType[redis.Error](err); ok { // it speaks
		s.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "keydb server is not ready", slog.Any("err", answer))
		return false, nil
	}
	return err == nil, err
}
