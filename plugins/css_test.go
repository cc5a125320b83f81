package plugins_test

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// cssBlockEnd returns the index after the "}" that a browser takes for the end of
// the first block of css, or -1 if the block never ends. It reads tokens as CSS
// Syntax Level 3 says; what they mean does not matter for where blocks end.
//
// Source: https://www.w3.org/TR/css-syntax-3/#tokenization.
func cssBlockEnd(css string) int {
	s := cssScanner{css: css}
	var open []byte
	inBlock := false
	for s.at < len(css) {
		switch c := s.token(); c {
		case '{', '(', '[':
			inBlock = inBlock || c == '{'
			open = append(open, c)
		case '}', ')', ']':
			// One that closes nothing is a value like any other.
			if n := len(open); n > 0 && open[n-1] == map[byte]byte{'}': '{', ')': '(', ']': '['}[c] {
				open = open[:n-1]
			}
			if inBlock && len(open) == 0 {
				return s.at
			}
		}
	}
	return -1
}

// cssScanner reads the tokens of css from at.
type cssScanner struct {
	css string
	at  int
}

// byteAt returns the byte n places ahead, 0 after the end.
func (s *cssScanner) byteAt(n int) byte {
	if s.at+n >= len(s.css) {
		return 0
	}
	return s.css[s.at+n]
}

// token consumes one token and returns its bracket, or 0 for any other.
func (s *cssScanner) token() byte {
	c := s.byteAt(0)
	switch {
	case c == '/' && s.byteAt(1) == '*':
		s.skipPast("*/", 2)
	case c == '"' || c == '\'':
		s.quoted(c)
	case s.startsNumber():
		s.number()
	case s.startsName(0):
		return s.identLike()
	case (c == '#' || c == '@') && s.startsName(1):
		s.at++
		s.name()
	default:
		s.at++
		if strings.IndexByte("{}()[]", c) >= 0 {
			return c
		}
	}
	return 0
}

func (s *cssScanner) skipPast(end string, from int) {
	i := strings.Index(s.css[min(s.at+from, len(s.css)):], end)
	if i < 0 {
		s.at = len(s.css)
		return
	}
	s.at += from + i + len(end)
}

// quoted consumes a string, which a line's end breaks off.
func (s *cssScanner) quoted(quote byte) {
	for s.at++; s.at < len(s.css); {
		switch c := s.byteAt(0); {
		case c == quote:
			s.at++
			return
		case newline(c):
			return
		case c == '\\':
			s.escape()
		default:
			s.at++
		}
	}
}

// escape consumes a backslash and what it escapes, and returns that.
func (s *cssScanner) escape() string {
	s.at++
	if s.byteAt(0) == '\r' && s.byteAt(1) == '\n' {
		s.at += 2
		return ""
	}
	start := s.at
	for s.at < len(s.css) && s.at < start+6 && hexDigit(s.byteAt(0)) {
		s.at++
	}
	if s.at == start {
		_, size := utf8.DecodeRuneInString(s.css[s.at:])
		s.at += size
		return s.css[start:s.at]
	}
	code, _ := strconv.ParseUint(s.css[start:s.at], 16, 32) // hex digits
	if s.byteAt(0) == '\r' && s.byteAt(1) == '\n' {
		s.at++
	}
	if c := s.byteAt(0); newline(c) || c == ' ' || c == '\t' {
		s.at++
	}
	return string(rune(code))
}

// validEscape reports whether an escape outside a string starts n bytes ahead.
func (s *cssScanner) validEscape(n int) bool {
	return s.byteAt(n) == '\\' && !newline(s.byteAt(n+1))
}

func (s *cssScanner) startsName(n int) bool {
	if s.byteAt(n) == '-' {
		return nameStart(s.byteAt(n+1)) || s.byteAt(n+1) == '-' || s.validEscape(n+1)
	}
	return nameStart(s.byteAt(n)) || s.validEscape(n)
}

func (s *cssScanner) name() string {
	var b strings.Builder
	for s.at < len(s.css) {
		switch c := s.byteAt(0); {
		case nameStart(c) || digit(c) || c == '-':
			b.WriteByte(c)
			s.at++
		case s.validEscape(0):
			b.WriteString(s.escape())
		default:
			return b.String()
		}
	}
	return b.String()
}

func (s *cssScanner) startsNumber() bool {
	n := 0
	if c := s.byteAt(0); c == '+' || c == '-' {
		n++
	}
	return digit(s.byteAt(n)) || s.byteAt(n) == '.' && digit(s.byteAt(n+1))
}

// number consumes a number and its unit.
func (s *cssScanner) number() {
	digits := func() {
		for digit(s.byteAt(0)) {
			s.at++
		}
	}
	if c := s.byteAt(0); c == '+' || c == '-' {
		s.at++
	}
	digits()
	if s.byteAt(0) == '.' && digit(s.byteAt(1)) {
		s.at++
		digits()
	}
	if c := s.byteAt(0); c == 'e' || c == 'E' {
		sign := 1
		if c := s.byteAt(1); c == '+' || c == '-' {
			sign = 2
		}
		if digit(s.byteAt(sign)) {
			s.at += sign
			digits()
		}
	}
	if s.startsName(0) {
		s.name()
	}
}

// identLike consumes a name, the "(" of a function, or an address without quotes.
func (s *cssScanner) identLike() byte {
	name := s.name()
	if s.byteAt(0) != '(' {
		return 0
	}
	s.at++
	if !strings.EqualFold(name, "url") {
		return '('
	}
	rest := strings.TrimLeft(s.css[s.at:], " \t\r\n\f")
	if strings.HasPrefix(rest, `"`) || strings.HasPrefix(rest, "'") {
		return '('
	}
	for s.at < len(s.css) { // good or bad, it ends with the next ")"
		switch {
		case s.validEscape(0):
			s.escape()
		case s.byteAt(0) == ')':
			s.at++
			return 0
		default:
			s.at++
		}
	}
	return 0
}

func newline(c byte) bool { return c == '\n' || c == '\r' || c == '\f' }

func digit(c byte) bool { return '0' <= c && c <= '9' }

func hexDigit(c byte) bool { return digit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func nameStart(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c >= utf8.RuneSelf
}

// blockEnds are sheets and where their first block ends.
var blockEnds = []struct {
	css  string
	want int
}{
	{"a{}b", 3},
	{"a{b{}}c", 6},
	{"a{", -1},
	{"a{/*}*/}", 8},
	{"a{/*}", -1},
	{`a{"}"}`, 6},
	{`a{"\"}"}`, 8},
	{"a{\"\n}", 5},
	{"a{\"\f}", 5},
	{"a{\"\\\n}\"}", 8},
	{`a{\}}`, 5},
	{"a{(}}", -1},
	{"a{(})}", 6},
	{"a{[)]}", 6},
	{"a{url(})}", 9},
	{"a{url(/*)}", 10},
	{`a{u\72l(})}`, 11},
	{`a{url( "}")}`, 12},
	{`a{1url({)}`, -1},
	{`a{url(x")}"`, 10},
	{`a{url(\)})}`, 11},
	{"@media (x){}", 12},
	{"}a{}", 4},
}

// wrapped is how the host puts a feature's style into its sheet; the block of the
// scope is its first and ends where the second return value says.
func wrapped(style string) (sheet string, end int) {
	scope := "@scope (#x) {\n" + style + "\n}"
	return scope + "\n@scope (#y) {\n}\n", len(scope)
}

// spellings are pieces that styles are made of, the hard ones among them.
var spellings = slices.Concat(
	[]string{"{", "}", "(", ")", "[", "]", `"`, "'", `\`, "\n", "\r", "\f", "/*", "*/", "url(", "URL(", `u\72l(`, `\75 rl(`, "/", "*", "<", ";", ":", " ", "a", "1", "-", "#", "@", "."},
	[]string{"@media all{", "a:hover{", "color:red", `content:"`, "--x:"},
)
