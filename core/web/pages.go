package web

import (
	"net/url"
	"strings"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"github.com/global-presence/presence/assets"
	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/region"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/core/web/page"
	"github.com/global-presence/presence/plugins"
)

func (s *Server) home(c *fiber.Ctx) error {
	return s.show(c, plugins.Home, page.Message{}, fiber.StatusOK)
}

func (s *Server) room(c *fiber.Ctx) error {
	name, err := param(c, "room")
	if err != nil || state.CheckRoom(name) != nil {
		return &mistake{fiber.StatusNotFound, "No room can have that name."}
	}
	if name == plugins.Home {
		return c.Redirect(plugins.RoomPage(name), fiber.StatusMovedPermanently)
	}
	return s.show(c, name, page.Message{}, fiber.StatusOK)
}

// openRoom turns what was typed into the form "Another room" into an address.
func (s *Server) openRoom(c *fiber.Ctx) error {
	name := strings.TrimSpace(c.Query("room"))
	if err := state.CheckRoom(name); err != nil {
		return &mistake{fiber.StatusUnprocessableEntity, "No room can have that name. Try a short word."}
	}
	return c.Redirect(plugins.RoomPage(name), fiber.StatusSeeOther)
}

// show renders a room for whoever asks.
func (s *Server) show(c *fiber.Ctx, room string, m page.Message, status int) error {
	viewer := s.visitor(c)
	sections, err := s.cfg.Bus.Page(c.UserContext(), room, viewer)
	if err != nil {
		return &unavailable{err}
	}
	r := page.Room{
		Frame: s.frame(), Name: room, Region: region.Code(s.cfg.Region), Edge: region.Code(viewer.Edge), Message: m,
	}
	for _, sec := range sections {
		r.Sections = append(r.Sections, page.Section{Name: sec.Name, Title: sec.Title, HTML: sec.HTML, StatusHTML: sec.Resting})
	}
	return s.html(c, status, page.Document(r))
}

// form takes an event from a page without script.
func (s *Server) form(c *fiber.Ctx) error {
	if !s.sameSite(c) {
		return &mistake{fiber.StatusForbidden, "This came from another site's page, so nothing was changed."}
	}
	room, err := param(c, "room")
	if err != nil || state.CheckRoom(room) != nil {
		return &mistake{fiber.StatusNotFound, "No room can have that name."}
	}
	person, known := s.person(c)
	if !known {
		return &mistake{fiber.StatusForbidden, "Open the page first and allow its cookie: it tells people apart."}
	}
	if wait, ok := s.cable.Allow(s.address(c)); !ok {
		c.Set(fiber.HeaderRetryAfter, retryAfter(wait))
		return &mistake{fiber.StatusTooManyRequests, "Too much comes from your network right now. Wait a moment."}
	}
	feature, event := strings.Clone(c.Params("feature")), strings.Clone(c.Params("event"))
	fields := map[string]string{}
	c.Request().PostArgs().VisitAll(func(k, v []byte) {
		if _, twice := fields[string(k)]; !twice {
			fields[string(k)] = string(v)
		}
	})
	o := s.cfg.Bus.Do(c.UserContext(), bus.Request{
		ID: newID(), Room: room, Target: feature + "#" + event, Fields: fields, Person: person,
	})
	if o.Status == bus.OK {
		return c.Redirect(plugins.RoomPage(room)+"#"+url.PathEscape(feature), fiber.StatusSeeOther)
	}
	if o.Status == bus.Busy {
		c.Set(fiber.HeaderRetryAfter, retryAfter(o.RetryAfter))
	}
	return s.show(c, room, page.Message{Feature: feature, Sentence: formSentence(o)}, httpStatus(o.Status))
}

// formSentence is the outcome's sentence for somebody whose browser does not send
// the form again by itself.
func formSentence(o bus.Outcome) string {
	if o.Status == bus.Unavailable {
		return "This may not have been saved. Look whether it changed before you press again."
	}
	return o.Sentence
}

func httpStatus(s bus.Status) int {
	switch s {
	case bus.OK:
		return fiber.StatusOK
	case bus.Invalid:
		return fiber.StatusUnprocessableEntity
	case bus.Forbidden:
		return fiber.StatusForbidden
	case bus.Busy:
		return fiber.StatusTooManyRequests
	case bus.Unavailable:
		return fiber.StatusServiceUnavailable
	default:
		return fiber.StatusInternalServerError
	}
}

// param returns a part of the path, decoded; the string is its own.
func param(c *fiber.Ctx, name string) (string, error) {
	return url.PathUnescape(strings.Clone(c.Params(name)))
}

func (s *Server) frame() page.Frame {
	f := page.Frame{Styles: []string{s.cfg.Assets.URL("app.css")}, Script: s.cfg.Assets.Script(), Icon: s.cfg.Assets.URL("favicon.svg")}
	if u := s.styles.url(); u != "" {
		f.Styles = append(f.Styles, u)
	}
	return f
}

func (s *Server) html(c *fiber.Ctx, status int, doc templ.Component) error {
	c.Status(status).Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set(fiber.HeaderCacheControl, "no-cache, private")
	return doc.Render(c.UserContext(), c.Response().BodyWriter())
}

// asset serves a file whose address names its content.
func (s *Server) asset(c *fiber.Ctx) error {
	f, ok := s.cfg.Assets.Lookup(c.Path())
	if !ok {
		if f, ok = s.styles.lookup(c.Path()); !ok {
			return fiber.ErrNotFound
		}
	}
	body, encoding := f.Encoded(c.Get(fiber.HeaderAcceptEncoding))
	if encoding != "" {
		c.Set(fiber.HeaderContentEncoding, encoding)
	}
	c.Set(fiber.HeaderContentType, f.ContentType)
	c.Set(fiber.HeaderCacheControl, assets.CacheControl)
	c.Set(fiber.HeaderETag, f.ETag)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Vary(fiber.HeaderAcceptEncoding)
	if c.Fresh() { // by If-None-Match
		return c.SendStatus(fiber.StatusNotModified)
	}
	return c.Send(body)
}

var _ Bus = (*bus.Bus)(nil)
