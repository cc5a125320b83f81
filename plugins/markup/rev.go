package markup

import (
	"strings"

	"golang.org/x/net/html"
)

// Rev is the attribute of a fragment's root that holds its revision.
const Rev = "data-live-rev"

// WithRev returns a fragment that [Check] accepted with its revision in the root
// element:
//
//	<output data-live-rev="3f9c" id="counter-total">3</output>
func WithRev(fragment, rev string) string {
	start := strings.IndexByte(fragment, '<')
	if start < 0 {
		return fragment
	}
	end := strings.IndexAny(fragment[start:], " \t\n\r\f/>")
	if end < 0 {
		return fragment
	}
	end += start
	return fragment[:end] + ` ` + Rev + `="` + html.EscapeString(rev) + `"` + fragment[end:]
}
