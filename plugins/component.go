package plugins

import (
	"context"
	"io"
	"strings"
)

// Component writes HTML: a templ component, or anything with this method.
type Component interface {
	Render(ctx context.Context, w io.Writer) error
}

// Part is a component and the id of the one element that it writes.
type Part struct {
	ID        string
	Component Component
}

// Fragments renders parts into fragments for everybody in the room, in their order.
func Fragments(ctx context.Context, parts ...Part) ([]Fragment, error) {
	fragments := make([]Fragment, 0, len(parts))
	for _, p := range parts {
		var b strings.Builder
		if err := p.Component.Render(ctx, &b); err != nil {
			return nil, &partError{id: p.ID, err: err}
		}
		fragments = append(fragments, Fragment{ID: p.ID, HTML: b.String()})
	}
	return fragments, nil
}

// partError says which part could not be rendered. It is what fmt.Errorf would make,
// without package fmt.
type partError struct {
	id  string
	err error
}

func (e *partError) Error() string { return "render " + e.id + ": " + e.err.Error() }
func (e *partError) Unwrap() error { return e.err }

// EscapeHTML returns text as HTML shows it, in an element or in a quoted attribute. It is
// for features that write little HTML by hand; html/template and templ do the same by
// themselves. (html.EscapeString gives the same; its package adds 0.1 MB to a module for
// WebAssembly.)
func EscapeHTML(text string) string {
	if !strings.ContainsAny(text, `<>&'"`) {
		return text
	}
	b := make([]byte, 0, len(text)+16)
	for i := range len(text) {
		switch c := text[i]; c {
		case '<':
			b = append(b, "&lt;"...)
		case '>':
			b = append(b, "&gt;"...)
		case '&':
			b = append(b, "&amp;"...)
		case '\'':
			b = append(b, "&#39;"...)
		case '"':
			b = append(b, "&#34;"...)
		default:
			b = append(b, c)
		}
	}
	return string(b)
}
