//go:build !wasip1

package plugins

import (
	"errors"
	"fmt"
	"strings"
)

// isRGB reports whether s is "#rrggbb" in lower case.
func isRGB(s string) bool {
	return len(s) == 7 && s[0] == '#' && strings.Trim(s[1:], "0123456789abcdef") == ""
}

// validateGrids reports more than one board.
func (m Manifest) validateGrids() error {
	var names []string
	for _, f := range m.State {
		if f.Kind == Grid {
			names = append(names, f.Name)
		}
	}
	if len(names) > 1 {
		return fmt.Errorf("grids %s: want one at most", strings.Join(names, ", "))
	}
	return nil
}

// validateGrid reports all that is wrong with a board.
func (f Field) validateGrid() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("state field %.100q: "+format, append([]any{f.Name}, args...)...))
	}
	if f.Width < 1 || f.Width > MaxGridSide || f.Height < 1 || f.Height > MaxGridSide {
		bad("%d × %d cells: want 1 to %d each", f.Width, f.Height, MaxGridSide)
	}
	if len(f.Palette) < 2 || len(f.Palette) > MaxColours {
		bad("%d colours: want 2 to %d", len(f.Palette), MaxColours)
		return errors.Join(errs...)
	}
	seen := map[string]bool{}
	for i, c := range f.Palette {
		if c.Name == "" || len(c.Name) > 32 || strings.ContainsAny(c.Name, ":;") || hasControl(c.Name, false) {
			bad("name %.100q of colour %d: want 1 to 32 bytes without control characters, ':' and ';'", c.Name, i)
		} else if seen[c.Name] {
			bad("colour %.100q is there twice", c.Name)
		}
		seen[c.Name] = true
		if !isRGB(c.RGB) {
			bad("colour %.100q is %.100q: want \"#rrggbb\" in lower case", c.Name, c.RGB)
		}
	}
	return errors.Join(errs...)
}
