package element

import (
	"context"
	"io"

	"github.com/global-presence/presence/plugins"
)

// markup is HTML as it grows. It is written by hand because a template engine would make
// the module of a feature that has no other use for one three times as large.
type markup []byte

// add appends markup as it is.
func (m *markup) add(s string) { *m = append(*m, s...) }

// text appends text.
func (m *markup) text(s string) { m.add(plugins.EscapeHTML(s)) }

// attribute appends an attribute with a space before it.
func (m *markup) attribute(name, value string) {
	m.add(" ")
	m.add(name)
	m.add(`="`)
	m.text(value)
	m.add(`"`)
}

// attributes appends pairs of a name and a value.
func (m *markup) attributes(pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		m.attribute(pairs[i], pairs[i+1])
	}
}

// write gives the markup to w, unless ctx has ended.
func (m markup) write(ctx context.Context, w io.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := w.Write(m)
	return err
}
