package dom_test

import (
	"fmt"

	"github.com/global-presence/presence/plugins/dom"
)

func ExampleSetProperty() {
	fmt.Printf("%s\n", dom.SetProperty("#counter-total", "textContent", "3").AppendJSON(nil))
	fmt.Printf("%s\n", dom.SetProperty("#lightbulb-switch", "checked", true).AppendJSON(nil))
	// Output:
	// {"operation":"setProperty","selector":"#counter-total","name":"textContent","value":"3"}
	// {"operation":"setProperty","selector":"#lightbulb-switch","name":"checked","value":true}
}

// A new row at the head of a list: remove what an earlier copy of the message
// may have inserted, then insert.
func ExamplePrepend() {
	msg, err := dom.Message(
		dom.Remove("#hello-9", dom.All()),
		dom.Prepend("#hello-list", `<li id="hello-9">hi</li>`),
	)
	fmt.Printf("%s %v\n", msg, err)
	// Output:
	// {"cableReady":true,"version":"5.0.6","operations":[{"operation":"remove","selector":"#hello-9","selectAll":true},{"operation":"prepend","selector":"#hello-list","html":"<li id=\"hello-9\">hi</li>"}]} <nil>
}

// The answer to an event is an operation too.
func ExampleDispatchEvent() {
	ack := dom.DispatchEvent("", "live:ack", dom.Object(
		dom.Text("id", "a1b2"),
		dom.Text("status", "busy"),
		dom.Text("error", "Not so fast."),
		dom.Int("retryAfter", 500),
	))
	fmt.Printf("%s\n", ack.AppendJSON(nil))
	// Output:
	// {"operation":"dispatchEvent","name":"live:ack","detail":{"id":"a1b2","status":"busy","error":"Not so fast.","retryAfter":500}}
}

func ExampleMorph() {
	fmt.Printf("%s\n", dom.Morph("#counter", `<output id="counter">3</output>`).AppendJSON(nil))
	// Output:
	// {"operation":"morph","selector":"#counter","html":"<output id=\"counter\">3</output>","permanentAttributeName":"data-live-permanent"}
}

func ExampleOperation_Err() {
	fmt.Println(dom.SetStyle("#lightbulb", "--hue", "120").Err())
	fmt.Println(dom.SetTitle("Home", dom.All()).Err())
	// Output:
	// operation setStyle: name "--hue": custom properties have no effect, use a class
	// operation setTitle: selectAll does not fit this operation
}

func ExampleParse() {
	_, err := dom.Parse([]byte(`{"operation":"textContent","selector":"#counter","text":3}`))
	fmt.Println(err)
	// Output:
	// parse operation textContent: text is a number, not a string
}
