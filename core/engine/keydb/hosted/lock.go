package hosted

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Files of the data folder that are locked: the first by whoever runs a server
// there, the second by the server itself and its forks, which inherit it. So the
// folder is not free before the server has ended too, and a server whose host was
// killed can be told from one that is in use.
const (
	hostLock   = "host.lock"
	serverLock = "server.lock"
)

// lockInterval is the time between two tries for a lock.
const lockInterval = 100 * time.Millisecond

// lockFolder waits until nobody else uses the data folder. While the returned files
// are open it stays so; the server is to inherit the second.
func (s *Server) lockFolder(ctx context.Context) (host, server *os.File, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.LockTimeout,
		fmt.Errorf("data folder %s is in use by another presence or its server, still after %v", s.set.dir, s.cfg.LockTimeout))
	defer cancel()
	if host, err = waitLock(ctx, filepath.Join(s.set.dir, hostLock), s.tellWait); err != nil {
		return nil, nil, err
	}
	server, err = waitLock(ctx, filepath.Join(s.set.dir, serverLock), func(ctx context.Context) {
		s.tellWait(ctx)
		s.endOrphan(ctx)
	})
	if err != nil {
		_ = host.Close()
		return nil, nil, err
	}
	return host, server, nil
}

func (s *Server) tellWait(ctx context.Context) {
	s.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "waiting for an earlier server to leave the data folder", slog.String("dir", s.set.dir))
}

// endOrphan asks a server of this folder whose host was killed to end. The kernel
// has asked it too, but a KeyDB refuses while it writes its file anew, as it does
// after every copy from a peer, and then goes on for ever.
func (s *Server) endOrphan(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	text, err := s.client.Info(ctx, "server").Result()
	if err == nil && infoValue(text, "config_file") == filepath.Join(s.set.dir, confFile) {
		_ = s.client.Shutdown(ctx).Err() // a refusal is heard again
	}
}

// waitLock locks a file. Once a second for as long as somebody else has it, it
// calls waits.
func waitLock(ctx context.Context, path string, waits func(context.Context)) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	for try := 0; ; try++ {
		locked, err := tryLock(f)
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("lock data folder: lock %s: %w", path, err)
		}
		if locked {
			return f, nil
		}
		if try%int(time.Second/lockInterval) == 0 {
			waits(ctx)
		}
		if !sleep(ctx, lockInterval) {
			_ = f.Close()
			return nil, context.Cause(ctx)
		}
	}
}

// infoValue returns a value of what INFO says, "" when it is not there.
func infoValue(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return value
		}
	}
	return ""
}
