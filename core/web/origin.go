package web

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// sameSite reports whether a request that changes something comes from one of our
// own pages, or from one of an allowed origin, or from no browser at all. It is the
// rule of net/http's CrossOriginProtection.
//
// Source: https://pkg.go.dev/net/http#CrossOriginProtection.
func (s *Server) sameSite(c *fiber.Ctx) bool {
	if s.allowed(c.Get(fiber.HeaderOrigin)) {
		return true
	}
	switch c.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
		return s.ownOrigin(c)
	}
	return false
}

// socketOrigin reports whether a page of the request's origin may open a socket.
// Browsers send no Sec-Fetch-Site with every handshake, but always an Origin.
func (s *Server) socketOrigin(c *fiber.Ctx) bool {
	return s.ownOrigin(c) || s.allowed(c.Get(fiber.HeaderOrigin))
}

// ownOrigin reports whether the Origin header is absent or names this host.
func (s *Server) ownOrigin(c *fiber.Ctx) bool {
	origin := c.Get(fiber.HeaderOrigin)
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, string(c.Context().Host()))
}

func (s *Server) allowed(origin string) bool {
	for _, o := range s.cfg.Origins {
		if strings.EqualFold(o, origin) {
			return true
		}
	}
	return false
}
