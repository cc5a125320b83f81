package web

import (
	"regexp"

	"github.com/gofiber/fiber/v2"
)

// plainHost is what a Host header may look like for us to repeat it.
var plainHost = regexp.MustCompile(`^[A-Za-z0-9._-]+(:[0-9]+)?$|^\[[0-9A-Fa-f:.]+\](:[0-9]+)?$`)

// secure is secureHeaders for every page.
func secure(c *fiber.Ctx) error {
	secureHeaders(c)
	return c.Next()
}

// secureHeaders sets the headers that keep a page to itself.
func secureHeaders(c *fiber.Ctx) {
	connect := "'self'"
	if host := string(c.Context().Host()); plainHost.MatchString(host) {
		connect += " ws://" + host + " wss://" + host // old Safari does not count them as 'self'
	}
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "+
		connect+"; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
}
