package dom

import "strconv"

// Value is a JSON object or array: the detail of an event, the state of a
// history entry. The zero Value is none. Make it with [Object] or [Raw].
type Value struct {
	raw   string // canonical: no spaces, strings escaped as appendString does
	fault string
}

// Raw returns JSON that was made elsewhere. If it is not exactly one JSON object
// or array, the operation that it is given to is faulty.
func Raw(json string) Value {
	n, err := scanDocument(json)
	if err != nil {
		return Value{fault: err.Error()}
	}
	if n.typ != jsonObject && n.typ != jsonArray {
		return Value{fault: "not an object or an array"}
	}
	return Value{raw: n.text}
}

// Object returns an object with these members, in this order.
//
//	dom.Object(dom.Text("id", "a1"), dom.Text("status", "busy"), dom.Int("retryAfter", 500))
func Object(members ...Member) Value {
	var buf [256]byte
	b := append(buf[:0], '{')
	var fault string
	for i := range members {
		if i > 0 {
			b = append(b, ',')
		}
		m := &members[i]
		b = append(appendString(b, m.name), ':')
		switch m.val.typ {
		case jsonString:
			b = appendString(b, m.val.text)
		case jsonNumber:
			b = strconv.AppendInt(b, m.val.num, 10)
		case jsonTrue:
			b = append(b, "true"...)
		case jsonFalse:
			b = append(b, "false"...)
		case jsonObject, jsonArray:
			b = append(b, m.val.text...)
		case jsonBad:
			fault = m.val.text
			b = append(b, "null"...)
		default:
			b = append(b, "null"...)
		}
	}
	b = append(b, '}')
	return Value{raw: string(b), fault: fault}
}

// Texts returns an array of texts.
func Texts(values ...string) Value {
	b := []byte{'['}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, v)
	}
	return Value{raw: string(append(b, ']'))}
}

// Member is one member of an [Object].
type Member struct {
	name string
	val  node
}

// Text is a member that holds text.
func Text(name, value string) Member {
	return Member{name, node{typ: jsonString, text: value}}
}

// Int is a member that holds an integer. Beyond 2⁵³ JavaScript rounds it.
func Int(name string, value int64) Member {
	return Member{name, node{typ: jsonNumber, num: value}}
}

// Bool is a member that holds true or false.
func Bool(name string, value bool) Member {
	if value {
		return Member{name, node{typ: jsonTrue}}
	}
	return Member{name, node{typ: jsonFalse}}
}

// Nested is a member that holds another value, or null if that is the zero
// Value.
func Nested(name string, value Value) Member { return Member{name, value.node()} }

// node returns the value as a scanned one.
func (v Value) node() node {
	switch {
	case v.fault != "":
		return node{typ: jsonBad, text: v.fault}
	case v.raw == "":
		return node{typ: jsonNull}
	case v.raw[0] == '[':
		return node{typ: jsonArray, text: v.raw}
	}
	return node{typ: jsonObject, text: v.raw}
}
