package plugins_test

import (
	"context"
	"errors"
	"html"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/global-presence/presence/plugins"
)

// rooms are names that are hard to write into an address.
var rooms = []string{
	"home", "product-42", "a b", "a/b", "/", "a%2Fb", "100%", "a?b#c", "a+b", "a&b=c;d", `a\b`, "日本", "é", "<i>'\"", "a:b", "x..", "//evil.example",
}

func TestView_Address(t *testing.T) {
	v := plugins.View{Feature: "lamp", Room: "home"}
	if got := v.Page(); got != "/" {
		t.Errorf("Page() = %q, want /", got)
	}
	if got := v.Action("set"); got != "/rooms/home/lamp/set" {
		t.Errorf("Action(set) = %q, want /rooms/home/lamp/set", got)
	}
}

// A room's address leads to that room, to this server and to nothing else.
func FuzzView_Address(f *testing.F) {
	for _, room := range rooms {
		f.Add(room)
	}
	f.Fuzz(func(t *testing.T, room string) {
		if room == plugins.Home {
			return // its page is "/"
		}
		if room == "." || room == ".." {
			t.Skip("browsers take these segments out of a path, so that no room has that name")
		}
		v := plugins.View{Feature: "lamp", Room: room}
		for prefix, address := range map[string]string{"/r/": v.Page(), "/rooms/": v.Action("set")} {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatalf("address %q: %v", address, err)
			}
			if u.Host != "" || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
				t.Errorf("address %q of room %q is more than a path", address, room)
			}
			rest, ok := strings.CutPrefix(u.EscapedPath(), prefix)
			segment, rest, _ := strings.Cut(rest, "/")
			if want := map[string]string{"/r/": "", "/rooms/": "lamp/set"}[prefix]; !ok || rest != want {
				t.Errorf("address %q of room %q has the wrong parts", address, room)
			}
			if got, err := url.PathUnescape(segment); err != nil || got != room {
				t.Errorf("address %q names room %q, %v, want %q", address, got, err, room)
			}
			if i := strings.IndexFunc(address, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"<>\`, r) }); i >= 0 {
				t.Errorf("address %q needs more escaping at %d", address, i)
			}
		}
	})
}

func TestView_Changed(t *testing.T) {
	whole := plugins.View{}
	if !whole.Changed("light") {
		t.Error("with everything to render, a field has not changed")
	}
	if nothing := (plugins.View{Changes: []plugins.Change{}}); nothing.Changed("light") {
		t.Error("without any change, a field has changed")
	}
	some := plugins.View{Changes: []plugins.Change{{Field: "clicks"}, {Field: "people", Group: "lhr"}}}
	for field, want := range map[string]bool{"clicks": true, "people": true, "light": false, "lhr": false, "": false} {
		if got := some.Changed(field); got != want {
			t.Errorf("Changed(%q) = %v, want %v", field, got, want)
		}
	}
}

func TestView_Personal(t *testing.T) {
	if (plugins.View{Viewer: plugins.Person{Region: "lhr"}}).Personal() {
		t.Error("a view without a user is personal")
	}
	if !(plugins.View{Viewer: plugins.Person{User: "k7qf2mzr4x6yw3ab"}}).Personal() {
		t.Error("a view for a user is not personal")
	}
}

// component writes a text or fails.
type component struct {
	text string
	err  error
}

func (c component) Render(ctx context.Context, w io.Writer) error {
	if c.err != nil {
		return c.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := io.WriteString(w, c.text)
	return err
}

func TestFragments(t *testing.T) {
	t.Run("OK", func(t *testing.T) {
		got, err := plugins.Fragments(t.Context(),
			plugins.Part{ID: "lamp-b", Component: component{text: `<p id="lamp-b">b</p>`}},
			plugins.Part{ID: "lamp-a", Component: component{text: `<p id="lamp-a">a</p>`}},
		)
		want := []plugins.Fragment{{ID: "lamp-b", HTML: `<p id="lamp-b">b</p>`}, {ID: "lamp-a", HTML: `<p id="lamp-a">a</p>`}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("Fragments = %v (-want +got):\n%s", err, diff)
		}
	})
	t.Run("None", func(t *testing.T) {
		if got, err := plugins.Fragments(t.Context()); err != nil || len(got) != 0 {
			t.Errorf("Fragments() = %v, %v, want none", got, err)
		}
	})
	t.Run("Err", func(t *testing.T) {
		broken := errors.New("broken")
		got, err := plugins.Fragments(t.Context(),
			plugins.Part{ID: "lamp-a", Component: component{text: "<p>"}},
			plugins.Part{ID: "lamp-b", Component: component{err: broken}},
		)
		if got != nil || !errors.Is(err, broken) || !strings.Contains(err.Error(), "lamp-b") {
			t.Errorf("Fragments = %v, %v, want the error of lamp-b and no fragments", got, err)
		}
	})
	t.Run("ErrContext", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := plugins.Fragments(ctx, plugins.Part{ID: "lamp-a", Component: component{}}); !errors.Is(err, context.Canceled) {
			t.Errorf("Fragments = %v, want %v", err, context.Canceled)
		}
	})
}

// TestRoomPage_escapes: every byte is written as url.PathEscape writes it.
func TestRoomPage_escapes(t *testing.T) {
	for c := range 256 {
		room := "x" + string([]byte{byte(c)})
		if got, want := plugins.RoomPage(room), "/r/"+url.PathEscape(room); got != want {
			t.Errorf("RoomPage(%q) = %q, want %q", room, got, want)
		}
	}
}

func TestEscapeHTML(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune(`<>&'"`)))).Draw(t, "text")
		if got, want := plugins.EscapeHTML(s), html.EscapeString(s); got != want {
			t.Errorf("EscapeHTML(%q) = %q, want %q", s, got, want)
		}
	})
}
