package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxAPIEvents is how many events one request may carry.
const maxAPIEvents = 1000

// maxAPITarget is the size in bytes of an event's target, as it is for browsers.
const maxAPITarget = 128

// apiEvent is an event as a service sends it.
type apiEvent struct {
	Target, ID, User string
	Fields           map[string]string
}

// apiForm is what a body may look like.
const apiForm = `{"target":"counter#add","fields":{"by":"1"}} or {"events":[…]}`

// maxAPIFaults is how many faults of a body are told.
const maxAPIFaults = 10

// apiFaults are what is wrong with a body, a line each.
type apiFaults []string

func (f *apiFaults) bad(name string, value json.RawMessage, want string) {
	text := "missing"
	if value != nil {
		text = shorten(string(value))
	}
	*f = append(*f, fmt.Sprintf("%s is %s; want %s", shorten(name), text, want))
}

// shorten returns what is told of a text that somebody has sent, in one line.
func shorten(text string) string {
	const most = 80 // bytes
	text = strings.Join(strings.FieldsFunc(text[:min(len(text), 2*most)], func(r rune) bool { return r == '\n' || r == '\r' }), " ")
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

func (f apiFaults) err() error {
	if len(f) == 0 {
		return nil
	}
	if more := len(f) - maxAPIFaults; more > 0 {
		f = append(f[:maxAPIFaults:maxAPIFaults], fmt.Sprintf("and %d more", more))
	}
	return errors.New(strings.Join(f, "\n"))
}

// parseAPIEvents reads a body. batch says that it is one of many events. An error names
// all that is wrong with it; then nothing of it is to be done.
func parseAPIEvents(body []byte) (events []apiEvent, batch bool, err error) {
	if !utf8.Valid(body) {
		return nil, false, fmt.Errorf("the body is not UTF-8; want %s", apiForm)
	}
	var top map[string]json.RawMessage
	err = json.Unmarshal(body, &top)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, false, fmt.Errorf("the body is no JSON: %w, at byte %d of %d; want %s", syntax, syntax.Offset, len(body), apiForm)
	}
	if err != nil || top == nil {
		return nil, false, fmt.Errorf("the body is %s; want %s", shorten(string(body)), apiForm)
	}
	var faults apiFaults
	list, batch := top["events"]
	if !batch {
		e := faults.event("", top)
		return []apiEvent{e}, false, faults.err()
	}
	for _, name := range slices.Sorted(maps.Keys(top)) {
		if name != "events" {
			faults.bad(strconv.Quote(name), top[name], `nothing beside "events"`)
		}
	}
	var items []json.RawMessage
	if json.Unmarshal(list, &items) != nil || len(items) == 0 || len(items) > maxAPIEvents {
		what := list
		if len(items) > maxAPIEvents {
			what = json.RawMessage(fmt.Sprintf("%d events", len(items)))
		}
		faults.bad(`"events"`, what, fmt.Sprintf("a list of 1 to %d events", maxAPIEvents))
		return nil, true, faults.err()
	}
	for i, item := range items {
		name := fmt.Sprintf("events[%d]", i)
		var one map[string]json.RawMessage
		if json.Unmarshal(item, &one) != nil || one == nil {
			faults.bad(name, item, `an event, such as {"target":"counter#add","fields":{"by":"1"}}`)
			continue
		}
		events = append(events, faults.event(name+".", one))
	}
	return events, true, faults.err()
}

// event reads one event; where is its place in the body.
func (f *apiFaults) event(where string, members map[string]json.RawMessage) (e apiEvent) {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		value := members[name]
		switch name {
		case "target":
			if json.Unmarshal(value, &e.Target) != nil || !strings.Contains(e.Target, "#") || len(e.Target) > maxAPITarget {
				f.bad(where+name, value, fmt.Sprintf(`a text of 1 to %d bytes, FEATURE#EVENT, such as "counter#add"`, maxAPITarget))
			}
		case "id", "user":
			text := ""
			if json.Unmarshal(value, &text) != nil || !isName(text) {
				f.bad(where+name, value, "1 to 64 letters, digits, - and _, or nothing")
			}
			if name == "id" {
				e.ID = text
			} else {
				e.User = text
			}
		case "fields":
			var fields map[string]json.RawMessage
			if json.Unmarshal(value, &fields) != nil || fields == nil {
				f.bad(where+name, value, `an object of texts, such as {"by":"1"}`)
				continue
			}
			e.Fields = make(map[string]string, len(fields))
			for _, field := range slices.Sorted(maps.Keys(fields)) {
				var text *string
				if json.Unmarshal(fields[field], &text) != nil || text == nil {
					example := `"1"`
					if value := string(fields[field]); len(value) < 20 && value != "null" && !strings.ContainsAny(value[:1], "[{") {
						example = strconv.Quote(value)
					}
					f.bad(where+name+"."+field, fields[field], "a text, such as "+example)
					continue
				}
				e.Fields[field] = *text
			}
		default:
			f.bad(where+name, value, "nothing but target, fields, id and user in an event")
		}
	}
	if _, ok := members["target"]; !ok {
		f.bad(where+"target", nil, `FEATURE#EVENT, such as "counter#add"`)
	}
	return e
}

// isName reports whether s may be an event's id, or a user's.
func isName(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	})
}
