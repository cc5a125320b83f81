package web

import (
	"net"
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

// secure is secureHeaders for every page.
func (s *Server) secure(c *fiber.Ctx) error {
	s.secureHeaders(c)
	return c.Next()
}

// secureHeaders sets the headers that keep a page to itself.
func (s *Server) secureHeaders(c *fiber.Ctx) {
	connect, frames := "'self'", "'none'"
	host := string(c.Context().Host())
	if name, ok := Hostname(host); ok {
		connect += " ws://" + host + " wss://" + host // old Safari does not count them as 'self'
		if s.cfg.FramePort != "" {
			frames = net.JoinHostPort(name, s.cfg.FramePort)
		}
	}
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "+
		connect+"; form-action 'self'; base-uri 'none'; frame-ancestors "+frames)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
}
