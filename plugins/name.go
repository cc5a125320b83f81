//go:build !wasip1

package plugins

import "strings"

// nameRule is what names look like: lower-case letters, digits and one other
// character, starting with a letter, at most maxNameSize of them. It is no regular
// expression, since the package of those would take 400 kB of every module for
// WebAssembly.
type nameRule byte

const (
	hyphenName     nameRule = '-'
	underscoreName nameRule = '_'
)

const maxNameSize = 32

const (
	hyphenRule     = "lower-case letters, digits and hyphens, starting with a letter, at most 32 characters"
	underscoreRule = "lower-case letters, digits and underscores, starting with a letter, at most 32 characters"
)

func (r nameRule) matches(s string) bool {
	if s == "" || len(s) > maxNameSize {
		return false
	}
	for i, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z'
		if !letter && (i == 0 || c != byte(r) && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}

// TooClose reports whether two features cannot be on one page because the name of one
// begins like the ids of the other: "claps" and "claps-two", whose elements have ids that
// begin with "claps-".
func TooClose(a, b string) bool {
	return strings.HasPrefix(a, b+"-") || strings.HasPrefix(b, a+"-")
}
