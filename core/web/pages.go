package web

import (
	"context"
	"log/slog"
	"net/url"
	"strconv"
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

// show renders a room for whoever asks. One that cannot be had now is a page without
// its fragments and the status 503, unless the answer to a form is worse: the script
// fills it when the room is there, and a browser without one loads the room again.
func (s *Server) show(c *fiber.Ctx, room string, m page.Message, status int) error {
	viewer := s.visitor(c)
	sections, err := s.cfg.Bus.Page(c.UserContext(), room, "", viewer)
	r := page.Room{
		Frame: s.frame(), Name: room, Region: region.Code(s.cfg.Region), Edge: region.Code(viewer.Edge), Message: m,
	}
	if err != nil {
		if len(sections) == 0 || !takesPage(c) {
			return &unavailable{err: err}
		}
		// The bus has said why, once for all pages.
		s.cfg.Logger.LogAttrs(c.Context(), slog.LevelDebug, "page without its room", slog.String("room", room), slog.Any("err", err))
		r.Absent, r.Again = true, plugins.RoomPage(room)
		if status == fiber.StatusOK {
			status = fiber.StatusServiceUnavailable
		}
		if status == fiber.StatusServiceUnavailable {
			c.Set(fiber.HeaderRetryAfter, strconv.Itoa(page.AgainAfter))
		}
	}
	for _, sec := range sections {
		r.Sections = append(r.Sections, sectionOf(sec))
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
	if err := s.spend(c, costOfForm); err != nil {
		return err
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
	f := page.Frame{Styles: []string{s.cfg.Assets.URL("app.css"), s.cfg.Assets.URL("elements.css")}, Scripts: []string{s.cfg.Assets.Script(), s.cfg.Assets.Elements()}, Icon: s.cfg.Assets.URL("favicon.svg")}
	f.FeatureStyle = s.styles.url()
	return f
}

func sectionOf(s bus.Section) page.Section {
	return page.Section{Name: s.Name, Title: s.Title, TitleRev: s.TitleRev, HTML: s.HTML, StatusHTML: s.Resting}
}

// Corner returns the HTML of a feature's section as pages have it, for those that are
// open when the feature comes.
func Corner(s bus.Section) string {
	var b strings.Builder
	if err := page.Corner(sectionOf(s), page.Message{}).Render(context.Background(), &b); err != nil {
		panic(err) // a Builder takes everything
	}
	return b.String()
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
