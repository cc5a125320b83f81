package dom

import (
	"errors"
	"strconv"
)

// Message returns the CableReady message that has a page perform ops in this
// order:
//
//	{"cableReady":true,"version":"5.0.6","operations":[…]}
//
// It is one JSON value, the message of an ActionCable frame. A faulty operation
// is an error that says which one it is; nothing is sent then, since the others
// may count on it.
func Message(ops ...Operation) ([]byte, error) {
	return AppendMessage(make([]byte, 0, 64+160*len(ops)), ops...)
}

// AppendMessage appends what [Message] returns to dst. With an error dst is
// returned as it was.
func AppendMessage(dst []byte, ops ...Operation) ([]byte, error) {
	n := len(dst)
	dst = append(dst, `{"cableReady":true,"version":"`+Version+`","operations":[`...)
	for i := range ops {
		if err := ops[i].Err(); err != nil {
			return dst[:n], errors.New("build message: " + strconv.Itoa(i+1) + " of " + strconv.Itoa(len(ops)) + ": " + err.Error())
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = ops[i].AppendJSON(dst)
	}
	return append(dst, ']', '}'), nil
}
