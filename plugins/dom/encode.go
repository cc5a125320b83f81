package dom

import (
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends the operation to dst as the one JSON object that the client
// performs. The keys have a fixed order and defaults are left out.
//
// It writes valid JSON for a faulty operation too; ask [Operation.Err] first, or
// use [AppendMessage], which does. The zero Operation is null.
func (o Operation) AppendJSON(dst []byte) []byte {
	if o.kind == 0 {
		return append(dst, "null"...)
	}
	s := &specs[o.kind]
	dst = append(dst, `{"operation":"`...)
	dst = append(dst, s.name...)
	dst = append(dst, '"')
	if o.selector != "" {
		dst = appendText(dst, "selector", o.selector)
	}
	for i := range s.params {
		dst = o.appendParam(dst, &s.params[i], o.args[i])
	}
	for i := range s.choices {
		if n := o.choice[i]; n != 0 {
			dst = appendText(dst, s.choices[i].key, s.choices[i].words[n])
		}
	}
	if o.flags&flagChildren != 0 {
		dst = append(dst, `,"childrenOnly":true`...)
	}
	if o.flags&flagNoTurbo != 0 {
		dst = append(dst, `,"turbo":false`...)
	}
	if o.kind == kindMorph {
		dst = append(dst, `,"permanentAttributeName":"`+PermanentAttribute+`"`...)
	}
	if o.flags&flagAll != 0 {
		dst = append(dst, `,"selectAll":true`...)
	}
	if o.flags&flagXPath != 0 {
		dst = append(dst, `,"xpath":true`...)
	}
	if o.focus != "" {
		dst = appendText(dst, "focusSelector", o.focus)
	}
	if o.batch != "" {
		dst = appendText(dst, "batch", o.batch)
	}
	if o.flags&flagCancel != 0 {
		dst = append(dst, `,"cancel":true`...)
	}
	if o.delay != 0 {
		dst = appendKey(dst, "delay")
		dst = strconv.AppendInt(dst, int64(o.delay), 10)
	}
	return append(dst, '}')
}

// MarshalJSON returns what [Operation.AppendJSON] appends, or the fault.
func (o Operation) MarshalJSON() ([]byte, error) {
	if err := o.Err(); err != nil {
		return nil, err
	}
	return o.AppendJSON(nil), nil
}

func (o *Operation) appendParam(dst []byte, p *param, arg string) []byte {
	if arg == "" && !p.required {
		return dst
	}
	dst = appendKey(dst, p.key)
	switch {
	case p.typ == typeText, p.typ == typeScalar && o.flags&flagLiteral == 0:
		return appendString(dst, arg)
	case arg == "":
		return append(dst, "null"...) // faulty, but JSON
	}
	return append(dst, arg...)
}

func appendKey(dst []byte, key string) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, key...)
	return append(dst, '"', ':')
}

func appendText(dst []byte, key, text string) []byte {
	return appendString(appendKey(dst, key), text)
}

const hex = "0123456789abcdef"

// appendString appends s as a JSON string. It escapes what encoding/json does
// with SetEscapeHTML(false): quotes, backslashes, control characters, the line
// ends U+2028 and U+2029, and bytes that are not UTF-8, as U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && n == 1:
				dst = append(append(dst, s[start:i]...), "\ufffd"...)
			case r == '\u2028' || r == '\u2029':
				dst = append(append(dst, s[start:i]...), `\u202`...)
				dst = append(dst, hex[r&15])
			default:
				i += n
				continue
			}
			i += n
			start = i
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
