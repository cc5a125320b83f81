package settings

import (
	"net"
	"net/url"
	"strings"
	"time"
)

// Serve are the settings of the server.
type Serve struct {
	Listen string `env:"PRESENCE_LISTEN" default:":8080" placeholder:"ADDR" help:"Address of the page, host:port (default ${default})."`

	Store

	Origins       []string `env:"PRESENCE_ORIGINS" placeholder:"URL" help:"Further origins of the same site whose pages may connect, such as https://www.example.com."`
	AddressHeader string   `env:"PRESENCE_ADDRESS_HEADER" placeholder:"NAME" help:"Header in which your proxy tells a visitor's address (default: Fly-Client-IP on Fly, else none)."`
	Admin         string   `env:"PRESENCE_ADMIN" default:"127.0.0.1:9090" placeholder:"ADDR" help:"Address of metrics, health and profiles, host:port (default ${default})."`
	StopTimeout   string   `env:"PRESENCE_STOP_TIMEOUT" default:"10s" placeholder:"DURATION" help:"How long each part may take to stop (default ${default})."`

	Log

	stopTimeout time.Duration // set by Check
}

// Check reports every wrong setting, a line each, as a UsageError.
func (s *Serve) Check() error {
	var f faults
	s.Store.check(&f)
	s.Log.check(&f)
	checkAddress(&f, "listen", s.Listen, ":8080")
	checkAddress(&f, "admin", s.Admin, "127.0.0.1:9090")
	for i, o := range s.Origins {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			f.bad("origins", o, "scheme://host without a path, such as https://www.example.com")
			continue
		}
		host := u.Host
		if port := u.Port(); port == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
			host = strings.TrimSuffix(host, ":"+port) // browsers leave it out
		}
		s.Origins[i] = u.Scheme + "://" + host
	}
	if strings.ContainsFunc(s.AddressHeader, func(r rune) bool { return r != '-' && (r < '0' || r > 'z' || r > '9' && r < 'A' || r > 'Z' && r < 'a') }) {
		f.bad("address-header", s.AddressHeader, "the name of a header, such as Fly-Client-IP")
	}
	s.stopTimeout = f.duration("stop-timeout", s.StopTimeout, time.Second, 10*time.Minute)
	return f.err()
}

// StopAfter is what StopTimeout says, after Check.
func (s *Serve) StopAfter() time.Duration { return s.stopTimeout }

func checkAddress(f *faults, flag, value, example string) {
	if _, port, err := net.SplitHostPort(value); err != nil || !validPort(port) {
		f.bad(flag, value, "host:port or :port, such as "+example)
	}
}

func validPort(port string) bool {
	_, err := net.LookupPort("tcp", port)
	return port != "" && err == nil
}
