package demo

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/global-presence/presence/core/region"
	"github.com/global-presence/presence/plugins/process"
)

// MinRegions and MaxRegions bound how many regions a demo has. One has nobody to
// agree with, and more than six do not fit beside each other.
const (
	MinRegions = 2
	MaxRegions = 6
)

// Config sets up a Demo. The zero value works and shows pages without features.
type Config struct {
	// Regions are where the demo is, from left to right. One that is named twice
	// has two sites, such as lhr and lhr-2. Default iad, lhr and syd.
	Regions []region.Code

	// Listen is the TCP address of the page, host:port. The regions take the ports
	// after it, or free ones where the port is 0. Default ":8080".
	Listen string

	// Features are those of core.Config; every region starts its own.
	Features []process.Config

	// Version is the binary's.
	Version string

	// Seed makes the planet's chances, such as how much longer than the delay a
	// change takes, the same in every start. Default 0.
	Seed uint64

	// StopTimeout is how long each part may take to stop. Default 10 s.
	StopTimeout time.Duration

	// Logger defaults to discarding.
	Logger *slog.Logger
}

// Check reports all that is wrong, a line each that names the flag. New does so, too.
func (c Config) Check() error {
	_, err := c.withDefaults()
	return err
}

// withDefaults fills in what is not set and reports all that is wrong, joined.
func (c Config) withDefaults() (Config, error) {
	if len(c.Regions) == 0 {
		c.Regions = []region.Code{"iad", "lhr", "syd"}
	}
	c.Listen = cmp.Or(c.Listen, ":8080")
	c.StopTimeout = cmp.Or(c.StopTimeout, 10*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	var errs []error
	if n := len(c.Regions); n < MinRegions || n > MaxRegions {
		errs = append(errs, fmt.Errorf("--regions are %d; want %d to %d, such as iad,lhr,syd", n, MinRegions, MaxRegions))
	}
	for _, r := range c.Regions {
		if _, err := region.Parse(string(r)); err != nil {
			errs = append(errs, fmt.Errorf("--regions has %q; want three lower-case letters, such as lhr", r))
		}
	}
	if port, err := c.port(); err != nil {
		errs = append(errs, fmt.Errorf("--listen is %q; want host:port or :port, such as :8080", c.Listen))
	} else if last := port + len(c.Regions); port > 0 && last > maxPort {
		errs = append(errs, fmt.Errorf("--listen is %q; want a port of at most %d, since the regions take the %d after it",
			c.Listen, maxPort-len(c.Regions), len(c.Regions)))
	}
	return c, errors.Join(errs...)
}

const maxPort = 65535

// port returns the port of Listen.
func (c Config) port() (int, error) {
	_, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return 0, err
	}
	if port == "" {
		return 0, errors.New("no port")
	}
	return net.LookupPort("tcp", port)
}

// address returns where the region with this index listens.
func (c Config) address(index int) string {
	host, _, _ := net.SplitHostPort(c.Listen) // it was checked
	port, _ := c.port()
	if port > 0 {
		port += 1 + index
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// siteNames returns a name for the site of each region: its code, and where that
// is taken, "lhr-2" and so on.
func siteNames(regions []region.Code) []string {
	seen := map[region.Code]int{}
	names := make([]string, len(regions))
	for i, r := range regions {
		seen[r]++
		names[i] = string(r)
		if n := seen[r]; n > 1 {
			names[i] += "-" + strconv.Itoa(n)
		}
	}
	return names
}
