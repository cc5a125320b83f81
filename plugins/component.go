package plugins

import (
	"context"
	"fmt"
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
			return nil, fmt.Errorf("render %s: %w", p.ID, err)
		}
		fragments = append(fragments, Fragment{ID: p.ID, HTML: b.String()})
	}
	return fragments, nil
}
