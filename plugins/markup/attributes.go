package markup

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/net/html"

	"github.com/global-presence/presence/plugins/dom"
)

// maxAttributes is how many attributes one element may have; far more than any
// has, and few enough to compare each with each.
const maxAttributes = 64

// space is what separates attributes. It holds what isSpace takes.
const space = " \t\n\r\f"

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'
}

// trimSpace returns s without leading space.
func trimSpace(s string) string {
	for i := range len(s) {
		if !isSpace(s[i]) {
			return s[i:]
		}
	}
	return ""
}

// attributes reads the attributes of a start tag: what stands between the
// element's name and the end of the tag, ">" included.
//
// It reads them itself, since the tokenizer copies each; and more strictly than
// a browser, so that there is one way to read them.
func (c *checker) attributes(raw, element string, root bool) error {
	raw = strings.TrimSuffix(raw, ">")
	var seen [maxAttributes]string
	n, named := 0, false
	for {
		rest := trimSpace(raw)
		if rest == "" || rest == "/" {
			break
		}
		if len(rest) == len(raw) {
			return fmt.Errorf("attributes of <%s> are not separated by a space", element)
		}
		name, after := attributeName(rest)
		if name == "" {
			return fmt.Errorf("attribute at %.20q of <%s> has no valid name", rest, element)
		}
		value, after, err := attributeValue(after)
		if err != nil {
			return fmt.Errorf("attribute %s of <%s>: %w", name, element, err)
		}
		raw = after
		for _, before := range seen[:n] {
			if strings.EqualFold(before, name) { // names are ASCII
				return fmt.Errorf("attribute %s of <%s> comes twice", name, element)
			}
		}
		if n == maxAttributes {
			return fmt.Errorf("element <%s> has more than %d attributes", element, maxAttributes)
		}
		seen[n] = name
		n++
		if strings.EqualFold(name, "id") {
			if err := c.elementID(value, root); err != nil {
				return err
			}
			named = true
			continue
		}
		if err := attribute(name, value, element); err != nil {
			return err
		}
	}
	if root && !named {
		return errors.New("the root element has no id")
	}
	return nil
}

// attributeName splits s after a name: a letter, then letters, digits and _:.-
func attributeName(s string) (name, rest string) {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if letter || i > 0 && ('0' <= c && c <= '9' || c == '_' || c == ':' || c == '.' || c == '-') {
			continue
		}
		if !isSpace(c) && c != '=' && c != '/' {
			return "", s
		}
		return s[:i], s[i:]
	}
	return s, ""
}

// attributeValue splits s after "=" and a value, which it returns as written, or
// returns "" for an attribute without a value.
func attributeValue(s string) (value, rest string, err error) {
	after, ok := strings.CutPrefix(trimSpace(s), "=")
	if !ok {
		return "", s, nil
	}
	after = trimSpace(after)
	if after == "" {
		return "", "", errors.New("value is missing")
	}
	if quote := after[:1]; quote == `"` || quote == "'" {
		value, rest, ok = strings.Cut(after[1:], quote)
		if !ok {
			return "", "", errors.New("value is not closed")
		}
		return value, rest, nil
	}
	end := strings.IndexAny(after, space)
	if end < 0 {
		end = len(after)
	}
	if value = after[:end]; strings.ContainsAny(value, "\"'=<>`") {
		return "", "", errors.New("value needs quotes")
	}
	return value, after[end:], nil
}

// elementID checks an id. Character references are refused by the same rule as
// other punctuation.
func (c *checker) elementID(id string, root bool) error {
	for i := range len(id) {
		b := id[i]
		if b < 0x80 && b != '-' && b != '_' && (b < '0' || b > '9') && (b|0x20 < 'a' || b|0x20 > 'z') {
			return fmt.Errorf("id %q holds %q", id, b)
		}
	}
	if root && id != c.id {
		return fmt.Errorf("the root element has the id %q", id)
	}
	if !belongs(c.feature, id) {
		return fmt.Errorf("id %q does not start with %q", id, c.feature+"-")
	}
	c.ids = append(c.ids, id)
	return nil
}

// attribute checks an attribute that is not an id.
func attribute(name, value, element string) error {
	if len(name) > 1 && name[0]|0x20 == 'o' && name[1]|0x20 == 'n' {
		return fmt.Errorf("attribute %s of <%s> is a handler: use data-live", name, element)
	}
	var buf [16]byte
	if len(name) > len(buf) {
		return nil // longer than any that is refused
	}
	switch key := string(lower(buf[:0], name)); {
	case key == "style":
		return fmt.Errorf("attribute style of <%s> is refused by the page: use a class", element)
	case key == "srcdoc":
		return fmt.Errorf("attribute srcdoc of <%s> is not allowed", element)
	case key == Rev:
		return fmt.Errorf("attribute %s of <%s> is the host's", Rev, element)
	case dom.URLAttribute(key) && dom.ScriptURL(html.UnescapeString(value)):
		return fmt.Errorf("attribute %s of <%s> is a script or data address", name, element)
	}
	return nil
}

// lower appends s to dst with A to Z in lower case.
func lower(dst []byte, s string) []byte {
	for i := range len(s) {
		b := s[i]
		if 'A' <= b && b <= 'Z' {
			b |= 0x20
		}
		dst = append(dst, b)
	}
	return dst
}
