package plugins

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Record is several named texts in one value, for a Register or a List whose items have
// parts:
//
//	on=true&region=lhr&user=k7qf2m3xw5aab2cd
//
// It is what encoding/json would be used for otherwise, which adds 0.6 MB to a module for
// WebAssembly.
type Record map[string]string

// String returns the record as a value: its entries in the order of their names, the
// same bytes for the same record.
func (r Record) String() string {
	names := make([]string, 0, len(r))
	for name := range r {
		names = append(names, name)
	}
	slices.Sort(names)
	var b []byte
	for i, name := range names {
		if i > 0 {
			b = append(b, '&')
		}
		b = appendEscaped(b, name)
		b = append(b, '=')
		b = appendEscaped(b, r[name])
	}
	return string(b)
}

// ParseRecord reads what String wrote. Of a name that is there twice the last entry
// counts.
func ParseRecord(s string) (Record, error) {
	r := Record{}
	for s != "" {
		var entry string
		entry, s, _ = strings.Cut(s, "&")
		name, value, found := strings.Cut(entry, "=")
		name, errName := unescape(name)
		value, errValue := unescape(value)
		if !found || errName != nil || errValue != nil {
			return nil, errors.New("read record: entry " + strconv.Quote(entry) + ": want NAME=VALUE")
		}
		r[name] = value
	}
	return r, nil
}

// recordPlain are the characters of a record that stand for themselves, besides those
// beyond ASCII.
func recordPlain(c byte) bool {
	return c > ' ' && c != '%' && c != '&' && c != '=' && c != 0x7f
}

func appendEscaped(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; recordPlain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return b
}

const upperHex = "0123456789ABCDEF"

var errEscape = errors.New("want %XX")

func unescape(s string) (string, error) {
	if strings.IndexByte(s, '%') < 0 {
		return s, nil
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", errEscape
		}
		n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", errEscape
		}
		b = append(b, byte(n))
		i += 2
	}
	return string(b), nil
}
