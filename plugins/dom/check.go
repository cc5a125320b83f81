package dom

import (
	"strconv"
	"strings"
)

// check looks for what is missing.
func (o *Operation) check() {
	s := &specs[o.kind]
	if o.selector == "" {
		switch {
		case s.on == onElement || s.on == onOne:
			o.fail("selector is missing")
		case o.flags&flagAll != 0:
			o.fail("selectAll needs a selector")
		case o.flags&flagXPath != 0:
			o.fail("xpath needs a selector")
		}
	}
	for i := range s.params {
		if p := &s.params[i]; p.filled && o.args[i] == "" {
			o.fail(p.key + " is missing")
			return
		}
	}
}

// checked returns the operation with what is wrong with its values: what the client would
// drop, misread or throw at. It comes last, after what the options and check found.
func (o Operation) checked(fault string) Operation {
	o.fail(fault)
	return o
}

// faultOf returns what is wrong with the values of an operation from elsewhere. A
// constructor names the one check that is its own, so that a module for WebAssembly has
// no others.
func (o *Operation) faultOf() string {
	first, second := o.args[0], o.args[1]
	switch o.kind {
	case kindMorph:
		if o.flags&flagChildren == 0 {
			return morphFault(first)
		}
	case kindSetAttribute:
		return attributeFault(first, second)
	case kindRemoveAttribute:
		return attributeNameFault(first)
	case kindSetDatasetProperty:
		return datasetFault(first)
	case kindSetProperty:
		return propertyFault(first, second)
	case kindSetStyle:
		return styleFault(first, second)
	case kindSetMeta:
		return metaFault(first)
	case kindPushState, kindReplaceState, kindRedirectTo:
		return urlFault(first)
	case kindGo:
		return deltaFault(first)
	}
	return ""
}

func morphFault(html string) string {
	if !startsWithTag(html) {
		return "html does not start with an element: the client would replace the element by a comment or text"
	}
	return ""
}

func datasetFault(name string) string {
	if !isDatasetName(name) {
		return "name " + strconv.Quote(name) + ` is not a dataset name, such as "liveRev" for data-live-rev`
	}
	return ""
}

func metaFault(name string) string {
	if strings.ContainsAny(name, "'\\\n\r\f") { // the client makes a selector of it
		return "name " + strconv.Quote(name) + " holds a quote, a backslash or a line end"
	}
	return ""
}

func urlFault(url string) string {
	if ScriptURL(url) {
		return "url is a script or data address"
	}
	return ""
}

func deltaFault(delta string) string {
	if delta == "0" {
		return "delta is 0, which loads the page again: use Reload"
	}
	return ""
}

// startsWithTag reports whether html, trimmed as the client does, starts with a
// start tag.
func startsWithTag(html string) bool {
	html = strings.TrimSpace(html)
	return len(html) > 1 && html[0] == '<' && isLetter(html[1])
}

func attributeNameFault(name string) string {
	if strings.ContainsAny(name, " \t\n\f\r\"'<>/=\x00") {
		return "name " + strconv.Quote(name) + " is not an attribute name"
	}
	return ""
}

func attributeFault(name, value string) string {
	if fault := attributeNameFault(name); fault != "" {
		return fault
	}
	switch n := lower(name); {
	case strings.HasPrefix(n, "on"):
		return "name " + strconv.Quote(name) + ": the page runs no inline handlers, use data-live"
	case n == "style":
		return `name "style": the page takes no style attributes, use a class or SetStyle`
	case n == "srcdoc":
		return `name "srcdoc" is refused`
	case URLAttribute(n) && ScriptURL(value):
		return "value of " + strconv.Quote(name) + " is a script or data address"
	}
	return ""
}

func propertyFault(name, value string) string {
	for i := range len(name) {
		if c := name[i]; !isLetter(c) && c != '_' && c != '$' && (i == 0 || c < '0' || c > '9') {
			return "name " + strconv.Quote(name) + " is not a property name"
		}
	}
	switch n := lower(name); {
	case strings.HasPrefix(n, "on"):
		return "name " + strconv.Quote(name) + ": a handler cannot be text, use data-live"
	case n == "srcdoc":
		return `name "srcdoc" is refused`
	case URLAttribute(n) && ScriptURL(value):
		return "value of " + strconv.Quote(name) + " is a script or data address"
	}
	return ""
}

func styleFault(name, value string) string {
	if strings.HasPrefix(name, "--") {
		return "name " + strconv.Quote(name) + ": custom properties have no effect, use a class"
	}
	for i := range len(name) {
		if c := name[i]; !isLetter(c) && c != '-' {
			return "name " + strconv.Quote(name) + " is not a style property"
		}
	}
	if name == "" || name == "-" || name == "cssText" {
		return "name " + strconv.Quote(name) + " is not a style property"
	}
	if bang := strings.LastIndexByte(value, '!'); bang >= 0 && strings.EqualFold(strings.TrimSpace(value[bang+1:]), "important") {
		return "value of " + strconv.Quote(name) + ": !important has no effect, use a class"
	}
	return ""
}

// useClasses sets the classes of addCssClass and removeCssClass.
func (o *Operation) useClasses(names []string) string {
	if len(names) == 0 {
		return "name has no classes"
	}
	var buf [128]byte
	b := append(buf[:0], '[')
	fault := ""
	for i, name := range names {
		if name == "" || strings.ContainsAny(name, " \t\n\f\r") {
			fault = "name " + strconv.Quote(name) + " is not one class"
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, name)
	}
	o.args[0] = string(append(b, ']'))
	return fault
}

// useStyles sets the styles of setStyles.
func (o *Operation) useStyles(styles []Style) string {
	if len(styles) == 0 {
		return "styles is empty"
	}
	var buf [128]byte
	b := append(buf[:0], '{')
	fault := ""
	for i, s := range styles {
		if f := styleFault(s.Name, s.Value); f != "" && fault == "" {
			fault = f
		}
		for _, before := range styles[:i] {
			if before.Name == s.Name && fault == "" {
				fault = "name " + strconv.Quote(s.Name) + " comes twice"
			}
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, s.Name), ':')
		b = appendString(b, s.Value)
	}
	o.args[0] = string(append(b, '}'))
	return fault
}

// isDatasetName reports whether dataset[name] is an attribute that can be
// written as data-name: letters and digits, a lower-case one first.
func isDatasetName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if isLetter(c) && (i > 0 || c >= 'a') || i > 0 && '0' <= c && c <= '9' {
			continue
		}
		return false
	}
	return name != ""
}

// datasetAttribute returns the attribute behind dataset[name].
func datasetAttribute(name string) string {
	b := []byte("data-")
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			b = append(b, '-')
			c |= 0x20
		}
		b = append(b, c)
	}
	return string(b)
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// lower returns s with A to Z in lower case, as HTML compares names.
func lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				if 'A' <= b[j] && b[j] <= 'Z' {
					b[j] |= 0x20
				}
			}
			return string(b)
		}
	}
	return s
}
