//go:build unix

package process_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// hostVariable makes the test binary a host. Its value is what the feature is
// busy with when the host dies.
const hostVariable = "PRESENCE_TEST_HOST"

// runHost prints its feature's process id, gives it something to do and waits to
// be killed.
func runHost(event string) {
	up := make(chan struct{}, 100)
	p := process.New(process.Config{
		Name: "echo", Args: []string{"echo"}, HandleTimeout: patience,
		OnStatus: func(plugins.Status) { up <- struct{}{} },
	})
	go func() { fmt.Fprintln(os.Stderr, p.Run(context.Background())) }()
	<-up
	for _, name := range []string{"pid", event} {
		outcomes, err := p.Handle(context.Background(), []plugins.Event{{Name: name}}, nil)
		if err != nil {
			panic(err)
		}
		fmt.Println(outcomes[0].Mutations[0].Value)
	}
	select {}
}

func TestServe_EndsWithItsHost(t *testing.T) {
	for _, event := range []string{"pid", "loop"} {
		t.Run(event, func(t *testing.T) {
			host := exec.Command(os.Args[0])
			host.Env = append(os.Environ(), hostVariable+"="+event)
			host.Stderr = t.Output()
			out, err := host.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := host.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}
			kill(t, host.Process.Pid)
			_ = host.Wait()
			waitFor(t, "the feature's end", func() bool { return !alive(pid) })
		})
	}
}

// alive reports whether a process exists and is not a zombie.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

func TestServe_ByHand(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), hostVariable+"=by hand")
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 {
		t.Errorf("exit %v, want status 2", err)
	}
	if !strings.Contains(string(out), `the feature "echo" of Global Presence`) {
		t.Errorf("it says %q, want what it is", out)
	}
}

// A terminal interrupts, and systemd terminates, all processes at once.
func TestServe_SurvivesSignals(t *testing.T) {
	r := startUp(t, "echo", process.Config{})
	pid := r.pid(t)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP, syscall.SIGTERM} {
		if err := syscall.Kill(pid, s); err != nil {
			t.Fatal(err)
		}
	}
	if again := r.pid(t); again != pid {
		t.Errorf("process %d answers, want %d", again, pid)
	}
	if group, err := syscall.Getpgid(pid); err != nil || group != pid {
		t.Errorf("process group %d, %v; want its own", group, err)
	}
}

func TestServe_Environment(t *testing.T) {
	t.Setenv("SECRET", "x")
	r := startUp(t, "echo", process.Config{Env: []string{"GREETING=hello"}})
	o := r.handle(t, plugins.Event{Name: "environment"})
	if o.Err != nil {
		t.Fatal(o.Err)
	}
	if env := o.Mutations[0].Value; strings.Contains(env, "SECRET") || !strings.Contains(env, "GREETING=hello") {
		t.Errorf("environment:\n%s\nwant GREETING and not SECRET", env)
	}
	for variable := range strings.SplitSeq(o.Mutations[0].Value, "\x00") {
		if name, _, _ := strings.Cut(variable, "="); name != "GREETING" && name != "PRESENCE_FEATURE" && name != "GORACE" && !strings.HasPrefix(name, "PLUGIN_") {
			t.Errorf("unexpected variable %s", name)
		}
	}
}

func TestForeign(t *testing.T) {
	r := startUp(t, "foreign", process.Config{Name: "foreign"})
	for event, want := range map[string]string{
		"too many": "got 2 outcomes for 1 events", "wrong kind": "answer of another kind", "no body": "answer of another kind",
	} {
		err := r.handle(t, plugins.Event{Name: event}).Err
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("event %q: %v, want %q", event, err, want)
		}
	}
	for room, want := range map[string]string{"wrong kind": "answer of another kind", "patch": "explode"} {
		_, err := r.Render(t.Context(), plugins.View{Room: room})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("room %q: %v, want %q", room, err, want)
		}
	}
	if o := r.handle(t, plugins.Event{Name: "unknown operation"}); o.Err != nil || o.Mutations[0].Op != 255 {
		t.Errorf("unknown operation: %+v, want one that no field takes", o)
	}
	for range 2 {
		if o := r.handle(t, plugins.Event{Name: "unasked and twice"}); o.Err != nil {
			t.Errorf("unasked and twice: %v", o.Err)
		}
	}
	long := r.handle(t, plugins.Event{Name: "long error"}).Err
	if refusal, ok := errors.AsType[*plugins.Refusal](long); !ok || len(long.Error()) > 1<<10 || len(refusal.Sentence) > plugins.MaxSentenceSize {
		t.Errorf("long error: %.100v, want a refusal that is cut", long)
	}
	// An answer above the limit costs the stream, and the status has the reason.
	if err := r.handle(t, plugins.Event{Name: "huge"}).Err; !errors.Is(err, plugins.ErrUnavailable) {
		t.Errorf("huge: %v, want ErrUnavailable", err)
	}
	down := r.waitStatus(t, func(s plugins.Status) bool { return !s.Up })
	if down.Err == nil || !strings.Contains(down.Err.Error(), "larger than max") {
		t.Errorf("status says %v, want that the message was too large", down.Err)
	}
	r.waitStatus(t, func(s plugins.Status) bool { return s.Up })
}
