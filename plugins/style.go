//go:build !wasip1

package plugins

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// checkStyle reports what is wrong with a manifest's CSS. The host puts it into a
// scope with braces of its own, so what counts is that it cannot end that scope and
// leaves nothing open: brackets match, strings and comments end. Two things that
// make brackets hard to find are not allowed at all: a backslash outside a string,
// and brackets or quotes in a url() without quotes.
//
// Source: https://www.w3.org/TR/css-syntax-3/#tokenization.
func checkStyle(css string) error {
	if len(css) > MaxStyleSize {
		return fmt.Errorf("%d bytes: at most %d are allowed", len(css), MaxStyleSize)
	}
	if !utf8.ValidString(css) || strings.ContainsRune(css, 0) {
		return errors.New("want UTF-8 without NUL")
	}
	if strings.Contains(css, "</") {
		return errors.New(`it holds "</"`)
	}
	s := styleScanner{css: css}
	for s.pos < len(css) {
		if err := s.token(); err != nil {
			line := 1 + strings.Count(css[:min(s.pos, len(css))], "\n")
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
	if n := len(s.open); n > 0 {
		return fmt.Errorf("%q is not closed", s.open[n-1])
	}
	return nil
}

// styleScanner goes through CSS as far as nesting is concerned.
type styleScanner struct {
	css  string
	pos  int
	open []byte // the brackets that are open
}

var closing = map[byte]byte{')': '(', ']': '[', '}': '{'}

// token passes over the next token, or a character of it.
func (s *styleScanner) token() error {
	rest := s.css[s.pos:]
	switch c := rest[0]; {
	case strings.HasPrefix(rest, "/*"):
		end := strings.Index(rest[2:], "*/")
		if end < 0 {
			return errors.New("a comment does not end")
		}
		s.pos += 2 + end + 2
	case c == '"' || c == '\'':
		return s.str(c)
	case c == '\\':
		return errors.New("a backslash stands outside a string")
	case c == '@':
		return s.rule()
	case c == '(' || c == '[' || c == '{':
		s.open = append(s.open, c)
		s.pos++
		if c == '(' && s.after("url") {
			return s.url()
		}
	case closing[c] != 0:
		n := len(s.open) - 1
		if n < 0 || s.open[n] != closing[c] {
			return fmt.Errorf("%q closes nothing", c)
		}
		s.open = s.open[:n]
		s.pos++
	default:
		s.pos++
	}
	return nil
}

// rules are the at-rules that may stand in a scope: those that hold rules. All others name
// something for the whole page, as @keyframes and @font-face do.
var rules = []string{"media", "supports", "container", "starting-style", "scope"}

// rule passes over the name of an at-rule.
func (s *styleScanner) rule() error {
	rest := s.css[s.pos+1:]
	name := rest
	if end := strings.IndexFunc(rest, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }); end >= 0 {
		name = rest[:end]
	}
	if !slices.Contains(rules, strings.ToLower(name)) {
		return fmt.Errorf("the rule @%.32s is for a whole page: want one of @%s", name, strings.Join(rules, ", @"))
	}
	s.pos += 1 + len(name)
	return nil
}

// str passes over a string that quote begins.
func (s *styleScanner) str(quote byte) error {
	for s.pos++; s.pos < len(s.css); s.pos++ {
		switch s.css[s.pos] {
		case quote:
			s.pos++
			return nil
		case '\n', '\r', '\f':
			return errors.New("a string does not end on its line")
		case '\\':
			if s.pos++; s.pos < len(s.css) && strings.IndexByte("\n\r\f", s.css[s.pos]) >= 0 {
				return errors.New("a string does not end on its line")
			}
		}
	}
	return errors.New("a string does not end")
}

// after reports whether name stands before the bracket that was just opened.
func (s *styleScanner) after(name string) bool {
	at := s.pos - 1 - len(name)
	return at >= 0 && strings.EqualFold(s.css[at:s.pos-1], name)
}

// url passes over the address of a url() without quotes. One with quotes is left to
// token.
func (s *styleScanner) url() error {
	rest := strings.TrimLeft(s.css[s.pos:], " \t\n\r\f")
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		return nil
	}
	end := strings.IndexByte(rest, ')')
	if end < 0 {
		return errors.New("a url() does not end")
	}
	if strings.ContainsAny(rest[:end], "\"'([]{}\\") {
		return errors.New("a url() with brackets or quotes in it wants quotes around it")
	}
	s.pos = len(s.css) - len(rest) + end
	return nil
}
