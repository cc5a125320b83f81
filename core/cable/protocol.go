package cable

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/global-presence/presence/core/state"
)

const (
	subprotocol = "actioncable-v1-json"

	// unsupported is what the official client offers beside subprotocol: chosen, it
	// makes the client close and stop trying.
	unsupported = "actioncable-unsupported"

	channel = "Live"
)

// Reasons of a disconnect, and of a session's end in logs and metrics.
const (
	reasonUnauthorized = "unauthorized"
	reasonInvalid      = "invalid_request"
	reasonRestart      = "server_restart"
	reasonTooSlow      = "too_slow"
	reasonSessions     = "too_many_sessions"
	reasonRooms        = "too_many_subscriptions"
	reasonTooLarge     = "frame_too_large"
	reasonFlood        = "too_many_frames"
	reasonNoPong       = "no_pong"
	reasonUnfinished   = "frame_unfinished"

	reasonLeft       = "left"        // the browser closed; told to nobody
	reasonLost       = "lost"        // the connection broke; told to nobody
	reasonWrite      = "write_error" // a write failed; told to nobody
	reasonProtocol   = "protocol"    // no WebSocket frame; the close says so
	reasonPanic      = "panic"       // a bug here; told as server_restart
	reasonNoProtocol = "unsupported" // the client asked to be told so
)

// WebSocket opcodes and close codes, from RFC 6455, sections 5.2 and 7.4.1.
const (
	opMore   = 0x0 // continues a message
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xA

	firstReserved = 0x40 // on the first frame of a message: it is compressed

	maxControl = 125 // bytes that a control frame may carry

	closeNormal    = 1000
	closeGoingAway = 1001
	closeProtocol  = 1002
	closePolicy    = 1008
)

// encode returns a WebSocket frame with the pieces as its payload. A server's
// frames are not masked, so that all sockets can write the same bytes.
func encode(opcode byte, pieces ...[]byte) []byte {
	size := 0
	for _, p := range pieces {
		size += len(p)
	}
	frame := make([]byte, 0, size+10)
	frame = append(frame, 0x80|opcode)
	switch {
	case size < 126:
		frame = append(frame, byte(size))
	case size <= 0xFFFF:
		frame = binary.BigEndian.AppendUint16(append(frame, 126), uint16(size))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 127), uint64(size))
	}
	for _, p := range pieces {
		frame = append(frame, p...)
	}
	return frame
}

// The frames of the protocol. identifier is the JSON string as it came.

func welcomeFrame() []byte { return encode(opText, []byte(`{"type":"welcome"}`)) }

func pingFrame(now time.Time) []byte {
	return encode(opText, strconv.AppendInt([]byte(`{"type":"ping","message":`), now.Unix(), 10), []byte("}"))
}

func confirmFrame(identifier string) []byte {
	return encode(opText, []byte(`{"identifier":`), []byte(identifier), []byte(`,"type":"confirm_subscription"}`))
}

func rejectFrame(identifier, reason string) []byte {
	return encode(opText, []byte(`{"identifier":`), []byte(identifier),
		[]byte(`,"type":"reject_subscription","reason":`), quote(reason), []byte("}"))
}

// dataFrame carries a message, which is JSON, to the identifier in prefix.
func dataFrame(prefix, message []byte) []byte {
	return encode(opText, prefix, message, []byte("}"))
}

func dataPrefix(identifier string) []byte {
	return []byte(`{"identifier":` + identifier + `,"message":`)
}

// disconnectFrame always says reconnect: without it one official client comes back
// and the other does not.
func disconnectFrame(reason string, reconnect bool) []byte {
	return encode(opText, []byte(`{"type":"disconnect","reason":`), quote(reason),
		[]byte(`,"reconnect":`), strconv.AppendBool(nil, reconnect), []byte("}"))
}

func closeFrame(code uint16) []byte {
	return encode(opClose, binary.BigEndian.AppendUint16(nil, code))
}

// quote returns s as JSON, with '<', '>' and '&' as they are.
func quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string and a buffer: it cannot fail
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// command is a frame of a browser.
type command struct {
	Command    string          `json:"command"`
	Identifier json.RawMessage `json:"identifier"`
	Data       *string         `json:"data"`
}

var errMalformed = errors.New("no ActionCable command")

func parseCommand(frame []byte) (command, error) {
	var c command
	if !utf8.Valid(frame) || json.Unmarshal(frame, &c) != nil {
		return c, errMalformed
	}
	if c.Command == "" || len(c.Identifier) == 0 || c.Identifier[0] != '"' {
		return c, errMalformed
	}
	return c, nil
}

// parseIdentifier returns the room that an identifier names, and the feature if it
// names one.
func parseIdentifier(identifier []byte) (room, feature string, err error) {
	if len(identifier) > maxIdentifier {
		return "", "", errors.New("identifier too long")
	}
	var s string
	var params struct {
		Channel string `json:"channel"`
		Room    string `json:"room"`
		Feature string `json:"feature"`
	}
	if json.Unmarshal(identifier, &s) != nil || json.Unmarshal([]byte(s), &params) != nil {
		return "", "", errors.New("invalid identifier")
	}
	if params.Channel != channel {
		return "", "", errors.New("unknown channel")
	}
	if state.CheckRoom(params.Room) != nil {
		return "", "", errors.New("invalid room")
	}
	return params.Room, params.Feature, nil
}

// isCanonical reports whether an identifier of a room is as JSON.stringify writes
// {channel, room}, in either order, or {channel, room, feature}.
func isCanonical(identifier, room, feature string) bool {
	c, r := `"channel":"`+channel+`"`, `"room":`+string(quote(room))
	if feature != "" {
		return identifier == string(quote("{"+c+","+r+`,"feature":`+string(quote(feature))+"}"))
	}
	return identifier == string(quote("{"+c+","+r+"}")) || identifier == string(quote("{"+r+","+c+"}"))
}

// message is the JSON in a command's data.
type message struct {
	Action   string          `json:"action"`
	ID       json.RawMessage `json:"id"`
	Target   json.RawMessage `json:"target"`
	Dataset  json.RawMessage `json:"dataset"`
	FormData json.RawMessage `json:"formData"`
	Fields   json.RawMessage `json:"fields"`
	Frags    json.RawMessage `json:"frags"`
	Grids    json.RawMessage `json:"grids"`
	Latest   bool            `json:"latest"`
}

func parseMessage(data string) (message, error) {
	var m message
	if json.Unmarshal([]byte(data), &m) != nil || m.Action == "" {
		return m, errMalformed
	}
	return m, nil
}

// id returns the message's id, or false when it is none that an ack may carry.
func (m message) id() (string, bool) {
	var id string
	if json.Unmarshal(m.ID, &id) != nil || len(id) < 8 || len(id) > 64 {
		return "", false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '-', c == '_':
		default:
			return "", false
		}
	}
	return id, true
}

// event returns the message as an Event, or the sentence that says what is wrong
// with it.
func (m message) event(id string) (e Event, wrong string) {
	e = Event{ID: id, Fields: map[string]string{}}
	if json.Unmarshal(m.Target, &e.Target) != nil || e.Target == "" || len(e.Target) > maxTarget {
		return e, "The event names no target."
	}
	if len(m.Dataset) > 0 {
		if json.Unmarshal(m.Dataset, &e.Fields) != nil {
			return e, "The event's dataset must hold texts only."
		}
		if e.Fields == nil { // the dataset was null
			e.Fields = map[string]string{}
		}
	}
	if len(m.FormData) > 0 {
		var encoded string
		if json.Unmarshal(m.FormData, &encoded) != nil {
			return e, "The event's form must be text."
		}
		form, err := url.ParseQuery(encoded)
		if err != nil {
			return e, "The event's form is not url-encoded."
		}
		for name, values := range form {
			if !utf8.ValidString(name) || !utf8.ValidString(values[0]) {
				return e, "The event's form is not UTF-8."
			}
			e.Fields[name] = values[0]
		}
	}
	if len(m.Fields) > 0 {
		var fields map[string]string
		if json.Unmarshal(m.Fields, &fields) != nil {
			return e, "The event's fields must hold texts only."
		}
		maps.Copy(e.Fields, fields)
	}
	return e, ""
}

// shown returns what the page of a sync shows: of fragments and boards the first ones
// by id. A sync that names neither asks for everything.
func (m message) shown() (Shown, error) {
	revs, err := texts(m.Frags, maxFragments)
	if err != nil {
		return Shown{}, err
	}
	boards, err := texts(m.Grids, maxBoards)
	if err != nil {
		return Shown{}, err
	}
	if revs == nil && len(boards) == 0 {
		revs = map[string]string{}
	}
	return Shown{Revs: revs, Boards: boards}, nil
}

// texts reads an object of texts, of the first members by name at most that many.
func texts(raw json.RawMessage, most int) (map[string]string, error) {
	var all map[string]string
	if len(raw) > 0 && json.Unmarshal(raw, &all) != nil {
		return nil, errMalformed
	}
	if len(all) > most {
		for _, name := range slices.Sorted(maps.Keys(all))[most:] {
			delete(all, name)
		}
	}
	return all, nil
}
