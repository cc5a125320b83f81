package dom_test

import (
	"encoding/json"
	"testing"

	"github.com/global-presence/presence/plugins/dom"
)

func TestParse(t *testing.T) {
	t.Run("RoundTrip", func(t *testing.T) {
		for _, op := range every() {
			got, err := dom.Parse(op.AppendJSON(nil))
			if err != nil || got != op {
				t.Errorf("Parse(%s) = %+v, %v, want %+v", op.AppendJSON(nil), got, err, op)
			}
		}
	})
	for _, test := range []struct {
		name, in string
		want     dom.Operation
	}{
		{"AnyOrder", ` { "html" : "<p>a</p>" , "selector":"#x","operation":"morph"} `, dom.Morph("#x", "<p>a</p>")},
		{
			"Defaults",
			`{"operation":"insertAdjacentHtml","selector":"#x","html":"a","position":"beforeend","selectAll":false,"xpath":false,"cancel":false,"delay":0}`,
			dom.InsertAdjacentHTML("#x", dom.BeforeEnd, "a"),
		},
		{"Turbo", `{"operation":"redirectTo","url":"/a","turbo":true,"action":"advance"}`, dom.RedirectTo("/a")},
		{"OneClass", `{"operation":"addCssClass","selector":"#x","name":"on"}`, dom.AddCSSClass("#x", []string{"on"})},
		{"Document", `{"operation":"dispatchEvent","selector":"","name":"e"}`, dom.DispatchEvent("", "e", dom.Value{})},
		{"NoValue", `{"operation":"setAttribute","selector":"#x","name":"hidden"}`, dom.SetAttribute("#x", "hidden", "")},
		{"Escapes", `{"operation":"setTitle","title":"\u0041\/\ud83c\udf88\ud800\n"}`, dom.SetTitle("A/🎈\ufffd\n")},
		{"Number", `{"operation":"setProperty","selector":"#x","name":"volume","value":0.50}`, mustParse(t, `{"operation":"setProperty","selector":"#x","name":"volume","value":0.50}`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := dom.Parse([]byte(test.in))
			if err != nil || got != test.want {
				t.Errorf("Parse(%s) = %s, %v, want %s", test.in, got.AppendJSON(nil), err, test.want.AppendJSON(nil))
			}
		})
	}
}

func mustParse(tb testing.TB, in string) dom.Operation {
	tb.Helper()
	op, err := dom.Parse([]byte(in))
	if err != nil {
		tb.Fatal(err)
	}
	return op
}

func TestParse_errors(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"Empty", ``, "parse operation: invalid JSON: expected a value at byte 0"},
		{"Array", `[]`, "parse operation: an array, not an object"},
		{"Trailing", `{"operation":"reload"} x`, "parse operation: invalid JSON: unexpected text after the value at byte 23"},
		{"NoOperation", `{}`, "parse operation: operation is missing"},
		{"OperationType", `{"operation":1}`, "parse operation: operation is a number, not a string"},
		{"Unknown", `{"operation":"inner_html"}`, `parse operation: unknown operation "inner_html"`},
		{"Nameless", `{"operation":""}`, `parse operation: unknown operation ""`},
		{"UnknownKey", `{"operation":"reload","force":true}`, "parse operation reload: force does not fit this operation"},
		{"Fault", `{"operation":"reload","fault":"x"}`, "parse operation reload: fault does not fit this operation"},
		{"Misplaced", `{"operation":"remove","selector":"#x","html":"a"}`, "parse operation remove: html does not fit this operation"},
		{"PageSelector", `{"operation":"reload","selector":"#x"}`, "parse operation reload: selector does not fit this operation"},
		{"Null", `{"operation":"remove","selector":null}`, "parse operation remove: selector is null, not a string"},
		{"Number", `{"operation":"textContent","selector":"#x","text":3}`, "parse operation textContent: text is a number, not a string"},
		{"Boolean", `{"operation":"remove","selector":"#x","selectAll":"yes"}`, "parse operation remove: selectAll is a string, not a boolean"},
		{"Missing", `{"operation":"innerHtml","selector":"#x"}`, "parse operation innerHtml: html is missing"},
		{"NoSelector", `{"operation":"innerHtml","html":""}`, "parse operation innerHtml: selector is missing"},
		{"EmptySelector", `{"operation":"remove","selector":""}`, "parse operation remove: selector is empty"},
		{"Twice", `{"operation":"setTitle","title":"a","title":"b"}`, `parse operation setTitle: key "title" comes twice`},
		{"OperationTwice", `{"operation":"reload","operation":"remove"}`, `parse operation reload: key "operation" comes twice`},
		{"Delay", `{"operation":"reload","delay":1.5}`, "parse operation reload: delay is not an integer"},
		{"DelayText", `{"operation":"reload","delay":"1"}`, "parse operation reload: delay is a string, not an integer"},
		{"Delta", `{"operation":"go","delta":1e3}`, "parse operation go: delta is not an integer"},
		{"Classes", `{"operation":"addCssClass","selector":"#x","name":["a",1]}`, "parse operation addCssClass: name is a number, not an array of strings"},
		{"ClassesObject", `{"operation":"addCssClass","selector":"#x","name":{}}`, "parse operation addCssClass: name is an object, not an array of strings"},
		{"ClassesNone", `{"operation":"addCssClass","selector":"#x","name":[]}`, "parse operation addCssClass: name has no classes"},
		{"Columns", `{"operation":"consoleTable","data":[],"columns":[null]}`, "parse operation consoleTable: columns is null, not an array of strings"},
		{"Styles", `{"operation":"setStyles","selector":"#x","styles":{"width":3}}`, "parse operation setStyles: styles is a number, not an object of strings"},
		{"StylesArray", `{"operation":"setStyles","selector":"#x","styles":[]}`, "parse operation setStyles: styles is an array, not an object of strings"},
		{"StylesCustom", `{"operation":"setStyles","selector":"#x","styles":{"--a":"3"}}`, `parse operation setStyles: name "--a": custom properties have no effect, use a class`},
		{"Detail", `{"operation":"dispatchEvent","name":"e","detail":[]}`, "parse operation dispatchEvent: detail is an array, not an object"},
		{"Scalar", `{"operation":"setProperty","selector":"#x","name":"a","value":{}}`, "parse operation setProperty: value is an object, not a string, a number or a boolean"},
		{"Position", `{"operation":"insertAdjacentText","selector":"#x","text":"","position":"inside"}`, `parse operation insertAdjacentText: position "inside" is unknown`},
		{"Permanent", `{"operation":"morph","selector":"#x","html":"<p></p>","permanentAttributeName":"data-reflex-permanent"}`, `parse operation morph: permanentAttributeName is not "data-live-permanent"`},
		{"PermanentElsewhere", `{"operation":"reload","permanentAttributeName":"data-live-permanent"}`, "parse operation reload: permanentAttributeName does not fit this operation"},
		{"Handler", `{"operation":"setAttribute","selector":"#x","name":"onclick","value":"a"}`, `parse operation setAttribute: name "onclick": the page runs no inline handlers, use data-live`},
		{"Control", "{\"operation\":\"re\nload\"}", "parse operation: invalid JSON: control character in a string at byte 16"},
		{"Escape", `{"operation":"\x"}`, "parse operation: invalid JSON: unknown escape at byte 16"},
		{"Hex", `{"operation":"\u12g4"}`, "parse operation: invalid JSON: expected four hex digits at byte 16"},
		{"Unfinished", `{"operation":"reload`, "parse operation: invalid JSON: unfinished string at byte 20"},
		{"Comma", `{"operation":"reload",}`, "parse operation: invalid JSON: expected a key at byte 22"},
		{"LeadingZero", `{"operation":"reload","delay":01}`, "parse operation: invalid JSON: expected a comma or the end of the object at byte 31"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := dom.Parse([]byte(test.in))
			if err == nil || err.Error() != test.want {
				t.Errorf("Parse(%s) = %s, %v, want %s", test.in, got, err, test.want)
			}
			if got != (dom.Operation{}) {
				t.Errorf("Parse(%s) returned %s with its error, want no operation", test.in, got)
			}
		})
	}
}

// FuzzParse asks that whatever Parse takes is JSON, is written again as the same
// operation, and may be put in a message; and that [dom.Raw] takes exactly the
// objects and arrays that encoding/json takes, with the same content.
func FuzzParse(f *testing.F) {
	for _, op := range every() {
		f.Add(string(op.AppendJSON(nil)))
	}
	for _, s := range []string{`{"a":[1,-0,0.5e+7,1E9,"\u00e9\ud83c\udf88\ud800x",true,false,null,{}]}`, `[01]`, `[1.]`, `[-]`, `{"a" 1}`, "[\"\xff\"]", `[1 2]`, `[tru]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if op, err := dom.Parse([]byte(in)); err == nil {
			if !json.Valid([]byte(in)) {
				t.Fatalf("Parse took %q, which is not JSON", in)
			}
			out := op.AppendJSON(nil)
			if again, err := dom.Parse(out); err != nil || again != op {
				t.Fatalf("Parse(%s) = %+v, %v, want %+v", out, again, err, op)
			}
			if msg, err := dom.Message(op); err != nil || !json.Valid(msg) {
				t.Fatalf("Message(%+v) = %s, %v", op, msg, err)
			}
		}

		var want any
		jsonErr := json.Unmarshal([]byte(in), &want)
		switch want.(type) {
		case map[string]any, []any:
		default:
			return
		}
		op := dom.ConsoleTable(dom.Raw(in))
		if op.Err() != nil {
			if jsonErr == nil && !deep(want, 99) {
				t.Fatalf("Raw(%q): %v, but it is JSON", in, op.Err())
			}
			return
		}
		if jsonErr != nil {
			t.Fatalf("Raw took %q: %v", in, jsonErr)
		}
		var got struct{ Data any }
		if err := json.Unmarshal(op.AppendJSON(nil), &got); err != nil {
			t.Fatal(err)
		}
		if g, w := encode(t, got.Data), encode(t, want); g != w {
			t.Fatalf("Raw(%q) became %s, want %s", in, g, w)
		}
	})
}

// deep reports whether v is nested more than n deep.
func deep(v any, n int) bool {
	if n == 0 {
		return true
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if deep(e, n-1) {
				return true
			}
		}
	case map[string]any:
		for _, e := range v {
			if deep(e, n-1) {
				return true
			}
		}
	}
	return false
}

// A constructor finds the same as Parse does, although each looks by itself.
func TestParse_SameFaults(t *testing.T) {
	for _, op := range []dom.Operation{
		dom.SetAttribute("#x", "onclick", "a"), dom.RemoveAttribute("#x", "a>"), dom.SetDatasetProperty("#x", "A", ""),
		dom.SetProperty("#x", "href", "javascript:a"), dom.SetStyle("#x", "--hue", "a"), dom.SetMeta("a'b", "c"),
		dom.SetStyles("#x", []dom.Style{{"--a", "b"}}), dom.AddCSSClass("#x", []string{"a b"}),
		dom.RemoveCSSClass("#x", []string{"a b"}), dom.PushState("data:a"), dom.ReplaceState("data:a"),
		dom.RedirectTo("data:a"), dom.Go(0), dom.Morph("#x", "a"),
	} {
		fault := op.Err()
		if fault == nil {
			t.Errorf("%s is not faulty", op.AppendJSON(nil))
			continue
		}
		if _, err := dom.Parse(op.AppendJSON(nil)); err == nil || err.Error() != "parse "+fault.Error() {
			t.Errorf("Parse(%s) = %v, want %q", op.AppendJSON(nil), err, "parse "+fault.Error())
		}
	}
}
