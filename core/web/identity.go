package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/global-presence/presence/core/region"
	"github.com/global-presence/presence/plugins"
)

// cookieName is the cookie that makes a person the same in all their tabs.
const cookieName = "presence"

// cookieAge is how long a browser keeps it after the last visit.
const cookieAge = 365 * 24 * time.Hour

// userSize is the length of a user id: 80 random bits in base32.
const userSize = 16

// identity gives people their ids and recognises them by a signed cookie:
//
//	k7qf2mzr4x6yw3ab.oRk…  user id, dot, base64url of HMAC-SHA256(secret, "user:" + id)
type identity struct {
	secret []byte
}

func (i identity) sign(user string) string {
	mac := hmac.New(sha256.New, i.secret)
	mac.Write([]byte("user:" + user))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// verify returns the user of a cookie's value. The string is its own.
func (i identity) verify(cookie string) (user string, ok bool) {
	user, signature, _ := strings.Cut(cookie, ".")
	if len(user) != userSize || !hmac.Equal([]byte(signature), []byte(i.sign(user))) {
		return "", false
	}
	return strings.Clone(user), true
}

// person returns who makes a request, as far as the cookie tells.
func (s *Server) person(c *fiber.Ctx) (plugins.Person, bool) {
	var user string
	ok := false
	// A browser may have several of that name: of another secret, or one that a frame on
	// another site left. Any that is ours will do.
	c.Request().Header.VisitAllCookie(func(name, value []byte) {
		if !ok && string(name) == cookieName {
			user, ok = s.identity.verify(string(value))
		}
	})
	p := plugins.Person{User: user, Region: s.cfg.Region, Edge: s.cfg.Region}
	if edge, err := region.Parse(c.Get(edgeHeader)); err == nil {
		p.Edge = strings.Clone(string(edge))
	}
	return p, ok
}

// edgeHeader is set by Fly.io's proxy to the region where a connection came in.
//
// Source: https://fly.io/docs/networking/request-headers/.
const edgeHeader = "Fly-Region"

// visitor is person for pages, where somebody new gets an id and a cookie.
func (s *Server) visitor(c *fiber.Ctx) plugins.Person {
	p, known := s.person(c)
	if !known {
		p.User = newUser()
	}
	c.Cookie(&fiber.Cookie{ // again each time, so that it lasts from the last visit
		Name: cookieName, Value: p.User + "." + s.identity.sign(p.User), Path: "/",
		MaxAge: int(cookieAge.Seconds()), HTTPOnly: true, SameSite: fiber.CookieSameSiteLaxMode,
		Secure: c.Protocol() == "https",
	})
	return p
}

func newUser() string { return strings.ToLower(rand.Text()[:userSize]) }

// Identify answers r with the cookie by which every Server with this secret knows
// the person, and returns the id of the user: the one they have, or that of somebody
// new. It is for a page that shows several Servers of one host side by side. Without
// it, each of them would take somebody who has no cookie yet for somebody else.
func Identify(w http.ResponseWriter, r *http.Request, secret []byte) (user string) {
	i := identity{secret: secret}
	known := false
	for _, c := range r.CookiesNamed(cookieName) {
		if user, known = i.verify(c.Value); known {
			break
		}
	}
	if !known {
		user = newUser()
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: user + "." + i.sign(user), Path: "/",
		MaxAge: int(cookieAge.Seconds()), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return user
}
