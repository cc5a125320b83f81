// Presence serves one live page that everybody shares. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core"
	"github.com/global-presence/presence/core/demo"
	"github.com/global-presence/presence/core/region"
	"github.com/global-presence/presence/core/settings"
	"github.com/global-presence/presence/core/storage"
	"github.com/global-presence/presence/features"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // it could not start, or broke
	exitUsage  = 2 // the command line or the environment is wrong
)

// cli is the command line.
type cli struct {
	Serve   serve       `cmd:"" default:"withargs" help:"Serve the page. This is what happens without a command."`
	Demo    demonstrate `cmd:"" name:"demo" help:"Show several regions side by side, on a simulated planet in this process."`
	Doctor  doctor      `cmd:"" help:"Look at the store and say what is right, what is not and how to mend it."`
	Feature feature     `cmd:"" help:"Be one feature. Presence starts these processes by itself."`
	Version version     `cmd:"" help:"Print the version."`

	VersionFlag kong.VersionFlag `name:"version" help:"Print the version."`
}

// console is where a command writes.
type console struct {
	out, err io.Writer
}

// run is the program without its process.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c cli
	exit := -1
	parser, err := kong.New(&c,
		kong.Name("presence"),
		kong.Description("One live page that everybody shares, in one binary."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exit = code }),
		kong.Help(func(options kong.HelpOptions, ctx *kong.Context) error {
			if ctx.Selected() == nil { // serve's flags work without its name
				ctx.Model.Flags = append(ctx.Model.Flags, ctx.Model.DefaultCmd.Flags...)
			}
			return kong.DefaultHelpPrinter(options, ctx)
		}),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(console{stdout, stderr}),
		kong.Vars{"version": "presence " + buildVersion()},
	)
	if err != nil {
		fmt.Fprintln(stderr, "presence:", err)
		return exitFailed
	}
	command, err := parser.Parse(args)
	if exit >= 0 { // --help was printed
		return exit
	}
	if err == nil {
		err = command.Run()
	} else {
		err = settings.UsageError{Err: fmt.Errorf("%w; see presence --help", err)}
	}
	var usage settings.UsageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintln(stderr, "presence:", line)
		}
		return exitUsage
	default:
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintln(stderr, "presence:", line)
		}
		return exitFailed
	}
}

// serve serves the page.
type serve struct{ settings.Serve }

// Run serves until ctx ends.
func (s *serve) Run(ctx context.Context, c console) error {
	if err := s.Check(); err != nil {
		return err
	}
	if s.AddressHeader == "" && os.Getenv("FLY_APP_NAME") != "" {
		s.AddressHeader = "Fly-Client-IP"
	}
	log := s.Logger(c.err)
	registry := prometheus.NewRegistry()
	store, err := storage.Open(ctx, s.Store, storage.Options{Machine: os.Getenv("FLY_MACHINE_ID"), Version: buildVersion(), StopTimeout: s.StopAfter(), Logger: log, Registerer: registry})
	if err != nil {
		return err
	}
	defer store.Close()
	server, err := core.New(core.Config{
		Engine: store.Engine, Secret: store.Secret, Listen: s.Listen, Admin: s.Admin, Region: s.Region, Version: buildVersion(),
		Origins: s.Origins, AddressHeader: s.AddressHeader, StopTimeout: s.StopAfter(),
		Features: builtIn(), Registry: registry, Logger: log,
	})
	if err != nil {
		return err
	}
	return server.Run(ctx)
}

// demonstrate shows regions side by side.
type demonstrate struct {
	Regions []string `default:"iad,lhr,syd" placeholder:"CODE" help:"Codes of the regions, 2 to 6 (default ${default})."`
	Listen  string   `default:"127.0.0.1:8080" placeholder:"ADDR" help:"Address of the page, host:port; the regions take the ports after it (default ${default})."`

	settings.Log
}

// Run shows the demo until ctx ends.
func (d *demonstrate) Run(ctx context.Context, c console) error {
	if err := d.Check(); err != nil {
		return err
	}
	cfg := demo.Config{Listen: d.Listen, Features: builtIn(), Version: buildVersion(), Logger: d.Logger(c.err)}
	for _, code := range d.Regions {
		cfg.Regions = append(cfg.Regions, region.Code(code))
	}
	if err := cfg.Check(); err != nil {
		return settings.UsageError{Err: err}
	}
	show, err := demo.New(cfg)
	if err != nil {
		return err
	}
	return show.Run(ctx)
}

// doctor looks at the store.
type doctor struct{ settings.Doctor }

// Run prints what it finds, a line each. What is bad is an error.
func (d *doctor) Run(ctx context.Context, c console) error {
	if err := d.Check(); err != nil {
		return err
	}
	return storage.Examine(ctx, d.Store, os.Getenv("FLY_MACHINE_ID"), c.out)
}

// builtIn are the features of the page: processes of this same program.
func builtIn() []process.Config {
	var configs []process.Config
	for _, f := range features.All() {
		name := f.Manifest().Name
		configs = append(configs, process.Config{Name: name, Args: []string{"feature", name}})
	}
	return configs
}

// feature makes the process one of the built-in features.
type feature struct {
	Name string `arg:"" help:"Name of the feature."`
}

// Run serves the feature to the host that started this process.
func (f *feature) Run(c console) error {
	var names []string
	for _, known := range features.All() {
		name := known.Manifest().Name
		if name == f.Name {
			return f.serve(c, known)
		}
		names = append(names, name)
	}
	return settings.UsageError{Err: fmt.Errorf("feature is %q; want one of %s", f.Name, strings.Join(names, ", "))}
}

func (f *feature) serve(c console, known plugins.Feature) error {
	if !process.Started() {
		fmt.Fprintf(c.out, "This is the feature %q. Presence starts it by itself, so there is nothing to do here;\nrun \"presence\" and open the page.\n", f.Name)
		return nil
	}
	process.Serve(known)
	return nil
}

// version prints what this binary is.
type version struct{}

// Run prints the version.
func (version) Run(c console) error {
	_, err := fmt.Fprintln(c.out, "presence", buildVersion())
	return err
}

// release is the version that whoever builds may name: -ldflags "-X main.release=1.2".
var release string

// buildVersion is the release, the module's version, or the commit it was built
// from.
func buildVersion() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	if revision == "" {
		return "devel"
	}
	return revision + dirty
}
