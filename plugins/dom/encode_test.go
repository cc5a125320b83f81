package dom_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/plugins/dom"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestOperation_AppendJSON(t *testing.T) {
	var got []byte
	for _, op := range every() {
		if err := op.Err(); err != nil {
			t.Errorf("Err() of %s = %v, want nil", op, err)
		}
		got = append(op.AppendJSON(got), '\n')
	}
	file := filepath.Join("testdata", "operations.golden.json")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("operations differ from %s (-want +got):\n%s", file, diff)
	}
}

func TestOperation_Name(t *testing.T) {
	for _, set := range [][]dom.Operation{full("x"), bare()} {
		got := make([]string, 0, len(set))
		for _, op := range set {
			if !slices.Contains(got, op.Name()) {
				got = append(got, op.Name())
			}
		}
		if diff := cmp.Diff(names, got); diff != "" {
			t.Errorf("operations differ from the client's (-want +got):\n%s", diff)
		}
	}
	if got := len(names); got != 37 {
		t.Errorf("the client has %d operations, want 37", got)
	}
}

func TestOperation_MarshalJSON(t *testing.T) {
	t.Run("OK", func(t *testing.T) {
		for _, op := range every() {
			var got bytes.Buffer
			e := json.NewEncoder(&got)
			e.SetEscapeHTML(false)
			if err := e.Encode(op); err != nil {
				t.Fatalf("Encode(%s): %v", op, err)
			}
			if want := string(op.AppendJSON(nil)) + "\n"; got.String() != want {
				t.Errorf("Encode(%s) = %s, want %s", op, got.String(), want)
			}
		}
	})
	t.Run("Fault", func(t *testing.T) {
		for _, op := range []dom.Operation{{}, dom.Remove("")} {
			if got, err := json.Marshal(op); err == nil {
				t.Errorf("Marshal(%s) = %s, want an error", op, got)
			}
		}
	})
}

func TestMessage(t *testing.T) {
	t.Run("OK", func(t *testing.T) {
		got, err := dom.Message(dom.InnerHTML("#a", "<b>&</b>"), dom.Remove("#b"))
		if err != nil {
			t.Fatal(err)
		}
		want := `{"cableReady":true,"version":"5.0.6","operations":[` +
			`{"operation":"innerHtml","selector":"#a","html":"<b>&</b>"},{"operation":"remove","selector":"#b"}]}`
		if string(got) != want {
			t.Errorf("Message = %s, want %s", got, want)
		}
	})
	t.Run("None", func(t *testing.T) {
		got, err := dom.Message()
		if want := `{"cableReady":true,"version":"5.0.6","operations":[]}`; err != nil || string(got) != want {
			t.Errorf("Message() = %s, %v, want %s", got, err, want)
		}
	})
	t.Run("Fault", func(t *testing.T) {
		got, err := dom.AppendMessage([]byte("frame"), dom.Remove("#a"), dom.SetStyle("#a", "--hue", "3"))
		want := `build message: 2 of 2: operation setStyle: name "--hue": custom properties have no effect, use a class`
		if err == nil || err.Error() != want {
			t.Errorf("AppendMessage: %v, want %s", err, want)
		}
		if string(got) != "frame" {
			t.Errorf("AppendMessage with a fault = %q, want what it was given", got)
		}
	})
	t.Run("Append", func(t *testing.T) {
		got, err := dom.AppendMessage([]byte(`{"message":`), dom.Reload())
		if want := `{"message":{"cableReady":true,"version":"5.0.6","operations":[{"operation":"reload"}]}`; err != nil || string(got) != want {
			t.Errorf("AppendMessage = %s, %v, want %s", got, err, want)
		}
	})
}

// FuzzOperation asks that any text in any parameter leaves as one JSON value
// that says the same, written as encoding/json writes it.
func FuzzOperation(f *testing.F) {
	for _, s := range []string{
		"", "x", `"`, `\`, "\x00\x1f\b\f\n\r\t\x7f", "</script><!-- & -->", "\u2028\u2029", "é世🎈", "\xff", "a\xc3", "\xed\xa0\x80", "__proto__",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want := plain(t, s)
		for _, op := range full(s) {
			got := op.AppendJSON(nil)
			var m map[string]any
			if err := json.Unmarshal(got, &m); err != nil {
				t.Fatalf("%s with %q is not JSON: %v\n%s", op.Name(), s, err, got)
			}
			if reencoded := encode(t, json.RawMessage(got)); reencoded != string(got) {
				t.Fatalf("%s is written as %s, by encoding/json as %s", op.Name(), got, reencoded)
			}
			for key, v := range m {
				switch v := v.(type) {
				case string:
					switch key {
					case "html":
						if v != "<b>"+want+"</b>" {
							t.Errorf("%s: html = %q, want it to hold %q", op.Name(), v, want)
						}
					case "selector", "parent", "text", "value", "message", "cookie", "url", "title", "key", "content":
						if v != want {
							t.Errorf("%s: %s = %q, want %q", op.Name(), key, v, want)
						}
					}
				case map[string]any:
					if got, ok := v[want]; !ok || key != "styles" && want != "n" && want != "t" && want != "f" && want != "in" && want != "none" && got != want {
						t.Errorf("%s: %s = %v, want %q in it", op.Name(), key, v, want)
					}
				case []any:
					if v[0] != want {
						t.Errorf("%s: %s = %v, want %q first", op.Name(), key, v, want)
					}
				}
			}
			if op.Err() != nil || s != want {
				continue
			}
			if back, err := dom.Parse(got); err != nil || back != op {
				t.Errorf("Parse(%s) = %+v, %v, want %+v", got, back, err, op)
			}
		}
	})
}

// plain returns s as encoding/json carries it.
func plain(tb testing.TB, s string) string {
	tb.Helper()
	var out string
	if err := json.Unmarshal([]byte(encode(tb, s)), &out); err != nil {
		tb.Fatal(err)
	}
	return out
}

func encode(tb testing.TB, v any) string {
	tb.Helper()
	if raw, ok := v.(json.RawMessage); ok { // strings again, object order kept
		return reencode(tb, raw)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// reencode writes raw again, token by token.
func reencode(tb testing.TB, raw []byte) string {
	tb.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var b strings.Builder
	var write func()
	write = func() {
		tok, err := d.Token()
		if err != nil {
			tb.Fatal(err)
		}
		delim, ok := tok.(json.Delim)
		if !ok {
			b.WriteString(encode(tb, tok))
			return
		}
		b.WriteString(delim.String())
		for i := 0; d.More(); i++ {
			if i > 0 {
				b.WriteByte(',')
			}
			if delim == '{' {
				write()
				b.WriteByte(':')
			}
			write()
		}
		end, err := d.Token()
		if err != nil {
			tb.Fatal(err)
		}
		b.WriteString(end.(json.Delim).String())
	}
	write()
	return b.String()
}

func BenchmarkAppendMessage(b *testing.B) {
	row := `<li id="hello-mdqk3x9f-0-0-lhr"><b>User #k7qf2</b> says "hi" &amp; waves</li>`
	list := "<ul>" + strings.Repeat(row, 100) + "</ul>"
	cases := map[string]func() dom.Operation{
		"setProperty":  func() dom.Operation { return dom.SetProperty("#counter-total", "textContent", "12345") },
		"setBool":      func() dom.Operation { return dom.SetProperty("#lightbulb-switch", "checked", true) },
		"setAttribute": func() dom.Operation { return dom.SetAttribute("#counter", "data-live-rev", "3f9c") },
		"morph":        func() dom.Operation { return dom.Morph("#hello", row) },
		"morph8k":      func() dom.Operation { return dom.Morph("#hello", list) },
		"prependAll":   func() dom.Operation { return dom.Prepend(".rows", row, dom.All()) },
		"ack": func() dom.Operation {
			return dom.DispatchEvent("", "live:ack", dom.Object(dom.Text("id", "0123456789abcdef01234567"),
				dom.Text("status", "busy"), dom.Int("retryAfter", 500)))
		},
	}
	for _, name := range []string{"setProperty", "setBool", "setAttribute", "morph", "morph8k", "prependAll", "ack"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			var err error
			for b.Loop() {
				if dst, err = dom.AppendMessage(dst[:0], cases[name]()); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(dst)))
		})
	}
}
