//go:build unix

package hosted_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/global-presence/presence/core/engine/keydb/hosted"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
)

// pause stops a process as if it hung.
func pause(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

// hostVariable makes the test binary a host of a server: its program, folder and
// address, each on a line.
const hostVariable = "PRESENCE_HOSTED_TEST_HOST"

// host runs a server until it is killed.
func host() {
	words := strings.Split(os.Getenv(hostVariable), "\n")
	s, err := hosted.New(hosted.Config{Bin: words[0], Dir: words[1], Listen: words[2], MaxMemory: "64mb"})
	if err == nil {
		err = s.Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// A presence that is killed leaves no server behind, loses nothing, and the next
// one waits for the folder.
func TestServer_Run_hostKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a child that its parent was killed")
	}
	programs(t, func(t *testing.T, bin string) {
		dir, addr := t.TempDir(), freeAddr(t, "127.0.0.1")
		kill := startHost(t, bin, dir, addr)
		kill()
		waitFor(t, "the server's end", func() error {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				conn.Close()
				return errors.New("it still listens")
			}
			return nil
		})
		start(t, hosted.Config{Bin: bin, Dir: dir, Listen: addr}).waitValue(t, "light", "on")
	})
}

// A server that did not end with its host is ended by the next one.
func TestServer_Run_orphan(t *testing.T) {
	programs(t, func(t *testing.T, bin string) {
		dir, addr := t.TempDir(), freeAddr(t, "127.0.0.1")
		startHost(t, script(t, bin+` "$@" & wait`), dir, addr)() // the signal reaches the shell alone
		r := launch(t, hosted.Config{Bin: bin, Dir: dir, Listen: addr, LockTimeout: keydbtest.Patience})
		waitFor(t, "the new server", func() error { // the old one answers for a moment
			pid := r.info(t, "server", "process_id")
			if pid == "" || !strings.Contains(r.log.String(), "pid="+pid+" ") {
				return fmt.Errorf("server %q answers", pid)
			}
			return nil
		})
		r.waitValue(t, "light", "on")
		r.log.wait(t, "waiting for an earlier server to leave the data folder")
	})
}

// startHost starts a host and its server, switches the light on there and returns
// what kills the host.
func startHost(t *testing.T, bin, dir, addr string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), hostVariable+"="+bin+"\n"+dir+"\n"+addr)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(kill)
	client := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, MaxRetries: -1})
	defer client.Close()
	waitFor(t, "the server", func() error { return client.Set(t.Context(), "light", "on", 0).Err() })
	return kill
}
