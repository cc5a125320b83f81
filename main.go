// Presence serves one live page that everybody shares. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/core/region"
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
	Serve   serve   `cmd:"" default:"withargs" help:"Serve the page. This is what happens without a command."`
	Feature feature `cmd:"" help:"Be one feature. Presence starts these processes by itself."`
	Version version `cmd:"" help:"Print the version."`

	VersionFlag kong.VersionFlag `name:"version" help:"Print the version."`
}

// console is where a command writes.
type console struct {
	out, err io.Writer
}

// usageError is a mistake of the person who typed the command; its lines stand for
// themselves.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

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
		err = usageError{fmt.Errorf("%w; see presence --help", err)}
	}
	var usage usageError
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

// serve are the settings of the server. They are checked by hand, not by kong, so
// that one start tells of all that is wrong.
type serve struct {
	Listen        string   `env:"PRESENCE_LISTEN" default:":8080" placeholder:"ADDR" help:"Address of the page, host:port (default ${default})."`
	Region        string   `env:"PRESENCE_REGION,FLY_REGION" default:"dev" placeholder:"CODE" help:"Code of the region this runs in, such as lhr (default: what Fly says, else ${default})."`
	Engine        string   `env:"PRESENCE_ENGINE" default:"memory" placeholder:"NAME" help:"Where the state lives: memory (default ${default})."`
	Data          string   `env:"PRESENCE_DATA" placeholder:"FILE" help:"Keep the state in this file across restarts. Without it the state is gone when the server stops."`
	Secret        string   `env:"PRESENCE_SECRET" placeholder:"TEXT" help:"Signs cookies, at least 16 characters. Better as a variable: flags can be seen in a list of processes. Without it one is made and kept in the data file."`
	Origins       []string `env:"PRESENCE_ORIGINS" placeholder:"URL,…" help:"Further origins of the same site whose pages may connect, such as https://www.example.com."`
	AddressHeader string   `env:"PRESENCE_ADDRESS_HEADER" placeholder:"NAME" help:"Header in which your proxy tells a visitor's address (default: Fly-Client-IP on Fly, else none)."`
	Admin         string   `env:"PRESENCE_ADMIN" default:"127.0.0.1:9090" placeholder:"ADDR" help:"Address of metrics, health and profiles, host:port (default ${default})."`
	StopTimeout   string   `env:"PRESENCE_STOP_TIMEOUT" default:"10s" placeholder:"DURATION" help:"How long each part may take to stop (default ${default})."`
	Log           string   `env:"PRESENCE_LOG" default:"text" placeholder:"FORMAT" help:"Format of the log: text or json (default ${default})."`
	LogLevel      string   `env:"PRESENCE_LOG_LEVEL" default:"info" placeholder:"LEVEL" help:"What is logged: debug, info, warn or error (default ${default})."`

	stopTimeout time.Duration // what StopTimeout says; set by check
}

// check reports every wrong setting, a line each.
func (s *serve) check() error {
	var errs []error
	bad := func(flag, value, want string) {
		env := "PRESENCE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
		errs = append(errs, fmt.Errorf("--%s (%s) is %q; want %s", flag, env, value, want))
	}
	for _, a := range []struct{ flag, value, example string }{{"listen", s.Listen, ":8080"}, {"admin", s.Admin, "127.0.0.1:9090"}} {
		if _, port, err := net.SplitHostPort(a.value); err != nil || !validPort(port) {
			bad(a.flag, a.value, "host:port or :port, such as "+a.example)
		}
	}
	if _, err := region.Parse(s.Region); err != nil {
		bad("region", s.Region, "three lower-case letters, such as lhr")
	}
	if s.Engine != "memory" {
		bad("engine", s.Engine, "memory")
	}
	if s.Data != "" {
		if st, err := os.Stat(filepath.Dir(s.Data)); err != nil || !st.IsDir() {
			bad("data", s.Data, "a file in a folder that exists")
		}
	}
	if s.Secret != "" && len(s.Secret) < 16 {
		bad("secret", strings.Repeat("*", len(s.Secret)), "at least 16 characters")
	}
	for i, o := range s.Origins {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			bad("origins", o, "scheme://host without a path, such as https://www.example.com")
			continue
		}
		host := u.Host
		if port := u.Port(); port == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
			host = strings.TrimSuffix(host, ":"+port) // browsers leave it out
		}
		s.Origins[i] = u.Scheme + "://" + host
	}
	if strings.ContainsFunc(s.AddressHeader, func(r rune) bool { return r != '-' && (r < '0' || r > 'z' || r > '9' && r < 'A' || r > 'Z' && r < 'a') }) {
		bad("address-header", s.AddressHeader, "the name of a header, such as Fly-Client-IP")
	}
	if d, err := time.ParseDuration(s.StopTimeout); err != nil || d < time.Second || d > 10*time.Minute {
		bad("stop-timeout", s.StopTimeout, "a time with its unit from 1s to 10m, such as 10s")
	} else {
		s.stopTimeout = d
	}
	if s.Log != "text" && s.Log != "json" {
		bad("log", s.Log, "text or json")
	}
	if s.level() == nil {
		bad("log-level", s.LogLevel, "debug, info, warn or error")
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if err := errors.Join(errs...); err != nil {
		return usageError{err}
	}
	return nil
}

func validPort(port string) bool {
	_, err := net.LookupPort("tcp", port)
	return port != "" && err == nil
}

func (s *serve) level() slog.Leveler {
	var l slog.Level
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, s.LogLevel) || l.UnmarshalText([]byte(s.LogLevel)) != nil {
		return nil
	}
	return l
}

// Run serves until ctx ends.
func (s *serve) Run(ctx context.Context, c console) error {
	if err := s.check(); err != nil {
		return err
	}
	if s.AddressHeader == "" && os.Getenv("FLY_APP_NAME") != "" {
		s.AddressHeader = "Fly-Client-IP"
	}
	options := &slog.HandlerOptions{Level: s.level()}
	var handler slog.Handler = slog.NewTextHandler(c.err, options)
	if s.Log == "json" {
		handler = slog.NewJSONHandler(c.err, options)
	}
	log := slog.New(handler)

	registry := prometheus.NewRegistry()
	eng, err := memory.Open(memory.Config{Site: s.Region, File: s.Data, Logger: log, Registerer: registry})
	if err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	defer eng.Close()
	secret := []byte(s.Secret)
	if s.Secret == "" {
		if secret, err = eng.Secret(); err != nil {
			return err
		}
	}
	if s.Data == "" {
		log.LogAttrs(ctx, slog.LevelInfo, "state is in memory and gone when the server stops; --data FILE keeps it")
	}
	cfg := core.Config{
		Engine: eng, Secret: secret, Listen: s.Listen, Admin: s.Admin, Region: s.Region, Version: buildVersion(),
		Origins: s.Origins, AddressHeader: s.AddressHeader, StopTimeout: s.stopTimeout,
		Registry: registry, Logger: log,
	}
	for _, f := range features.All() {
		name := f.Manifest().Name
		cfg.Features = append(cfg.Features, process.Config{Name: name, Args: []string{"feature", name}})
	}
	server, err := core.New(cfg)
	if err != nil {
		return err
	}
	return server.Run(ctx)
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
	return usageError{fmt.Errorf("feature is %q; want one of %s", f.Name, strings.Join(names, ", "))}
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

// buildVersion is the module's version, or the commit it was built from.
func buildVersion() string {
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
