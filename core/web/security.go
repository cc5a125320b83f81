package web

import (
	"fmt"
	"net"
	"net/http"
	"regexp"

	"github.com/gofiber/fiber/v2"
)

// plainHost is what a Host header may look like for us to repeat it: a name, or an
// IPv6 address in brackets, and a port.
var plainHost = regexp.MustCompile(`^(?:([A-Za-z0-9._-]+)|\[([0-9A-Fa-f:.]+)\])(?::[0-9]+)?$`)

// Hostname returns the name or address in a Host header, without the port and
// without brackets. ok is false when the header is nothing that an answer may
// repeat.
func Hostname(host string) (name string, ok bool) {
	m := plainHost.FindStringSubmatch(host)
	if m == nil {
		return "", false
	}
	return m[1] + m[2], true
}

// ByAddress answers only who asks for this machine by an IP address or as localhost: any
// other name somebody's page could have pointed here, to read and post as if it were one
// of ours.
func ByAddress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, _ := Hostname(r.Host); name != "localhost" && net.ParseIP(name) == nil {
			http.Error(w, fmt.Sprintf("host %q: open this page by an IP address or by the name localhost", r.Host), http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// secure is secureHeaders for every page.
func (s *Server) secure(c *fiber.Ctx) error {
	s.secureHeaders(c)
	return c.Next()
}

// secureHeaders sets the headers that keep a page to itself.
func (s *Server) secureHeaders(c *fiber.Ctx) {
	frames := "'none'"
	if name, ok := Hostname(string(c.Context().Host())); ok && s.cfg.FramePort != "" {
		frames = net.JoinHostPort(name, s.cfg.FramePort)
	}
	c.Set(fiber.HeaderContentSecurityPolicy, policy(c, frames))
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// policy is the Content-Security-Policy of a page that those may show in a frame.
func policy(c *fiber.Ctx, frames string) string {
	connect := "'self'"
	host := string(c.Context().Host())
	if _, ok := Hostname(host); ok {
		connect += " ws://" + host + " wss://" + host // old Safari does not count them as 'self'
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src " +
		connect + "; form-action 'self'; base-uri 'none'; frame-ancestors " + frames
}
