// Presence serves one live page that everybody shares. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/global-presence/presence/core"
	"github.com/global-presence/presence/core/bench"
	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/core/carriers"
	"github.com/global-presence/presence/core/demo"
	"github.com/global-presence/presence/core/dev"
	"github.com/global-presence/presence/core/pluginfolder"
	"github.com/global-presence/presence/core/region"
	"github.com/global-presence/presence/core/scaffold"
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
	New     create      `cmd:"" name:"new" help:"Write a new feature: a folder with one that works, and its tests."`
	Dev     develop     `cmd:"" name:"dev" help:"Show the feature in a folder and what happens inside it, and build it anew at each change."`
	Bench   measure     `cmd:"" name:"bench" help:"Open many sockets to a server, have messages published and measure when they arrive and what it costs."`
	Doctor  doctor      `cmd:"" help:"Look at the store and say what is right, what is not and how to mend it."`
	Plugins pluginFiles `cmd:"" help:"Say what features a folder or a file holds. Each is started once, and asked."`
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
	if process.Started() && !slices.Contains(args, "feature") { // somebody took it for a feature
		fmt.Fprintln(stderr, "presence: this is presence itself, and no feature of it")
		return exitUsage
	}
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
		err = settings.UsageError{Err: fmt.Errorf("%w; see %s --help", err, commandOf(err))}
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
	cache := s.CacheDir()
	carried, err := s.features(cache)
	if err != nil {
		return err
	}
	server, err := core.New(core.Config{
		Engine: store.Engine, Secret: store.Secret, Listen: s.Listen, Admin: s.Admin, Region: s.Region, Version: buildVersion(),
		Origins: s.Origins, EmbedOrigins: s.EmbedOrigins, AddressHeader: s.AddressHeader, StopTimeout: s.StopAfter(),
		APIToken: s.APIToken, APIRate: s.APIRate, Cable: cable.Config{Compress: s.Compress}, Features: carried, Registry: registry, Logger: log,
	})
	if err != nil {
		return err
	}
	if s.Plugins.Dir == "" {
		return server.Run(ctx)
	}
	defer server.Close()
	cfg := pluginFolder(s.Plugins.Lock, cache, log)
	cfg.Dir, cfg.Host, cfg.Logger, cfg.Registerer = s.Plugins.Dir, carriers.Host{Server: server, Cache: cache}, log.With(slog.String("part", "plugins")), registry
	folder, err := pluginfolder.Open(cfg)
	if err != nil {
		return err
	}
	defer folder.Close() // not before the server has ended: what it runs lies there
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return folder.Run(ctx) })
	g.Go(func() error { return server.Run(ctx) })
	return g.Wait()
}

// features are the built-in ones, by the carrier that was asked for.
func (s *serve) features(cache string) ([]process.Config, error) {
	if s.Carrier == settings.Process {
		return carriers.BuiltIn(features.Names()), nil
	}
	configs, err := carriers.Modules(features.Names(), s.Modules, cache)
	if err != nil {
		return nil, settings.UsageError{Err: fmt.Errorf("--modules is %q; make wasm builds what is missing there: %w", s.Modules, err)}
	}
	return configs, nil
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
	cfg := demo.Config{Listen: d.Listen, Features: carriers.BuiltIn(features.Names()), Version: buildVersion(), Logger: d.Logger(c.err)}
	for _, code := range d.Regions {
		cfg.Regions = append(cfg.Regions, region.Code(strings.TrimSpace(code)))
	}
	if err := errors.Join(d.missing(), cfg.Check()); err != nil {
		return settings.UsageError{Err: err}
	}
	show, err := demo.New(cfg)
	if err != nil {
		return err
	}
	return show.Run(ctx)
}

// missing reports what was given without a value: a script's variable that is not set
// is no wish for the default.
func (d *demonstrate) missing() error {
	var errs []error
	if len(d.Regions) == 0 {
		errs = append(errs, errors.New("--regions is empty; want 2 to 6 codes, such as iad,lhr,syd, or leave it out"))
	}
	if d.Listen == "" {
		errs = append(errs, errors.New("--listen is empty; want host:port or :port, such as :8080, or leave it out"))
	}
	return errors.Join(errs...)
}

// create writes a new feature.
type create struct {
	Name string `arg:"" help:"Name of the feature: lower-case letters, digits and hyphens, such as shopping-list."`
	WASM bool   `name:"wasm" help:"Write one that stays small as a WebAssembly module."`
	Dir  string `default:"." placeholder:"DIR" help:"Folder in which the new one is made (default: the current one)."`
	SDK  string `name:"sdk" placeholder:"DIR" help:"Checkout of presence's source that the feature uses (default: this version of presence or, for a development build, the checkout around the current folder)."`
}

// Run writes it and says what to do next.
func (n *create) Run(ctx context.Context, c console) error {
	info, _ := debug.ReadBuildInfo()
	source, err := scaffold.FindSource(n.SDK, scaffold.Fetchable(release, info), ".")
	cfg := scaffold.Config{Name: n.Name, Parent: n.Dir, WebAssembly: n.WASM, Source: source}
	for _, f := range features.All() {
		cfg.Taken = append(cfg.Taken, f.Manifest().Name)
	}
	if err := errors.Join(err, cfg.Check()); err != nil {
		return settings.UsageError{Err: err}
	}
	result, err := scaffold.New(ctx, cfg)
	if err != nil {
		return err
	}
	return result.Tell(c.out)
}

// develop shows a feature to its author.
type develop struct {
	Dir     string `arg:"" help:"Folder with the feature's program."`
	Listen  string `default:"127.0.0.1:8080" placeholder:"ADDR" help:"Address of the page, host:port; the region takes the port after it (default ${default})."`
	WASM    bool   `name:"wasm" help:"Build and run it as a WebAssembly module."`
	Command string `name:"run" placeholder:"COMMAND" help:"Run this command in the folder instead of building a Go program, such as \"node main.js\"."`
	WithAll bool   `help:"Show the built-in features, too."`

	settings.Log
}

// Run shows it until ctx ends.
func (d *develop) Run(ctx context.Context, c console) error {
	if err := d.Check(); err != nil {
		return err
	}
	cfg := dev.Config{Dir: d.Dir, Listen: d.Listen, WebAssembly: d.WASM, Run: d.Command, Version: buildVersion(), Terminal: c.err, Logger: d.Logger(c.err)}
	if d.WithAll {
		cfg.Others = carriers.BuiltIn(features.Names())
	}
	err := cfg.Check()
	if d.Listen == "" { // a script's variable that is not set is no wish for the default
		err = errors.Join(errors.New("--listen is empty; want host:port or :port, such as 127.0.0.1:8080, or leave it out"), err)
	}
	if err != nil {
		return settings.UsageError{Err: err}
	}
	show, err := dev.New(cfg)
	if err != nil {
		return err
	}
	return show.Run(ctx)
}

// commandOf returns the command whose flags could not be read.
func commandOf(err error) string {
	var parse *kong.ParseError
	if !errors.As(err, &parse) || parse.Context.Selected() == nil || parse.Context.Selected() == parse.Context.Model.DefaultCmd {
		return "presence"
	}
	return parse.Context.Selected().FullPath()
}

// measure puts load on a server.
type measure struct{ bench.Flags }

// Run measures until it is done or ctx ends, and prints what it was.
func (m *measure) Run(ctx context.Context, c console) error { return m.Measure(ctx, c.out, c.err) }

// doctor looks at the store.
type doctor struct{ settings.Doctor }

// Run prints what it finds, a line each. What is bad is an error.
func (d *doctor) Run(ctx context.Context, c console) error {
	if err := d.Check(); err != nil {
		return err
	}
	return storage.Examine(ctx, d.Store, os.Getenv("FLY_MACHINE_ID"), c.out)
}

// pluginFiles are the commands about files of features.
type pluginFiles struct {
	List   pluginList   `cmd:"" help:"List the files of a plugin folder and what would become of each. Starts each once."`
	Check  pluginCheck  `cmd:"" help:"Check all that loading a file would check. Starts it once."`
	Digest pluginDigest `cmd:"" help:"Print the lines that a lock needs for files, as sha256sum does."`
}

// pluginList lists a folder.
type pluginList struct{ settings.PluginsList }

// Run prints a table or JSON. A file that would not run is an error.
func (p *pluginList) Run(ctx context.Context, c console) error {
	if err := p.Check(); err != nil {
		return err
	}
	cfg := pluginFolder(p.Lock, new(settings.Store).CacheDir(), slog.New(slog.DiscardHandler))
	cfg.Dir = p.Dir
	return pluginfolder.List(ctx, cfg, c.out, p.JSON)
}

// pluginCheck checks a file.
type pluginCheck struct{ settings.PluginsCheck }

// Run prints what it finds, a line each. What is bad is an error.
func (p *pluginCheck) Run(ctx context.Context, c console) error {
	if err := p.PluginsCheck.Check(); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{ReplaceAttr: withoutTime})) // what it prints may say why
	return pluginfolder.Check(ctx, pluginFolder(p.Lock, new(settings.Store).CacheDir(), log), p.File, c.out)
}

// pluginDigest prints lines of a lock.
type pluginDigest struct {
	Files []string `arg:"" name:"file" placeholder:"FILE" help:"The files."`
}

// Run prints a line for each file that can be read.
func (p *pluginDigest) Run(c console) error { return pluginfolder.Digests(c.out, p.Files...) }

// withoutTime leaves the time out of the log of a command that is over at once.
func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		return slog.Attr{}
	}
	return a
}

// pluginFolder is what all that look at files of features have in common. What a
// program prints while it is asked what it is goes to log.
func pluginFolder(lock, cache string, log *slog.Logger) pluginfolder.Config {
	return pluginfolder.Config{Lock: lock, BuiltIn: features.Names(), Probe: carriers.Probe(cache, log)}
}

// feature makes the process one of the built-in features, or the carrier of a module.
type feature struct {
	Name   string `arg:"" optional:"" help:"Name of the feature."`
	WASM   string `name:"wasm" placeholder:"FILE" help:"Be the carrier of this WebAssembly module."`
	Cache  string `placeholder:"DIR" help:"Keep there what was compiled."`
	Digest string `placeholder:"SHA256" help:"What the module has to be."`
}

// Run serves the feature to the host that started this process.
func (f *feature) Run(ctx context.Context, c console) error {
	if f.WASM != "" {
		return f.carry(ctx, c)
	}
	if f.Name == "" {
		return settings.UsageError{Err: errors.New("expected \"<name>\", or --wasm FILE; see presence --help")}
	}
	for _, known := range features.All() {
		if known.Manifest().Name == f.Name {
			return f.serve(c, known)
		}
	}
	return settings.UsageError{Err: fmt.Errorf("feature is %q; want one of %s", f.Name, strings.Join(features.Names(), ", "))}
}

func (f *feature) serve(c console, known plugins.Feature) error {
	if !process.Started() {
		fmt.Fprintf(c.out, "This is the feature %q. Presence starts it by itself, so there is nothing to do here;\nrun \"presence\" and open the page.\n", f.Name)
		return nil
	}
	process.Serve(known)
	return nil
}

// carry serves a module. Started by hand, it looks whether it could.
func (f *feature) carry(ctx context.Context, c console) error {
	if process.Started() {
		return carriers.ServeModule(ctx, f.WASM, f.Cache, f.Digest)
	}
	if err := carriers.CheckModule(ctx, f.WASM); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s is a feature. Presence runs it by itself, from the folder that --plugins names.\n", f.WASM)
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
