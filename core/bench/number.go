package bench

import "bytes"

// numbers recognises messages.
type numbers struct {
	// marker stands before the number: something of this run's own, or what shows the
	// counter of a server of ours.
	marker []byte

	// total says that a message shows how many events there were, and so all up to
	// that number; else it is that one event.
	total bool
}

// counterTotal is the id of the element that shows the counter.
const counterTotal = `counter-total`

// Where the counter's total stands in a message: in what changes only the text, and, with
// some attributes between, in a whole element.
var (
	asText    = []byte(`","name":"textContent","value":"`)
	asElement = []byte(`>`)
)

// read returns the number of a message; false if it has none.
func (n numbers) read(message []byte) (number int64, ok bool) {
	at := bytes.Index(message, n.marker)
	if at < 0 {
		return 0, false
	}
	rest := message[at+len(n.marker):]
	if !n.total {
		return digits(rest[min(len(rest), leading(rest)):])
	}
	if after, found := bytes.CutPrefix(rest, asText); found {
		return digits(after)
	}
	if at = bytes.Index(rest, asElement); at < 0 {
		return 0, false
	}
	return digits(rest[at+len(asElement):])
}

// isWhole reports whether a message shows the number with the element that it stands in,
// as the answer to a sync does.
func (n numbers) isWhole(message []byte) bool {
	at := bytes.Index(message, n.marker)
	if at < 0 || bytes.HasPrefix(message[at+len(n.marker):], asText) {
		return false
	}
	_, ok := n.read(message)
	return ok
}

// leading returns how many bytes are between a key of JSON and its number, which may be
// in a text of JSON: `":` or `\":`, with spaces.
func leading(b []byte) int {
	for i, c := range b {
		if c != '"' && c != '\\' && c != ':' && c != ' ' {
			return i
		}
	}
	return len(b)
}

// digits reads the number that b begins with, of at most 18 digits.
func digits(b []byte) (number int64, ok bool) {
	for i, c := range b {
		if c < '0' || c > '9' {
			return number, i > 0
		}
		if i == 18 {
			return 0, false
		}
		number = number*10 + int64(c-'0')
	}
	return number, len(b) > 0
}
