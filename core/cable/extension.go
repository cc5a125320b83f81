package cable

import "strings"

// Extensions of a WebSocket are offered in the header Sec-WebSocket-Extensions of its
// handshake, and accepted there. The only one spoken here is permessage-deflate.
//
// Source: RFC 6455, section 9.1, and RFC 7692, section 7.1.
const (
	extensionsHeader = "Sec-WebSocket-Extensions"

	// deflateAnswer accepts it such that each message is compressed for itself, in
	// both directions: one compressed frame serves all, and nobody has to remember what
	// another has sent.
	deflateAnswer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
)

// acceptDeflate returns the answer to a list of offers: it accepts the first that can be
// kept to, or is "".
func acceptDeflate(offers string) (answer string) {
	for offer := range strings.SplitSeq(offers, ",") {
		if answer := acceptOffer(offer); answer != "" {
			return answer
		}
	}
	return ""
}

// acceptOffer accepts one offer of permessage-deflate. Anything about it that is unknown
// or malformed declines it, as does a window smaller than what is compressed with here.
func acceptOffer(offer string) (answer string) {
	name, rest, more := strings.Cut(offer, ";")
	if strings.TrimSpace(name) != "permessage-deflate" {
		return ""
	}
	answer = deflateAnswer
	for seen := map[string]bool{}; more; {
		var param string
		param, rest, more = strings.Cut(rest, ";")
		key, value, valued := strings.Cut(param, "=")
		if key = strings.TrimSpace(key); seen[key] {
			return ""
		}
		seen[key] = true
		value = strings.TrimSpace(value)
		if n := len(value); n > 1 && value[0] == '"' && value[n-1] == '"' {
			value = value[1 : n-1]
		}
		switch {
		case (key == "server_no_context_takeover" || key == "client_no_context_takeover") && !valued:
		case key == "client_max_window_bits" && (!valued || isWindowBits(value)): // any window can be read
		case key == "server_max_window_bits" && value == "15":
			answer += "; server_max_window_bits=15"
		default:
			return ""
		}
	}
	return answer
}

// isWindowBits reports whether s is a number from 8 to 15 as it may be written.
func isWindowBits(s string) bool {
	return len(s) == 1 && (s == "8" || s == "9") || len(s) == 2 && s[0] == '1' && s[1] >= '0' && s[1] <= '5'
}
