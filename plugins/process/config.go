package process

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/plugins"
)

// maxNice is the most that a process can give way.
const maxNice = 19

// Config says which process carries a feature and how it is looked after. Name
// is the only field without a default.
type Config struct {
	// Name is the name that the feature's manifest must have, such as
	// "lightbulb".
	Name string

	// Path is the program. Default: the program that is running now, even when
	// another version has been put in its place since.
	Path string

	// Args are its arguments, without the program's name.
	Args []string

	// Env is its whole environment, each "NAME=value", but for what go-plugin
	// adds. The host's own environment, which holds secrets, is not inherited.
	Env []string

	// Checksum is the SHA-256 that the program must have at each start. Default:
	// not checked.
	Checksum []byte

	// SocketDir is where private folders for sockets are made, and where those
	// of killed hosts are swept; at most 50 bytes long. Default: the system's
	// folder for temporary files.
	SocketDir string

	// HandleTimeout is how long a Handle may take, a whole batch of events.
	// Default 1 s.
	HandleTimeout time.Duration

	// RenderTimeout is how long a Render may take. Default 500 ms.
	RenderTimeout time.Duration

	// StartTimeout is how long the process may take from its start to its
	// manifest. Default 30 s.
	StartTimeout time.Duration

	// StopTimeout is how long the process may take to end when it is asked to,
	// before it is killed. Default 2 s.
	StopTimeout time.Duration

	// PingInterval is how often the process's health is checked, and how long it
	// may take to answer; it may miss that once. Default 3 s.
	PingInterval time.Duration

	// MemoryLimit is how many bytes of memory the process may hold before it is killed
	// and started again; it is looked at ten times a second, on Linux, and what processes
	// hold that it has started is not counted. Default 1 GiB.
	MemoryLimit int64

	// Nice is how far the process gives way to the host, and to whatever else wants the
	// processor, as for nice(1): from 0, not at all, to 19. On Linux. Default 0.
	Nice int

	// MissedDeadlines is how many deadlines in a row make a process count as hung, so
	// that it is killed, once the row has also lasted for five times the longest timeout
	// in it: the machine may be busy. Default 3.
	MissedDeadlines int

	// BackoffMin and BackoffMax bound the wait before the second and each later
	// start in a row; the first restart does not wait. The wait doubles, less up
	// to half of it by chance. Defaults 100 ms and 10 s.
	BackoffMin, BackoffMax time.Duration

	// HealthyAfter is how long a process must be up, not counting the time that it had to
	// settle, for the next restart to count as the first again. Default 30 s.
	HealthyAfter time.Duration

	// OnStatus is called at each change, in order, from the goroutine of Run, which
	// waits for it. A restart that fails is a change, too.
	//
	// Status.Manifest is the one of the last start that went well, while the
	// process is down, too: the feature's state is still there. Status.Err is nil
	// when the process was stopped as asked.
	OnStatus func(plugins.Status)

	// Logger takes the supervisor's lines and the feature's own, all with the
	// attribute "feature". Default: nothing is logged.
	Logger *slog.Logger

	// Registerer takes the metrics presence_plugin_up{feature},
	// presence_plugin_restarts_total{feature} and
	// presence_plugin_call_seconds{feature,call}. Default: none are made.
	Registerer prometheus.Registerer

	lines *lineLimits // of all starts together; made with the defaults
}

// Check reports all that is wrong with c, joined, or nil.
func (c Config) Check() error {
	_, err := c.withDefaults()
	return err
}

// withDefaults fills in what is not set and reports all that is wrong, joined.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	if c.Name == "" {
		errs = append(errs, errors.New("no Name"))
	}
	if n := len(c.Checksum); n != 0 && n != sha256.Size {
		errs = append(errs, fmt.Errorf("checksum of %d bytes: want the %d of a SHA-256", n, sha256.Size))
	}
	if len(c.SocketDir) > maxBase {
		errs = append(errs, fmt.Errorf("socket dir of %d bytes: want at most %d", len(c.SocketDir), maxBase))
	}
	duration := func(name string, d *time.Duration, value time.Duration) {
		switch {
		case *d < 0:
			errs = append(errs, fmt.Errorf("%s of %v: want more than 0", name, *d))
		case *d == 0:
			*d = value
		}
	}
	duration("handle timeout", &c.HandleTimeout, time.Second)
	duration("render timeout", &c.RenderTimeout, 500*time.Millisecond)
	duration("start timeout", &c.StartTimeout, 30*time.Second)
	duration("stop timeout", &c.StopTimeout, 2*time.Second)
	duration("ping interval", &c.PingInterval, 3*time.Second)
	duration("backoff minimum", &c.BackoffMin, 100*time.Millisecond)
	duration("backoff maximum", &c.BackoffMax, max(10*time.Second, c.BackoffMin))
	duration("healthy after", &c.HealthyAfter, 30*time.Second)
	if c.BackoffMax < c.BackoffMin {
		errs = append(errs, fmt.Errorf("backoff of %v to %v: want the minimum first", c.BackoffMin, c.BackoffMax))
	}
	if c.MemoryLimit < 0 {
		errs = append(errs, fmt.Errorf("memory limit of %d bytes: want more than 0", c.MemoryLimit))
	} else if c.MemoryLimit == 0 {
		c.MemoryLimit = 1 << 30
	}
	if c.Nice < 0 || c.Nice > maxNice {
		errs = append(errs, fmt.Errorf("nice of %d: want 0 to %d", c.Nice, maxNice))
	}
	if c.MissedDeadlines < 0 {
		errs = append(errs, fmt.Errorf("missed deadlines of %d: want more than 0", c.MissedDeadlines))
	} else if c.MissedDeadlines == 0 {
		c.MissedDeadlines = 3
	}
	if c.OnStatus == nil {
		c.OnStatus = func(plugins.Status) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.lines = newLineLimits()
	if err := errors.Join(errs...); err != nil {
		return c, fmt.Errorf("configure plugin %q: %w", c.Name, err)
	}
	return c, nil
}
