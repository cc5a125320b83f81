package dom

// ScriptURL reports whether a browser takes s for a javascript:, vbscript: or
// data: address, which runs code or shows a document of its own. Like a browser
// it passes over leading spaces and control characters, over tabs and line ends
// anywhere, and over the case of letters.
//
// Source: https://url.spec.whatwg.org/#concept-basic-url-parser, steps 1 to 3.
func ScriptURL(s string) bool {
	i := 0
	for i < len(s) && s[i] <= ' ' {
		i++
	}
	var scheme [len("javascript")]byte
	n := 0
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\t', c == '\n', c == '\r':
		case c == ':':
			switch string(scheme[:n]) {
			case "javascript", "vbscript", "data":
				return true
			}
			return false
		case !isLetter(c), n == len(scheme):
			return false
		default:
			scheme[n] = c | 0x20
			n++
		}
	}
	return false
}

// URLAttribute reports whether the attribute or property with that name, in lower
// case, holds an address that a browser may open or load: href, src, action,
// formaction or xlink:href.
func URLAttribute(name string) bool {
	switch name {
	case "href", "src", "action", "formaction", "xlink:href":
		return true
	}
	return false
}
