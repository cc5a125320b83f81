package web

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/global-presence/presence/assets"
	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/core/web/page"
)

// embedScript serves the script by which other sites' pages show a feature.
func (s *Server) embedScript(c *fiber.Ctx) error {
	f := assets.Embed()
	c.Set(fiber.HeaderContentType, "text/javascript; charset=utf-8")
	c.Set(fiber.HeaderCacheControl, "public, max-age=3600")
	c.Set(fiber.HeaderETag, f.ETag)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set("Cross-Origin-Resource-Policy", "cross-origin")
	c.Vary(fiber.HeaderAcceptEncoding)
	if c.Fresh() {
		return c.SendStatus(fiber.StatusNotModified)
	}
	body, encoding := f.Encoded(c.Get(fiber.HeaderAcceptEncoding))
	if encoding != "" {
		c.Set(fiber.HeaderContentEncoding, encoding)
	}
	return c.Send(body)
}

// embedded shows one feature of a room for a frame on another site's page.
func (s *Server) embedded(c *fiber.Ctx) error {
	room, err := param(c, "room")
	if err != nil || state.CheckRoom(room) != nil {
		return &mistake{fiber.StatusNotFound, "No room can have that name."}
	}
	feature := strings.Clone(c.Params("feature"))
	if !s.cfg.Bus.Shows(feature) {
		return s.embeddedGone(c, room, feature)
	}
	viewer := s.visitor(c)
	s.embedCookie(c)
	sections, absent := s.cfg.Bus.Page(c.UserContext(), room, feature, viewer)
	switch {
	case len(sections) == 0 && absent == nil: // it was removed just now
		return s.embeddedGone(c, room, feature)
	case len(sections) == 0:
		return &unavailable{err: absent}
	}
	status := fiber.StatusOK
	if absent != nil { // the script fills it as soon as it can
		status = fiber.StatusServiceUnavailable
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(page.AgainAfter))
	}
	return s.inFrame(c, status, feature, page.Room{
		Frame: s.frame(), Name: room, Absent: absent != nil, Sections: []page.Section{sectionOf(sections[0])},
	})
}

// embeddedGone says in a frame that there is no such feature. Where it was there a while
// ago, the script shows it when it comes back.
func (s *Server) embeddedGone(c *fiber.Ctx, room, feature string) error {
	r := page.Room{Frame: s.frame(), Name: room, Message: page.Message{Sentence: bus.SayGone}}
	if !s.cfg.Bus.Knows(feature) {
		r.Frame, r.Message.Sentence = s.errorFrame(), "There is nothing of that name to show."
	}
	return s.inFrame(c, fiber.StatusNotFound, feature, r)
}

// inFrame answers with a page under the frame's own policy instead of that of whole pages.
func (s *Server) inFrame(c *fiber.Ctx, status int, feature string, r page.Room) error {
	c.Set(fiber.HeaderContentSecurityPolicy, policy(c, s.embedders()))
	return s.html(c, status, page.Embedded(r, feature))
}

// embedders are the origins whose pages may show a feature, as frame-ancestors names
// them.
func (s *Server) embedders() string {
	if len(s.cfg.EmbedOrigins) == 0 {
		return "'none'"
	}
	return strings.Join(s.cfg.EmbedOrigins, " ")
}

// embedCookie lets the cookie that was just set live in a frame on another site's page,
// by itself for each such site. Browsers take that over TLS only, and from this machine.
func (s *Server) embedCookie(c *fiber.Ctx) {
	host, _ := Hostname(string(c.Context().Host()))
	ip := net.ParseIP(host)
	if c.Protocol() != "https" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return
	}
	var set []byte
	c.Response().Header.VisitAllCookie(func(key, value []byte) {
		if string(key) == cookieName {
			set = slices.Clone(value)
		}
	})
	cookie, err := http.ParseSetCookie(string(set))
	if err != nil {
		return // none was set
	}
	cookie.SameSite, cookie.Secure, cookie.Partitioned = http.SameSiteNoneMode, true, true
	c.Response().Header.DelCookie(cookieName)
	c.Response().Header.Add(fiber.HeaderSetCookie, cookie.String())
}
