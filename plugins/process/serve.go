package process

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/internal/wire"
)

// Serve makes this process the feature f and returns when its host wants it to
// end or is gone. It is the whole main function of a feature.
//
// Standard output belongs to the handshake until Serve is called; afterwards
// what f prints, and what it logs with slog or log, becomes lines in the host's
// log. A panic in f ends the process, with its stack in the host's log. SIGINT,
// SIGHUP and SIGTERM do not end it; its host does, or SIGKILL.
//
// Started by hand, Serve says what the program is and exits with status 2.
func Serve(f plugins.Feature) {
	if !Started() {
		m := f.Manifest()
		fmt.Fprintf(os.Stderr, `%s is the feature %q of Global Presence and does nothing by itself.

presence starts it: put this file into the folder of presence's plugins, and it
runs for as long as presence does.
`, filepath.Base(os.Args[0]), m.Name)
		os.Exit(2)
	}
	ServeAnswerer(wire.Answers{Feature: f, SDK: sdkVersion()})
}

// ServeAnswerer is Serve for whatever answers in the bytes of feature.proto, in a
// process that a host has started.
func ServeAnswerer(a Answerer) {
	// An interrupt reaches every process of a terminal, and systemd's SIGTERM every
	// process of a service, but it is the host that decides when features end: they
	// are needed until the last page is drained.
	signal.Ignore(os.Interrupt, syscall.SIGHUP, syscall.SIGTERM)
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})))

	ctx, stop := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	defer watch.Wait()
	defer stop()
	watch.Go(func() { watchParent(ctx, time.Second) })

	// go-plugin puts a pipe of its own in the place of os.Stderr, whose other end is in
	// this process: what is in there when the feature panics is lost. The file of before
	// reaches the host whatever happens here.
	stderr := os.Stderr
	begin := sync.OnceFunc(func() { os.Stderr = stderr })
	broken := func(err error) {
		fmt.Fprintf(stderr, "panic: %v\n", err)
		os.Exit(2)
	}
	gone := func(err error) {
		if err != nil {
			stop()
			return
		}
		// The host shuts the server down once it has read the last answers; if
		// it does not, it is dead.
		time.AfterFunc(time.Second, stop)
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: handshake(),
		Plugins:         plugin.PluginSet{pluginName: &served{service: newService(a, begin, gone, broken)}},
		Logger:          hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr, JSONFormat: true}),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			server := grpc.NewServer(append(opts,
				grpc.ForceServerCodecV2(newCodec()),
				grpc.MaxRecvMsgSize(MaxMessageSize),
				grpc.MaxSendMsgSize(MaxMessageSize),
			)...)
			// Stop ends plugin.Serve. It does not wait for a call that never returns.
			context.AfterFunc(ctx, server.Stop)
			return server
		},
	})
}

// watchParent ends the process when its parent is gone. It matters between the
// start and the first call, where there is no stream yet that would break, and
// only where the kernel cannot do it.
func watchParent(ctx context.Context, every time.Duration) {
	parent := os.Getppid()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if os.Getppid() != parent {
				os.Exit(1)
			}
		case <-ctx.Done():
			return
		}
	}
}

// sdkVersion is the version of this module in the running program.
func sdkVersion() string {
	const module = "github.com/global-presence/presence"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == module && m.Version != "" {
			return m.Version
		}
	}
	return "(devel)"
}
