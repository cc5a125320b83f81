// Package region knows where regions are: their codes, names and positions on
// the map.
//
// A region is only a label and a place. Nothing here decides which regions a
// deployment has, and a code that this package has never heard of is shown as
// it is.
package region

import (
	"errors"
	"fmt"
	"strings"
)

// Code is a Fly.io region: three lower-case letters, such as "ams". They are
// the code of an airport nearby, so that they also suit other networks.
//
// Source: https://fly.io/docs/reference/regions/.
type Code string

// ErrInvalid reports that a string cannot be a region's code.
var ErrInvalid = errors.New("invalid region")

// Parse returns s as a code. It accepts any three lower-case letters, also of a
// region that this package does not know; anything else is ErrInvalid.
func Parse(s string) (Code, error) {
	if len(s) != 3 {
		return "", fmt.Errorf("parse %q: %w: want three lower-case letters", s, ErrInvalid)
	}
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return "", fmt.Errorf("parse %q: %w: want three lower-case letters", s, ErrInvalid)
		}
	}
	return Code(s), nil
}

// Name returns the place and its country, such as "London, United Kingdom", or
// the code itself where it is unknown.
func (c Code) Name() string {
	if p, ok := places[c]; ok {
		return p.name
	}
	return string(c)
}

// City returns the name without the country, such as "London", or the code
// itself where it is unknown.
func (c Code) City() string {
	city, _, _ := strings.Cut(c.Name(), ",")
	return city
}

// Position returns where the region is, in degrees: lat from -90 in the south to
// 90, lon from -180 in the west to 180. It is the position of the city, good
// for a map of the world. ok is false where the region is unknown.
func (c Code) Position() (lat, lon float64, ok bool) {
	p, ok := places[c]
	return p.lat, p.lon, ok
}

// OfSite returns the region that a site's name says it is in: "lhr" for "lhr" and
// "lhr-2".
func OfSite(site string) Code {
	code, _, _ := strings.Cut(site, "-")
	return Code(code)
}
