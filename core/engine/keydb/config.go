package keydb

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/global-presence/presence/core/engine"
)

// Config sets up a Store. URL and Site are needed.
type Config struct {
	// URL is where the server is that takes the site's writes:
	// redis://[user:password@]host[:port][/db], rediss:// for TLS, or
	// unix://[user:password@]/path[?db=n].
	URL string

	// ReadURL is where the server is that reads go to. Default: URL.
	ReadURL string

	// RootCAs are the authorities that sign the servers' certificates. Default:
	// the system's.
	RootCAs *x509.CertPool

	// Site is the name of the site that the store writes for: lower-case letters,
	// digits and hyphens, starting with a letter, at most 32 characters.
	Site string

	// Region is a label of the site in log lines.
	Region string

	// LogEntries is about how many entries the site's log holds before the oldest
	// goes; the server drops a hundred or so at a time. A board's past is read from it.
	// Default 262,144.
	LogEntries int

	// LogAge is after about how long an entry of the site's log goes, however few
	// there are: each beat has the server drop what is older. It has to be longer than
	// a reader may take to come back, and than a board is replayed. Default 65 min.
	LogAge time.Duration

	// Timeout is how long a server may take to answer a call, or a part of a long
	// answer. Default 3 s.
	Timeout time.Duration

	// DialTimeout is how long a connection may take to be made. Default 2 s.
	DialTimeout time.Duration

	// Retry is the first pause before a server that is away is tried again, and
	// RetryMax the longest: people wait for it once the server is back, and one try is
	// one connection. Default 50 ms and 0.5 s.
	Retry, RetryMax time.Duration

	// DeadAfter is after how long without a beat a binary is dead and its members
	// are removed. Default 5 min.
	DeadAfter time.Duration

	// Settle is how long all links of a server that has just been started have to be
	// up before it counts as synced; see Store.Health. Default 2 s.
	Settle time.Duration

	// Hosted says that this program runs the server, so that Examine does not ask for
	// what the program sets, and that one which is not there yet is no news.
	Hosted bool

	// Logger takes changes of life and what a person has to act on. Default:
	// discarded.
	Logger *slog.Logger

	// Registerer takes the store's metrics; see the Help of each. Default: none
	// are kept.
	Registerer prometheus.Registerer
}

// withDefaults returns cfg with what was left out, and all that is wrong with it.
func (cfg Config) withDefaults() (Config, error) {
	cfg.LogEntries = cmp.Or(cfg.LogEntries, 1<<18)
	cfg.LogAge = cmp.Or(cfg.LogAge, 65*time.Minute)
	cfg.Timeout = cmp.Or(cfg.Timeout, 3*time.Second)
	cfg.DialTimeout = cmp.Or(cfg.DialTimeout, 2*time.Second)
	cfg.Retry = cmp.Or(cfg.Retry, 50*time.Millisecond)
	cfg.RetryMax = cmp.Or(cfg.RetryMax, max(500*time.Millisecond, cfg.Retry))
	cfg.DeadAfter = cmp.Or(cfg.DeadAfter, 5*time.Minute)
	cfg.Settle = cmp.Or(cfg.Settle, 2*time.Second)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	var errs []error
	write, err := cfg.options(cfg.URL)
	if err != nil {
		errs = append(errs, fmt.Errorf("URL of the store: %w", err))
	}
	if cfg.ReadURL != "" {
		read, err := cfg.options(cfg.ReadURL)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("URL of the store to read from: %w", err))
		case write != nil && read.DB != write.DB:
			errs = append(errs, fmt.Errorf("URL of the store to read from: %q names database %d: want %d, as %q does, since a copy keeps the numbers",
				mask(cfg.ReadURL), read.DB, write.DB, mask(cfg.URL)))
		}
	}
	if err := engine.CheckSite(cfg.Site); err != nil {
		errs = append(errs, err)
	}
	if cfg.LogEntries < 0 {
		errs = append(errs, fmt.Errorf("log of %d entries: want at least 1", cfg.LogEntries))
	}
	for what, d := range map[string]time.Duration{
		"forgetting": cfg.LogAge, "timeout": cfg.Timeout, "dial timeout": cfg.DialTimeout,
		"pause before a retry": cfg.Retry, "death": cfg.DeadAfter, "settling": cfg.Settle,
	} {
		if d < 0 {
			errs = append(errs, fmt.Errorf("%s after %v: want more than 0", what, d))
		}
	}
	if cfg.RetryMax < cfg.Retry {
		errs = append(errs, fmt.Errorf("longest pause before a retry %v: want at least the first, %v", cfg.RetryMax, cfg.Retry))
	}
	return cfg, errors.Join(errs...)
}

// options returns how to connect to the server at url.
func (cfg Config) options(url string) (*redis.Options, error) {
	o, err := redis.ParseURL(url)
	if err != nil || o.DB < 0 {
		return nil, fmt.Errorf("%q: want redis://[user:password@]host[:port][/db], rediss:// for TLS, or unix://[user:password@]/path[?db=n]", mask(url))
	}
	if o.TLSConfig != nil && cfg.RootCAs != nil {
		o.TLSConfig.RootCAs = cfg.RootCAs
	}
	// A write whose outcome is unknown must not be sent twice, and what reads is
	// asked again by its caller.
	o.MaxRetries = -1
	o.DialTimeout = cfg.DialTimeout
	o.DialerRetries = 1
	o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = cfg.Timeout, cfg.Timeout, cfg.Timeout
	o.ContextTimeoutEnabled = true
	o.PoolSize = 16
	// What old and new servers agree on, without questions that KeyDB refuses.
	o.Protocol = 2
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return o, nil
}

// scheme is how a URL begins.
var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// mask returns url without its user and password and without the settings at its end,
// however broken it is. A '?' before the last '@' may begin the settings or be part of
// the password: nothing is shown then.
func mask(url string) string {
	start := scheme.FindString(url)
	rest := url[len(start):]
	at, settings := strings.LastIndexByte(rest, '@'), strings.IndexByte(rest, '?')
	switch {
	case settings >= 0 && settings < at:
		return start + "***"
	case settings >= 0:
		rest = rest[:settings]
	}
	if at >= 0 {
		rest = "***" + rest[at:]
	}
	return start + rest
}

// unavailable returns engine.ErrUnavailable with a reason.
func unavailable(where, reason string) error {
	return fmt.Errorf("%w: %s: %s", engine.ErrUnavailable, where, reason)
}
