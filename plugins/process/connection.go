package process

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/global-presence/presence/plugins/internal/wire"
)

// dyingTime is how long a process whose stream has just broken may take to be
// gone, so that it can be told from one that only closed its stream.
const dyingTime = 100 * time.Millisecond

// connection is one start of the process, from its beginning to its end. A new
// start is a new connection: nothing of a dead process is used again.
type connection struct {
	cfg     Config
	child   *child
	stdout  *lines
	stderr  *lines
	sockets string // the process's own folder, once there is one
	client  *plugin.Client
	conn    *grpc.ClientConn
	session *session

	description wire.Description
}

// connect starts the process and asks it what it is. ctx's end stops it at any
// point. On an error nothing is left behind.
func connect(ctx context.Context, cfg Config, sockets string) (_ *connection, err error) {
	began := time.Now()
	cmd, err := command(cfg)
	if err != nil {
		return nil, err
	}
	c := &connection{cfg: cfg, stdout: newLines(cfg.Logger, "stdout", cfg.lines.stdout), stderr: newLines(cfg.Logger, "stderr", cfg.lines.stderr)}
	c.child = newChild(cmd, c.stderr, cfg)
	c.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  handshake(),
		Plugins:          plugin.PluginSet{pluginName: &served{}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     cfg.StartTimeout + time.Minute, // ours ends first, and says more
		Logger:           newHostLog(cfg.Logger),
		SyncStdout:       c.stdout,
		SyncStderr:       c.stderr,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: sockets},
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, dir string) (runner.Runner, error) {
			c.sockets = dir
			cmd.Env = append(cmd.Env, spec.Env...) // go-plugin's own, no more
			return c.child, nil
		},
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessageSize), grpc.MaxCallSendMsgSize(MaxMessageSize)),
			grpc.WithStreamInterceptor(neverCancelled),
		},
	})
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.StartTimeout, fmt.Errorf("no manifest after %v", cfg.StartTimeout))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = c.child.Kill(ctx) })
	defer func() {
		if !stop() { // it was killed, which says less than why
			err = context.Cause(ctx)
		}
		if err != nil {
			err = c.end(false, err)
		}
	}()

	client, err := c.client.Client()
	if err != nil { // some of go-plugin's have several lines
		return nil, wire.Crossed("start: "+strings.Join(strings.Fields(err.Error()), " "), err)
	}
	raw, err := client.Dispense(pluginName)
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	c.conn = raw.(*grpc.ClientConn) // by served.GRPCClient
	if c.description, err = describe(ctx, c.conn); err != nil {
		return nil, err
	}
	m := c.description.Manifest
	if err := m.Validate(); err != nil {
		return nil, err
	}
	if m.Name != cfg.Name && cfg.Name != "" {
		return nil, fmt.Errorf("the process is feature %q, want %q", m.Name, cfg.Name)
	}
	// The session outlives ctx, which is the start's.
	c.session, err = openSession(context.WithoutCancel(ctx), c.conn, cfg.MissedDeadlines, time.Since(began))
	return c, err
}

// command is what to run, without go-plugin's part of the environment.
func command(cfg Config) (*exec.Cmd, error) {
	path := cfg.Path
	name := path
	if path == "" {
		own, err := ownExecutable()
		if err != nil {
			return nil, fmt.Errorf("find own program: %w", err)
		}
		path, name = own, os.Args[0]
	}
	if len(cfg.Checksum) > 0 {
		check := plugin.SecureConfig{Checksum: cfg.Checksum, Hash: sha256.New()}
		switch ok, err := check.Check(path); {
		case err != nil:
			return nil, fmt.Errorf("check program: %w", err)
		case !ok:
			return nil, fmt.Errorf("check program: %s does not have the checksum that was configured", path)
		}
	}
	cmd := exec.Command(path, cfg.Args...)
	cmd.Args[0] = name
	cmd.Env = append(raceEnv(), cfg.Env...)
	return cmd, nil
}

// wait returns when the session ends, with the reason, when ctx does, with nil, or
// with another connection that is to take over. Meanwhile it checks the process's
// health.
func (c *connection) wait(ctx context.Context, replacements <-chan *connection) (*connection, error) {
	tick := time.NewTicker(c.cfg.PingInterval)
	defer tick.Stop()
	missed := false
	for {
		select {
		case <-ctx.Done():
			return nil, nil
		case next := <-replacements:
			return next, nil
		case <-c.session.ctx.Done():
			return nil, context.Cause(c.session.ctx)
		case <-tick.C:
			err := c.ping(ctx)
			late := status.Code(err) == codes.DeadlineExceeded
			if late && time.Now().Before(c.session.settled) {
				continue
			}
			if err != nil && (missed || !late) && ctx.Err() == nil && c.session.ctx.Err() == nil {
				return nil, fmt.Errorf("check health: %w", err)
			}
			missed = late
		}
	}
}

// ping asks the process whether it is well.
func (c *connection) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.PingInterval)
	defer cancel()
	defer context.AfterFunc(c.session.ctx, cancel)()
	r, err := grpc_health_v1.NewHealthClient(c.conn).Check(ctx,
		&grpc_health_v1.HealthCheckRequest{Service: plugin.GRPCServiceName})
	if err == nil && r.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		err = fmt.Errorf("process says %s", r.GetStatus())
	}
	return err
}

// end stops the process and gives back all that belongs to it. It returns err,
// with how the process ended if it ended by itself.
//
// With ask the process may finish what it has and leave, for as long as
// Config.StopTimeout; otherwise it is killed, unless it is just dying.
func (c *connection) end(ask bool, err error) error {
	timer := time.AfterFunc(c.cfg.StopTimeout, func() { _ = c.child.Kill(context.Background()) })
	defer timer.Stop()
	if ask {
		c.session.ask()
		<-c.session.ctx.Done()
	} else {
		itself := c.child.leaves(dyingTime)
		_ = c.child.Kill(context.Background())
		if why := c.child.tooLarge.Load(); why != nil {
			err = *why
		} else if itself != nil && !errors.Is(err, errHung) && !errors.Is(err, errStuck) { // it ended as its stream did
			err = c.explain(itself, err)
		}
	}
	if c.session != nil {
		c.session.close()
	}
	// This asks once more, in go-plugin's own way, and waits for all that
	// go-plugin has started.
	c.client.Kill()
	c.child.join()
	c.stdout.Flush()
	c.stderr.Flush()
	if c.sockets != "" {
		_ = os.RemoveAll(c.sockets) // go-plugin keeps it when the start went wrong
	}
	return err
}

// explain says how the process ended, in front of what was noticed of it.
func (c *connection) explain(itself, noticed error) error {
	if why := c.stderr.Reason(); why != "" {
		return fmt.Errorf("process ended: %w: %s: %w", itself, why, noticed)
	}
	return fmt.Errorf("process ended: %w: %w", itself, noticed)
}

// neverCancelled keeps go-plugin from leaking a connection: it closes none that
// it could not open its first stream on, and that a process's end cancels.
func neverCancelled(ctx context.Context, d *grpc.StreamDesc, cc *grpc.ClientConn, method string, s grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := s(ctx, d, cc, method, opts...)
	if status.Code(err) == codes.Canceled {
		err = status.Error(codes.Unavailable, err.Error())
	}
	return stream, err
}
