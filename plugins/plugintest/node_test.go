//go:build unix

package plugintest_test

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/global-presence/presence/plugins"
	pb "github.com/global-presence/presence/plugins/internal/featurev1"
	"github.com/global-presence/presence/plugins/plugintest"
	"github.com/global-presence/presence/plugins/process"
)

// patience is how long a test waits for what should happen at once.
const patience = 2 * time.Minute

// node is the feature that is written in Node.
const node = "../testdata/node"

// install gets the packages that the feature is bundled of, once. npm writes the file
// that is looked at last, so it is as new as they are.
var install = sync.OnceValues(func() (said []byte, err error) {
	lock, err := os.Stat(filepath.Join(node, "package-lock.json"))
	if err != nil {
		return nil, err
	}
	installed, err := os.Stat(filepath.Join(node, "node_modules", ".package-lock.json"))
	if err == nil && !installed.ModTime().Before(lock.ModTime()) {
		return nil, nil
	}
	npm := exec.Command("npm", "ci", "--no-audit", "--no-fund")
	npm.Dir = node
	return npm.CombinedOutput()
})

// needNode returns the program node, with the feature's packages in place. It looks at
// all that the feature is made of, so that go test knows when a result is an old one.
func needNode(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("node")
	if _, noNPM := exec.LookPath("npm"); err != nil || noNPM != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("npm is missing: install Node 20 or newer")
		}
		t.Skip("npm is missing: install Node 20 or newer")
	}
	for _, pattern := range []string{"*.*", "src/*", "test/*", "proto/*", "../../process/proto/presence/feature/v1/*"} {
		files, err := filepath.Glob(filepath.Join(node, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("found no files %s: %v", pattern, err)
		}
		for _, file := range files {
			if _, err := os.Stat(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	if said, err := install(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, said)
	}
	return program
}

// buildNode bundles one of Node's features into a file of its own.
func buildNode(t *testing.T, entry string) string {
	t.Helper()
	program := needNode(t)
	path := filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(entry), ".js"))
	build := exec.Command(program, "build.mjs", entry, path)
	build.Dir = node
	build.Env = append(os.Environ(), "INTERPRETER="+program)
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", entry, err, said)
	}
	return path
}

func TestNode(t *testing.T) {
	poll := plugintest.File(t, buildNode(t, "src/main.js"))
	t.Run("Contract", func(t *testing.T) { plugintest.Run(t, poll) })

	vote := func(choice, why string) plugins.Event {
		return plugins.Event{
			ID: "1", Name: "vote", Room: "home", Person: plugins.Person{User: "ann", Session: "tab"},
			Fields: plugins.Fields{"choice": choice, "why": why},
		}
	}
	none := plugins.State{}
	mutations, err := poll.Handle(t.Context(), vote("cafe", `<script>alert("x")</script>`), none)
	if err != nil || len(mutations) != 1 || mutations[0].Op != plugins.OpPush || mutations[0].Field != "votes" {
		t.Fatalf("a vote is %+v, %v; want one push to votes", mutations, err)
	}
	voted := plugins.State{Lists: map[string][]plugins.Item{"votes": {{ID: "a-1", Value: mutations[0].Value}}}}

	t.Run("Refusal", func(t *testing.T) {
		_, err := poll.Handle(t.Context(), vote("cafe", `<script>alert("x")</script>`), voted)
		refusal, ok := errors.AsType[*plugins.Refusal](err)
		if want := "You have that already: In the café."; !ok || refusal.Sentence != want {
			t.Errorf("the same vote again: %v, want a refusal, %q", err, want)
		}
	})
	t.Run("Render", func(t *testing.T) {
		fragments, err := poll.Render(t.Context(), plugins.View{
			Feature: "poll", Room: "home", State: voted, Changes: []plugins.Change{{Field: "votes", ID: "a-1", Value: mutations[0].Value}},
		})
		if err != nil {
			t.Fatal(err)
		}
		shown := map[string]plugins.Fragment{}
		for _, f := range fragments {
			shown[f.ID] = f
		}
		if _, ok := shown["poll-form"]; ok || len(shown) != 3 {
			t.Errorf("a change of the votes renders %v, want what shows them", shown)
		}
		if got, want := shown["poll-reasons"].HTML, `<q>&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;</q>`; !strings.Contains(got, want) {
			t.Errorf("the reason is shown as %s, want %s in it", got, want)
		}
		if f := shown["poll-results"]; !strings.Contains(f.HTML, `<output id="poll-count-cafe">1</output>`) || len(f.Patch) == 0 {
			t.Errorf("the results are %s with %d operations, want one vote and a patch", f.HTML, len(f.Patch))
		}
	})
}

// TestNode_Slow: what Node's side of the stream does with calls that nobody waits for.
func TestNode_Slow(t *testing.T) {
	path := buildNode(t, "test/slow.js")
	status := make(chan plugins.Status, 100)
	p := process.New(process.Config{
		Name: "slow", Path: path, HandleTimeout: patience, StartTimeout: patience,
		OnStatus: func(s plugins.Status) { status <- s },
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	if s := <-status; !s.Up {
		t.Fatal(s.Err)
	}
	handle := func(ctx context.Context, name string) (plugins.Outcome, error) {
		outcomes, err := p.Handle(ctx, []plugins.Event{{ID: "1", Name: name, Room: "home"}}, map[string]plugins.State{"home": {}})
		if err != nil {
			return plugins.Outcome{}, err
		}
		return outcomes[0], outcomes[0].Err
	}
	pid := func() int {
		t.Helper()
		o, err := handle(t.Context(), "say")
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(o.Mutations[0].Value)
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	first := pid()

	late, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := handle(late, "wait"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call that takes too long: %v, want the deadline", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	go cancel()
	if _, err := handle(cancelled, "wait"); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that was cancelled: %v, want that", err)
	}
	if _, err := handle(t.Context(), "throw"); err == nil || !strings.Contains(err.Error(), "TypeError: a fault of the feature") {
		t.Errorf("a fault: %v, want what was thrown", err)
	}
	if o, err := handle(t.Context(), "halve"); err != nil || o.Mutations[0].Value != "\uFFFD" {
		t.Errorf("half a character: %+v, %v; want the sign for one that is broken", o, err)
	}
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP, syscall.SIGTERM} {
		if err := syscall.Kill(first, s); err != nil {
			t.Fatal(err)
		}
	}
	if again := pid(); again != first {
		t.Errorf("process %d answers, want %d: it ends by itself", again, first)
	}
}

// TestNode_Protocol is a host to the letter of feature.proto, so that what is answered is
// seen as it is.
func TestNode_Protocol(t *testing.T) {
	path := buildNode(t, "test/slow.js")

	t.Run("version", func(t *testing.T) {
		_, err := pb.NewFeatureServiceClient(startHost(t, path).conn).Describe(t.Context(), &pb.DescribeRequest{ProtocolVersion: 0})
		s := status.Convert(err)
		if want := "the feature was built for protocol 1, this presence speaks 0: update presence"; s.Code() != codes.FailedPrecondition || s.Message() != want {
			t.Errorf("protocol 0: %v, want FAILED_PRECONDITION, %q", err, want)
		}
	})
	t.Run("answers", func(t *testing.T) {
		h := startHost(t, path)
		stream := h.carry(t, t.Context())
		send(t, stream, &pb.CarryRequest{Calls: []*pb.Call{call(1, 3600_000), call(2, 1)}})
		want(t, stream, 2, pb.Code_CODE_DEADLINE_EXCEEDED)
		send(t, stream, &pb.CarryRequest{CancelledIds: []uint64{1, 2, 99}})
		want(t, stream, 1, pb.Code_CODE_CANCELLED)

		// It answers what it has, then closes its side, then ends.
		send(t, stream, &pb.CarryRequest{Calls: []*pb.Call{call(3, 100)}})
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		want(t, stream, 3, pb.Code_CODE_DEADLINE_EXCEEDED)
		if r, err := stream.Recv(); !errors.Is(err, io.EOF) {
			t.Errorf("after the last answer: %v, %v; want the end of the stream", r, err)
		}
		h.waitEnd(t)
	})
	t.Run("broken stream", func(t *testing.T) {
		h := startHost(t, path)
		ctx, cancel := context.WithCancel(t.Context())
		stream := h.carry(t, ctx)
		send(t, stream, &pb.CarryRequest{Calls: []*pb.Call{call(1, 3600_000), call(2, 1)}})
		want(t, stream, 2, pb.Code_CODE_DEADLINE_EXCEEDED) // so it has the first, too
		cancel()
		h.waitEnd(t)
	})
	t.Run("lost connection", func(t *testing.T) {
		h := startHost(t, path)
		stream := h.carry(t, t.Context())
		send(t, stream, &pb.CarryRequest{Calls: []*pb.Call{call(1, 3600_000), call(2, 1)}})
		want(t, stream, 2, pb.Code_CODE_DEADLINE_EXCEEDED)
		if err := h.conn.Close(); err != nil {
			t.Fatal(err)
		}
		h.waitEnd(t)
	})
}

// TestNode_Orphan: a process whose host dies before it opens the stream ends, too.
func TestNode_Orphan(t *testing.T) {
	path := buildNode(t, "test/slow.js")
	server := httptest.NewTLSServer(nil) // for its certificate
	defer server.Close()
	// The shell is its host. Both hold the pipe, which ends with the last of them.
	host := exec.Command("/bin/sh", "-c", `"$0" & wait`, path)
	host.Env = []string{
		"PRESENCE_FEATURE=started by presence",
		"PLUGIN_UNIX_SOCKET_DIR=" + socketDir(t),
		"PLUGIN_CLIENT_CERT=" + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	host.Stdout = in
	err = host.Start()
	in.Close()
	if err != nil {
		t.Fatal(err)
	}
	if err := out.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	line, err := r.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "1|1|unix|/") {
		t.Errorf("the process says %q, %v; want a handshake", line, err)
	}
	if err := host.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = host.Wait()
	if rest, err := io.ReadAll(r); err != nil {
		t.Errorf("the process lives on without a host: %q, %v", rest, err)
	}
}

// TestNode_Unit runs the feature's own tests.
func TestNode_Unit(t *testing.T) {
	needNode(t)
	npm := exec.Command("npm", "test")
	npm.Dir = node
	npm.Env = append(os.Environ(), "NODE_OPTIONS=--test-reporter=spec")
	said, err := npm.CombinedOutput()
	if err != nil || !strings.Contains(string(said), "fail 0") || strings.Contains(string(said), "pass 0") {
		t.Errorf("npm test: %v\n%s", err, said)
	}
}

func TestNode_ByHand(t *testing.T) {
	said, err := exec.Command(buildNode(t, "src/main.js")).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 {
		t.Errorf("exit %v, want status 2", err)
	}
	if !strings.Contains(string(said), `the feature "poll" of Global Presence`) {
		t.Errorf("it says %q, want what it is", said)
	}
}

// host is go-plugin alone: the handshake, and a connection.
type host struct {
	plugin.NetRPCUnsupportedPlugin
	client *plugin.Client
	conn   *grpc.ClientConn
}

func (*host) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error { return nil }

func (*host) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "gpt") //nolint:usetesting // the names of t.TempDir are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func startHost(t *testing.T, path string) *host {
	t.Helper()
	cmd := exec.Command(path)
	cmd.Env = []string{"PLUGIN_UNIX_SOCKET_DIR=" + socketDir(t)}
	h := &host{}
	h.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: 1, MagicCookieKey: "PRESENCE_FEATURE", MagicCookieValue: "started by presence",
		},
		Plugins:          plugin.PluginSet{"feature": h},
		Cmd:              cmd,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     patience,
		Logger:           hclog.New(&hclog.LoggerOptions{Output: t.Output(), Level: hclog.Debug}),
	})
	t.Cleanup(h.client.Kill)
	client, err := h.client.Client()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := client.Dispense("feature")
	if err != nil {
		t.Fatal(err)
	}
	h.conn = conn.(*grpc.ClientConn)
	return h
}

func (h *host) carry(t *testing.T, ctx context.Context) pb.FeatureService_CarryClient {
	t.Helper()
	stream, err := pb.NewFeatureServiceClient(h.conn).Carry(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// waitEnd waits until the process has ended, which nobody asks it for meanwhile.
func (h *host) waitEnd(t *testing.T) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(patience)
	for !h.client.Exited() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatal("the process does not end")
		}
	}
}

// call is one that the feature does not answer by itself.
func call(id uint64, remaining uint32) *pb.Call {
	return &pb.Call{Id: id, RemainingMs: remaining, Body: &pb.Call_Handle{Handle: &pb.Handle{
		Events: []*pb.Event{{Id: "1", Name: "wait", Room: "home"}}, States: map[string]*pb.State{"home": {}},
	}}}
}

func send(t *testing.T, stream pb.FeatureService_CarryClient, r *pb.CarryRequest) {
	t.Helper()
	if err := stream.Send(r); err != nil {
		t.Fatal(err)
	}
}

// want takes one answer.
func want(t *testing.T, stream pb.FeatureService_CarryClient, id uint64, code pb.Code) {
	t.Helper()
	r, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if a := r.GetAnswers(); len(a) != 1 || a[0].GetId() != id || a[0].GetError().GetCode() != code {
		t.Fatalf("got %v, want call %d answered with %v", r, id, code)
	}
}
