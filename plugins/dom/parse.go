package dom

import (
	"errors"
	"slices"
	"strconv"
)

// Parse reads one operation that came from elsewhere, such as a feature in
// another process. What [Operation.AppendJSON] wrote comes back as the same
// Operation.
//
// It is strict: an unknown operation, a key that the operation does not have or
// has twice, a value of another type (null is one), a missing parameter and all
// that [Operation.Err] finds are errors that name the operation and the key.
// The keys may come in any order, and defaults may be written out. A morph gets
// its permanentAttributeName whether it came with one or not.
func Parse(data []byte) (Operation, error) {
	doc, err := scanDocument(string(data))
	if err != nil {
		return Operation{}, errors.New("parse operation: " + err.Error())
	}
	if doc.typ != jsonObject {
		return Operation{}, errors.New("parse operation: " + doc.typ.String() + ", not an object")
	}
	name, err := operationName(doc.text)
	if err != nil {
		return Operation{}, err
	}
	o := Operation{kind: kindOf(name)}
	if o.kind == 0 {
		return Operation{}, errors.New("parse operation: unknown operation " + strconv.Quote(name))
	}
	seen := make([]string, 0, 8)
	s := scanner{in: doc.text} // canonical, so only the faults below can end it
	_ = s.members(0, func(key string, val node) error {
		if slices.Contains(seen, key) {
			o.fail("key " + strconv.Quote(key) + " comes twice")
		}
		seen = append(seen, key)
		if key == "operation" {
			return nil
		}
		if key == "selector" && val.typ == jsonString && val.text == "" && specs[o.kind].on == onAnything {
			return nil // the document, as without one
		}
		o.fail(o.set(key, val))
		return nil
	})
	for _, p := range specs[o.kind].params {
		if p.required && !slices.Contains(seen, p.key) {
			o.fail(p.key + " is missing")
		}
	}
	o.check()
	o.fail(o.faultOf())
	if err := o.Err(); err != nil {
		return Operation{}, errors.New("parse " + err.Error())
	}
	return o, nil
}

// operationName returns the value of the key "operation" in a canonical object.
func operationName(object string) (string, error) {
	var found *node
	s := scanner{in: object}
	_ = s.members(0, func(key string, val node) error {
		if key == "operation" && found == nil {
			found = &val
		}
		return nil
	})
	switch {
	case found == nil:
		return "", errors.New("parse operation: operation is missing")
	case found.typ != jsonString:
		return "", errors.New("parse operation: " + wrongType("operation", "a string", *found))
	}
	return found.text, nil
}
