package dom

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonType is the type of a JSON value.
type jsonType uint8

const (
	jsonNull jsonType = iota
	jsonString
	jsonNumber
	jsonTrue
	jsonFalse
	jsonObject
	jsonArray
	jsonBad // a Value that is faulty; text says why
)

// String returns the type as an error names it.
func (t jsonType) String() string {
	return [...]string{"null", "a string", "a number", "a boolean", "a boolean", "an object", "an array", "faulty"}[t]
}

// node is a JSON value. An exact number is an integer in num; text holds what a
// string says, a number as it was written, and an object or an array in
// canonical form: no spaces, members in their order, strings as appendString
// writes them.
type node struct {
	typ   jsonType
	exact bool
	text  string
	num   int64
}

// maxDepth is how deeply objects and arrays may be nested: enough for any
// detail, and far from what the stack takes.
const maxDepth = 100

// scanner reads JSON (RFC 8259).
type scanner struct {
	in  string
	pos int
}

// scanDocument reads in as exactly one JSON value.
func scanDocument(in string) (node, error) {
	s := scanner{in: in}
	n, err := s.value(0)
	if err != nil {
		return node{}, err
	}
	if s.space(); s.pos < len(s.in) {
		return node{}, s.fail("unexpected text after the value")
	}
	return n, nil
}

func (s *scanner) fail(what string) error {
	return errors.New("invalid JSON: " + what + " at byte " + strconv.Itoa(s.pos))
}

func (s *scanner) space() {
	for s.pos < len(s.in) {
		switch s.in[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// next skips spaces and returns the byte there, or 0 at the end.
func (s *scanner) next() byte {
	if s.space(); s.pos < len(s.in) {
		return s.in[s.pos]
	}
	return 0
}

// take skips spaces and c, or reports that there is none.
func (s *scanner) take(c byte) bool {
	if s.next() != c || s.pos >= len(s.in) {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) value(depth int) (node, error) {
	switch c := s.next(); {
	case c == '"':
		text, err := s.str()
		return node{typ: jsonString, text: text}, err
	case c == '{':
		b := []byte{'{'}
		err := s.members(depth, func(key string, val node) error {
			if len(b) > 1 {
				b = append(b, ',')
			}
			b = val.append(append(appendString(b, key), ':'))
			return nil
		})
		return node{typ: jsonObject, text: string(append(b, '}'))}, err
	case c == '[':
		b := []byte{'['}
		err := s.elements(depth, func(val node) error {
			if len(b) > 1 {
				b = append(b, ',')
			}
			b = val.append(b)
			return nil
		})
		return node{typ: jsonArray, text: string(append(b, ']'))}, err
	case c == '-' || '0' <= c && c <= '9':
		return s.number()
	}
	rest := s.in[s.pos:]
	switch {
	case strings.HasPrefix(rest, "true"):
		s.pos += 4
		return node{typ: jsonTrue}, nil
	case strings.HasPrefix(rest, "false"):
		s.pos += 5
		return node{typ: jsonFalse}, nil
	case strings.HasPrefix(rest, "null"):
		s.pos += 4
		return node{typ: jsonNull}, nil
	}
	return node{}, s.fail("expected a value")
}

// members reads an object and calls f for each member, in order.
func (s *scanner) members(depth int, f func(key string, val node) error) error {
	if depth >= maxDepth {
		return s.fail("nested too deeply")
	}
	if !s.take('{') {
		return s.fail("expected an object")
	}
	if s.take('}') {
		return nil
	}
	for {
		if s.next() != '"' {
			return s.fail("expected a key")
		}
		key, err := s.str()
		if err != nil {
			return err
		}
		if !s.take(':') {
			return s.fail("expected a colon")
		}
		val, err := s.value(depth + 1)
		if err != nil {
			return err
		}
		if err := f(key, val); err != nil {
			return err
		}
		if s.take('}') {
			return nil
		}
		if !s.take(',') {
			return s.fail("expected a comma or the end of the object")
		}
	}
}

// elements reads an array and calls f for each element, in order.
func (s *scanner) elements(depth int, f func(val node) error) error {
	if depth >= maxDepth {
		return s.fail("nested too deeply")
	}
	if !s.take('[') {
		return s.fail("expected an array")
	}
	if s.take(']') {
		return nil
	}
	for {
		val, err := s.value(depth + 1)
		if err != nil {
			return err
		}
		if err := f(val); err != nil {
			return err
		}
		if s.take(']') {
			return nil
		}
		if !s.take(',') {
			return s.fail("expected a comma or the end of the array")
		}
	}
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.in) && '0' <= s.in[s.pos] && s.in[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}

// at reports whether one of the bytes of set is next, without skipping spaces.
func (s *scanner) at(set string) bool {
	if s.pos >= len(s.in) {
		return false
	}
	for i := range len(set) {
		if s.in[s.pos] == set[i] {
			return true
		}
	}
	return false
}

func (s *scanner) number() (node, error) {
	start := s.pos
	if s.at("-") {
		s.pos++
	}
	if s.at("0") {
		s.pos++
	} else if !s.digits() {
		return node{}, s.fail("expected a digit")
	}
	if s.at(".") {
		if s.pos++; !s.digits() {
			return node{}, s.fail("expected a digit")
		}
	}
	if s.at("eE") {
		if s.pos++; s.at("+-") {
			s.pos++
		}
		if !s.digits() {
			return node{}, s.fail("expected a digit")
		}
	}
	n := node{typ: jsonNumber, text: s.in[start:s.pos]}
	if num, err := strconv.ParseInt(n.text, 10, 64); err == nil {
		n.num, n.exact = num, true
	}
	return n, nil
}

// str reads a string, quotes included. Bytes that are not UTF-8, and halves of a
// surrogate pair, become U+FFFD.
func (s *scanner) str() (string, error) {
	s.pos++ // the quote
	var b []byte
	for s.pos < len(s.in) {
		c := s.in[s.pos]
		switch {
		case c == '"':
			s.pos++
			return string(b), nil
		case c < ' ':
			return "", s.fail("control character in a string")
		case c == '\\':
			r, err := s.escape()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, r)
		case c < utf8.RuneSelf:
			b = append(b, c)
			s.pos++
		default:
			r, n := utf8.DecodeRuneInString(s.in[s.pos:])
			b = utf8.AppendRune(b, r)
			s.pos += n
		}
	}
	return "", s.fail("unfinished string")
}

// escape reads a backslash and what follows.
func (s *scanner) escape() (rune, error) {
	if s.pos+1 >= len(s.in) {
		return 0, s.fail("unfinished string")
	}
	c := s.in[s.pos+1]
	s.pos += 2
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		r, ok := s.hex4(s.pos)
		if !ok {
			return 0, s.fail("expected four hex digits")
		}
		s.pos += 4
		if !utf16.IsSurrogate(r) {
			return r, nil
		}
		if s.pos+1 < len(s.in) && s.in[s.pos] == '\\' && s.in[s.pos+1] == 'u' {
			if low, ok := s.hex4(s.pos + 2); ok {
				if r := utf16.DecodeRune(r, low); r != utf8.RuneError {
					s.pos += 6
					return r, nil
				}
			}
		}
		return utf8.RuneError, nil
	}
	return 0, s.fail("unknown escape")
}

func (s *scanner) hex4(pos int) (rune, bool) {
	if pos+4 > len(s.in) {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s.in[pos : pos+4]) {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// append appends the value in canonical form.
func (n node) append(dst []byte) []byte {
	switch n.typ {
	case jsonString:
		return appendString(dst, n.text)
	case jsonTrue:
		return append(dst, "true"...)
	case jsonFalse:
		return append(dst, "false"...)
	case jsonNumber, jsonObject, jsonArray:
		return append(dst, n.text...)
	}
	return append(dst, "null"...)
}
