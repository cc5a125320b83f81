package settings

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Serve are the settings of the server.
type Serve struct {
	Listen string `env:"PRESENCE_LISTEN" default:":8080" placeholder:"ADDR" help:"Address of the page, host:port (default ${default})."`

	Store
	Plugins

	Origins       []string `env:"PRESENCE_ORIGINS" placeholder:"URL" help:"Further origins of the same site whose pages may connect, such as https://www.example.com."`
	EmbedOrigins  []string `env:"PRESENCE_EMBED_ORIGINS" placeholder:"URL" help:"Origins of other sites whose pages may show a feature, such as https://shop.example."`
	AddressHeader string   `env:"PRESENCE_ADDRESS_HEADER" placeholder:"NAME" help:"Header in which your proxy tells a visitor's address (default: Fly-Client-IP on Fly, else none)."`
	Admin         string   `env:"PRESENCE_ADMIN" default:"127.0.0.1:9090" placeholder:"ADDR" help:"Address of metrics, health and profiles, host:port (default ${default})."`
	APIToken      string   `name:"api-token" env:"PRESENCE_API_TOKEN" placeholder:"TEXT" help:"What other services show to send events, at least 16 characters (default: they may not). Better as a variable: flags can be seen in a list of processes."`
	APIRate       float64  `name:"api-rate" env:"PRESENCE_API_RATE" default:"10000" placeholder:"NUMBER" help:"Events a second that other services may send together, 1 to 1000000 (default ${default})."`
	Compress      int      `env:"PRESENCE_COMPRESS" default:"0" placeholder:"BYTES" help:"Compress messages of at least so many bytes for browsers that can, 256 to 1048576; 0 never does (default ${default})."`
	StopTimeout   string   `env:"PRESENCE_STOP_TIMEOUT" default:"10s" placeholder:"DURATION" help:"How long each part may take to stop (default ${default})."`

	Log

	stopTimeout time.Duration // set by Check
}

// Check reports every wrong setting, a line each, as a UsageError.
func (s *Serve) Check() error {
	var f faults
	s.Store.check(&f)
	s.Plugins.check(&f)
	s.Log.check(&f)
	checkAddress(&f, "listen", s.Listen, ":8080")
	checkAddress(&f, "admin", s.Admin, "127.0.0.1:9090")
	checkOrigins(&f, "origins", s.Origins)
	checkOrigins(&f, "embed-origins", s.EmbedOrigins)
	if strings.ContainsFunc(s.AddressHeader, func(r rune) bool { return r != '-' && (r < '0' || r > 'z' || r > '9' && r < 'A' || r > 'Z' && r < 'a') }) {
		f.bad("address-header", s.AddressHeader, "the name of a header, such as Fly-Client-IP")
	}
	if s.APIToken != "" && (len(s.APIToken) < 16 || strings.ContainsFunc(s.APIToken, func(r rune) bool { return r <= ' ' || r > '~' })) {
		f.bad("api-token", strings.Repeat("*", len(s.APIToken)), "at least 16 letters, digits and signs of ASCII, without spaces")
	}
	if !(s.APIRate >= 1 && s.APIRate <= 1e6) {
		f.bad("api-rate", strconv.FormatFloat(s.APIRate, 'g', -1, 64), "a number from 1 to 1000000, such as 10000")
	}
	if s.Compress != 0 && (s.Compress < 256 || s.Compress > 1<<20) {
		f.bad("compress", strconv.Itoa(s.Compress), "0 for never, or a number of bytes from 256 to 1048576, such as 1024")
	}
	s.stopTimeout = f.duration("stop-timeout", s.StopTimeout, time.Second, 10*time.Minute)
	return f.err()
}

// StopAfter is what StopTimeout says, after Check.
func (s *Serve) StopAfter() time.Duration { return s.stopTimeout }

// checkOrigins writes origins as browsers do.
func checkOrigins(f *faults, flag string, origins []string) {
	for i, o := range origins {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			f.bad(flag, o, "scheme://host without a path, such as https://www.example.com")
			continue
		}
		host := u.Host
		if port := u.Port(); port == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
			host = strings.TrimSuffix(host, ":"+port) // browsers leave it out
		}
		origins[i] = u.Scheme + "://" + host
	}
}

func checkAddress(f *faults, flag, value, example string) {
	if _, port, err := net.SplitHostPort(value); err != nil || !validPort(port) {
		f.bad(flag, value, "host:port or :port, such as "+example)
	}
}

func validPort(port string) bool {
	_, err := net.LookupPort("tcp", port)
	return port != "" && err == nil
}
