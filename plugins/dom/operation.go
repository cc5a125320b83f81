package dom

import (
	"errors"
	"strconv"
	"strings"
)

// Operation is one change to a page. Make it with a constructor or [Parse]; the
// zero value is no operation and is refused.
//
// Operations may be copied, compared with == and used from several goroutines.
type Operation struct {
	kind   kind
	flags  flags
	choice [3]uint8 // by place in spec.choices
	delay  int32    // milliseconds

	selector string
	args     [3]string // by place in spec.params
	batch    string
	focus    string
	fault    string // the first thing found wrong, or ""
}

// Name returns the name as CableReady knows it, such as "setProperty", or ""
// for the zero Operation.
func (o Operation) Name() string { return specs[o.kind].name }

// Selector returns the CSS selector, or the XPath if [Operation.UsesXPath], of
// what is to change. It is "" where the whole page is meant.
func (o Operation) Selector() string { return o.selector }

// Element reports whether it runs on the element that its selector names, and
// not on the page.
func (o Operation) Element() bool {
	return specs[o.kind].on != onPage && o.selector != ""
}

// UsesXPath reports whether the selector is XPath.
func (o Operation) UsesXPath() bool { return o.flags&flagXPath != 0 }

// SelectsAll reports whether it changes every element that the selector
// matches, and not only the first.
func (o Operation) SelectsAll() bool { return o.flags&flagAll != 0 }

// HTML returns the markup that the operation puts into the page, or "". That of
// an outer one ([Morph], [Replace], [OuterHTML]) has the element itself, that of
// the others what goes into or beside it.
func (o Operation) HTML() string {
	switch o.kind {
	case kindAppend, kindPrepend, kindInsertAdjacentHTML, kindInnerHTML, kindOuterHTML, kindReplace, kindMorph:
		return o.args[0]
	case kindSetProperty:
		if o.args[0] == "innerHTML" || o.args[0] == "outerHTML" {
			return o.args[1]
		}
	}
	return ""
}

// Attribute returns the attribute that the operation sets or removes by name, in
// lower case: "data-live-rev" for the dataset property "liveRev" too. It is ""
// for all other operations.
func (o Operation) Attribute() string {
	switch o.kind {
	case kindSetAttribute, kindRemoveAttribute:
		return lower(o.args[0])
	case kindSetDatasetProperty:
		return datasetAttribute(o.args[0])
	}
	return ""
}

// Property returns the property that [SetProperty] sets, or "".
func (o Operation) Property() string {
	if o.kind == kindSetProperty {
		return o.args[0]
	}
	return ""
}

// Err returns what is wrong with the operation, or nil. It names the operation
// and the parameter:
//
//	operation setStyle: name "--hue": custom properties have no effect, use a class
func (o Operation) Err() error {
	switch {
	case o.kind == 0:
		return errors.New("operation is empty")
	case o.fault != "":
		return errors.New("operation " + o.Name() + ": " + o.fault)
	}
	return nil
}

// Broadcastable returns why the operation may be sent only to the one person
// whose event it answers, or nil if it may go to everybody.
//
// Refused are a change of focus ([SetFocus], and [Focus] with any operation), of
// the scroll position, and everything that leaves or reloads the page. [Go],
// [PushState] and [ReplaceState] are refused too: the address bar and the back
// button belong to the person, and a reload would show another page than the
// one that was open. [Notification] is refused since it opens the browser's
// question for a permission, which those who did nothing answer with "never". And
// [DispatchEvent] is refused for the page's own events, whose names hold no colon:
// a "click" in every browser would be as many events as there are people, each of
// which might be answered with another.
//
// A faulty operation is refused with its fault.
func (o Operation) Broadcastable() error {
	if err := o.Err(); err != nil {
		return err
	}
	if why := specs[o.kind].alone; why != "" {
		return errors.New("operation " + o.Name() + " cannot be broadcast: " + why)
	}
	if o.kind == kindDispatchEvent && !strings.Contains(o.args[0], ":") {
		return errors.New("operation " + o.Name() + " cannot be broadcast: " + strconv.Quote(o.args[0]) +
			` would be as if everybody had done it; a name of your own holds a colon, such as "live:done"`)
	}
	if o.focus != "" {
		return errors.New("operation " + o.Name() + " cannot be broadcast: its focusSelector takes the focus from whatever people are doing")
	}
	return nil
}

// Equal reports whether both are the same operation, as == does.
func (o Operation) Equal(p Operation) bool { return o == p }

// String returns the name and the selector, such as "remove #hello-3", and never
// what a person wrote.
func (o Operation) String() string {
	switch {
	case o.kind == 0:
		return "no operation"
	case o.selector == "":
		return o.Name()
	}
	return o.Name() + " " + o.selector
}

// fail remembers the first fault; "" is none.
func (o *Operation) fail(fault string) {
	if o.fault == "" {
		o.fault = fault
	}
}
