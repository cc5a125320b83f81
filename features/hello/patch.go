package hello

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// patch returns the operations that turn the list before changes into all, of
// which the page shows the first ones, or nil where only the whole list will do: the first greeting of a
// room, greetings that arrived out of order, or more than the page shows.
//
// A row is removed before it is prepended, so that operations which are carried
// out twice do not show a greeting twice.
func patch(ctx context.Context, all []row, changes []plugins.Change) ([]dom.Operation, error) {
	added := len(changes)
	if added == 0 || added >= shown || added >= len(all) || !newest(all, changes) {
		return nil, nil
	}
	var ops []dom.Operation
	for _, r := range all[min(shown, len(all)):min(shown+added, len(all))] {
		ops = append(ops, dom.Remove("#"+r.id))
	}
	for _, r := range slices.Backward(all[:added]) {
		var b strings.Builder
		if err := line(r).Render(ctx, &b); err != nil {
			return nil, fmt.Errorf("render %s: %w", r.id, err)
		}
		ops = append(ops, dom.Remove("#"+r.id), dom.Prepend("#hello-list", b.String()))
	}
	return ops, nil
}

// newest reports whether the greetings that changes added are exactly the first
// ones, in any order. A value that the list holds twice leaves that open.
func newest(all []row, changes []plugins.Change) bool {
	wanted := make(map[string]bool, len(changes))
	for _, c := range changes {
		if c.Field != greetings || wanted[c.Value] {
			return false
		}
		wanted[c.Value] = true
	}
	for i, r := range all {
		if wanted[r.value] != (i < len(changes)) {
			return false
		}
	}
	return true
}
