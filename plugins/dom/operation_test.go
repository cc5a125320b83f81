package dom_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/global-presence/presence/plugins/dom"
)

func TestOperation_Err(t *testing.T) {
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	for _, test := range []struct {
		name string
		op   dom.Operation
		want string // "" for none
	}{
		{"Zero", dom.Operation{}, "operation is empty"},
		{"NoSelector", dom.TextContent("", "a"), "operation textContent: selector is missing"},
		{"NoParent", dom.Graft("#x", ""), "operation graft: parent is missing"},
		{"NoName", dom.SetAttribute("#x", "", "a"), "operation setAttribute: name is missing"},
		{"NoURL", dom.PushState(""), "operation pushState: url is missing"},
		{"NoData", dom.ConsoleTable(dom.Value{}), "operation consoleTable: data is missing"},
		{"Position", dom.InsertAdjacentHTML("#x", "inside", "a"), `operation insertAdjacentHtml: position "inside" is unknown`},

		{"AllOnPage", dom.SetTitle("a", dom.All()), "operation setTitle: selectAll does not fit this operation"},
		{"AllOnFocus", dom.SetFocus("#x", dom.All()), "operation setFocus: selectAll does not fit this operation"},
		{"AllOnScroll", dom.ScrollIntoView("#x", dom.All()), "operation scrollIntoView: selectAll does not fit this operation"},
		{"AllOnDocument", dom.DispatchEvent("", "e", dom.Value{}, dom.All()), "operation dispatchEvent: selectAll needs a selector"},
		{"XPathOnDocument", dom.DispatchEvent("", "e", dom.Value{}, dom.XPath()), "operation dispatchEvent: xpath needs a selector"},
		{"FocusOnAttribute", dom.SetAttribute("#x", "a", "b", dom.Focus("#y")), "operation setAttribute: focusSelector does not fit this operation"},
		{"FocusOnFocus", dom.SetFocus("#x", dom.Focus("#y")), "operation setFocus: focusSelector does not fit this operation"},
		{"FocusEmpty", dom.Remove("#x", dom.Focus("")), "operation remove: focusSelector is empty"},
		{"BatchEmpty", dom.Remove("#x", dom.Batch("")), "operation remove: batch is empty"},
		{"DelayNegative", dom.Remove("#x", dom.Delay(-time.Second)), "operation remove: delay is not from 0 to 2147483647 ms"},
		{"DelayLong", dom.Remove("#x", dom.Delay(30*24*time.Hour)), "operation remove: delay is not from 0 to 2147483647 ms"},
		{"Session", dom.ConsoleLog("a", dom.Session()), "operation consoleLog: type does not fit this operation"},
		{"TitleTwice", dom.SetTitle("a", dom.EntryTitle("b")), "operation setTitle: title does not fit this operation"},
		{"State", dom.SetTitle("a", dom.EntryState(dom.Value{})), "operation setTitle: state does not fit this operation"},
		{"StateArray", dom.PushState("/", dom.EntryState(dom.Raw("[]"))), "operation pushState: state is an array, not an object"},
		{"NoTurbo", dom.Reload(dom.NoTurbo()), "operation reload: turbo does not fit this operation"},
		{"Level", dom.ConsoleLog("a", dom.AtLevel("loud")), `operation consoleLog: level "loud" is unknown`},

		{"TwoClasses", dom.AddCSSClass("#x", []string{"a b"}), `operation addCssClass: name "a b" is not one class`},
		{"NoClass", dom.RemoveCSSClass("#x", nil), "operation removeCssClass: name has no classes"},
		{"Handler", dom.SetAttribute("#x", "onClick", "a"), `operation setAttribute: name "onClick": the page runs no inline handlers, use data-live`},
		{"StyleAttribute", dom.SetAttribute("#x", "STYLE", "a"), `operation setAttribute: name "style": the page takes no style attributes, use a class or SetStyle`},
		{"AttributeName", dom.SetAttribute("#x", "a b", "c"), `operation setAttribute: name "a b" is not an attribute name`},
		{"RemoveAttributeName", dom.RemoveAttribute("#x", "a>"), `operation removeAttribute: name "a>" is not an attribute name`},
		{"ScriptHref", dom.SetAttribute("#x", "HREF", " java\nscript:a()"), `operation setAttribute: value of "HREF" is a script or data address`},
		{"Srcdoc", dom.SetAttribute("#x", "srcdoc", "a"), `operation setAttribute: name "srcdoc" is refused`},
		{"ScriptProperty", dom.SetProperty("#x", "formAction", "javascript:a()"), `operation setProperty: value of "formAction" is a script or data address`},
		{"HandlerProperty", dom.SetProperty("#x", "onclick", "a()"), `operation setProperty: name "onclick": a handler cannot be text, use data-live`},
		{"PropertyName", dom.SetProperty("#x", "text-content", "a"), `operation setProperty: name "text-content" is not a property name`},
		{"NaN", dom.SetProperty("#x", "volume", math.NaN()), "operation setProperty: value is not a finite number"},
		{"Infinity", dom.SetProperty("#x", "volume", math.Inf(-1)), "operation setProperty: value is not a finite number"},
		{"DatasetKebab", dom.SetDatasetProperty("#x", "live-rev", "a"), `operation setDatasetProperty: name "live-rev" is not a dataset name, such as "liveRev" for data-live-rev`},
		{"DatasetUpper", dom.SetDatasetProperty("#x", "LiveRev", "a"), `operation setDatasetProperty: name "LiveRev" is not a dataset name, such as "liveRev" for data-live-rev`},
		{"CustomProperty", dom.SetStyle("#x", "--hue", "a"), `operation setStyle: name "--hue": custom properties have no effect, use a class`},
		{"Important", dom.SetStyle("#x", "width", "3px ! IMPORTANT "), `operation setStyle: value of "width": !important has no effect, use a class`},
		{"StyleName", dom.SetStyle("#x", "width:", "a"), `operation setStyle: name "width:" is not a style property`},
		{"CSSText", dom.SetStyle("#x", "cssText", "a"), `operation setStyle: name "cssText" is not a style property`},
		{"StylesNone", dom.SetStyles("#x", nil), "operation setStyles: styles is empty"},
		{"StylesTwice", dom.SetStyles("#x", []dom.Style{{"width", "1px"}, {"width", "2px"}}), `operation setStyles: name "width" comes twice`},
		{"StylesCustom", dom.SetStyles("#x", []dom.Style{{"width", "1px"}, {"--a", "2px"}}), `operation setStyles: name "--a": custom properties have no effect, use a class`},
		{"MetaQuote", dom.SetMeta("a'b", "c"), `operation setMeta: name "a'b" holds a quote, a backslash or a line end`},
		{"GoNowhere", dom.Go(0), "operation go: delta is 0, which loads the page again: use Reload"},
		{"RedirectScript", dom.RedirectTo("\x01JavaScript:a()"), "operation redirectTo: url is a script or data address"},
		{"MorphComment", dom.Morph("#x", "<!-- a --><p>b</p>"), "operation morph: html does not start with an element: the client would replace the element by a comment or text"},
		{"MorphText", dom.Morph("#x", "a<p>b</p>"), "operation morph: html does not start with an element: the client would replace the element by a comment or text"},
		{"MorphEmpty", dom.Morph("#x", " "), "operation morph: html does not start with an element: the client would replace the element by a comment or text"},
		{"RawBroken", dom.DispatchEvent("#x", "e", dom.Raw(`{"a":}`)), "operation dispatchEvent: detail: invalid JSON: expected a value at byte 5"},
		{"RawText", dom.DispatchEvent("#x", "e", dom.Raw(`"a"`)), "operation dispatchEvent: detail: not an object or an array"},
		{"RawDeep", dom.DispatchEvent("#x", "e", dom.Raw(deep)), "operation dispatchEvent: detail: invalid JSON: nested too deeply at byte 100"},
		{"RawArray", dom.DispatchEvent("#x", "e", dom.Raw(`[1]`)), "operation dispatchEvent: detail is an array, not an object"},
		{"NestedBroken", dom.DispatchEvent("#x", "e", dom.Object(dom.Nested("a", dom.Raw("x")))), "operation dispatchEvent: detail: invalid JSON: expected a value at byte 0"},

		{"OptionEmpty", dom.Remove("#x", dom.Option{}), "operation remove: an option is empty"},
		{"First", dom.SetStyle("", "--hue", "a", dom.Focus("#x")), "operation setStyle: focusSelector does not fit this operation"},
		{"EmptyState", dom.PushState("/", dom.EntryState(dom.Value{})), ""},
		{"WordImportant", dom.SetStyle("#x", "fontFamily", "'important!'"), ""},
		{"Data", dom.SetAttribute("#x", "data-note", "data:a"), ""},
		{"MorphChildrenText", dom.MorphChildren("#x", "a<p>b</p>"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := test.op.Err(); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("Err() = %q, want %q", got, test.want)
			}
		})
	}
}

func TestOperation_Broadcastable(t *testing.T) {
	alone := []string{"go", "notification", "pushState", "redirectTo", "reload", "replaceState", "scrollIntoView", "setFocus"}
	var got []string
	for _, op := range bare() {
		if op.Equal(dom.MorphChildren("#x", "", dom.Focus("#y"))) {
			continue // refused for its focus, below
		}
		if err := op.Broadcastable(); err != nil {
			if !strings.HasPrefix(err.Error(), "operation "+op.Name()+" cannot be broadcast: ") {
				t.Errorf("Broadcastable() of %s = %v, want its name in front", op, err)
			}
			got = append(got, op.Name())
		}
	}
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, alone) {
		t.Errorf("not broadcastable: %v, want %v", got, alone)
	}
	want := "operation remove cannot be broadcast: its focusSelector takes the focus from whatever people are doing"
	if err := dom.Remove("#x", dom.Focus("#y")).Broadcastable(); err == nil || err.Error() != want {
		t.Errorf("Broadcastable() with a focusSelector = %v, want %s", err, want)
	}
	for name, broadcast := range map[string]bool{
		"click": false, "submit": false, "DOMContentLoaded": false, "live-done": false,
		"live:done": true, "cable-ready:after": true,
	} {
		for _, selector := range []string{"", "#x"} {
			err := dom.DispatchEvent(selector, name, dom.Value{}).Broadcastable()
			if broadcast && err != nil {
				t.Errorf("Broadcastable() of event %q at %q = %v, want nil", name, selector, err)
			}
			if !broadcast && (err == nil || !strings.Contains(err.Error(), `cannot be broadcast: "`+name+`" would be`)) {
				t.Errorf("Broadcastable() of event %q at %q = %v, want that everybody would do it", name, selector, err)
			}
		}
	}
	if err := dom.Remove("").Broadcastable(); err == nil {
		t.Error("Broadcastable() of a faulty operation = nil, want its fault")
	}
}

func TestOperation_accessors(t *testing.T) {
	page := []string{
		"setMeta", "setTitle", "clearStorage", "go", "pushState", "redirectTo", "reload", "removeStorageItem",
		"replaceState", "setCookie", "setStorageItem", "consoleLog", "consoleTable", "notification",
	}
	single := []string{"scrollIntoView", "setFocus"}
	for _, op := range full("x") {
		if got, want := op.Element(), !slices.Contains(page, op.Name()); got != want {
			t.Errorf("Element() of %s = %t, want %t", op, got, want)
		}
		if got, want := op.SelectsAll(), op.Element() && !slices.Contains(single, op.Name()); got != want {
			t.Errorf("SelectsAll() of %s = %t, want %t", op, got, want)
		}
		if op.UsesXPath() != op.Element() {
			t.Errorf("UsesXPath() of %s = %t, want %t", op, op.UsesXPath(), op.Element())
		}
		if got := op.Selector(); (got == "x") != op.Element() {
			t.Errorf("Selector() of %s = %q", op, got)
		}
	}
	if dom.DispatchEvent("", "e", dom.Value{}).Element() {
		t.Error("Element() of an event of the document = true, want false")
	}

	for want, ops := range map[string][]dom.Operation{
		"<b>": {
			dom.Append("#x", "<b>"), dom.Prepend("#x", "<b>"), dom.InsertAdjacentHTML("#x", dom.AfterEnd, "<b>"), dom.InnerHTML("#x", "<b>"),
			dom.OuterHTML("#x", "<b>"), dom.Replace("#x", "<b>"), dom.Morph("#x", "<b>"), dom.SetProperty("#x", "innerHTML", "<b>"),
		},
		"": {dom.TextContent("#x", "<b>"), dom.SetProperty("#x", "textContent", "<b>"), dom.SetValue("#x", "<b>")},
	} {
		for _, op := range ops {
			if got := op.HTML(); got != want {
				t.Errorf("HTML() of %s = %q, want %q", op, got, want)
			}
		}
	}

	for want, ops := range map[string][]dom.Operation{
		"data-live-rev": {
			dom.SetAttribute("#x", "Data-Live-Rev", ""), dom.RemoveAttribute("#x", "data-live-rev"), dom.SetDatasetProperty("#x", "liveRev", ""),
		},
		"": {dom.Remove("#x"), dom.SetProperty("#x", "title", "a")},
	} {
		for _, op := range ops {
			if got := op.Attribute(); got != want {
				t.Errorf("Attribute() of %s = %q, want %q", op, got, want)
			}
		}
	}

	for want, op := range map[string]dom.Operation{"no operation": {}, "reload": dom.Reload(), "textContent #x": dom.TextContent("#x", "secret")} {
		if got := op.String(); got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}

func TestDelay(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                       `{"operation":"reload"}`,
		time.Microsecond:        `{"operation":"reload","delay":1}`,
		1500 * time.Microsecond: `{"operation":"reload","delay":2}`,
		time.Second:             `{"operation":"reload","delay":1000}`,
	} {
		if got := string(dom.Reload(dom.Delay(d)).AppendJSON(nil)); got != want {
			t.Errorf("Delay(%v) gives %s, want %s", d, got, want)
		}
	}
}

func TestScriptURL(t *testing.T) {
	for url, want := range map[string]bool{
		"javascript:alert(1)":             true,
		"JavaScript:":                     true,
		"\x00\x1f \tjava\tsc\r\nript\n:a": true,
		"data:text/html,a":                true,
		" DATA :a":                        false, // a space within is no scheme
		"vbscript:a":                      true,
		"":                                false,
		"/javascript:a":                   false,
		"javascript":                      false,
		"javascripts:a":                   false,
		"https://example.org/data:":       false,
		"?x=javascript:a":                 false,
	} {
		if got := dom.ScriptURL(url); got != want {
			t.Errorf("ScriptURL(%q) = %t, want %t", url, got, want)
		}
	}
}
