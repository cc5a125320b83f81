package plugins_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/global-presence/presence/plugins"
)

func TestCSSBlockEnd(t *testing.T) {
	for _, tt := range blockEnds {
		if got := cssBlockEnd(tt.css); got != tt.want {
			t.Errorf("cssBlockEnd(%q) = %d, want %d", tt.css, got, tt.want)
		}
	}
}

func validStyle(style string) error {
	return plugins.Manifest{Name: "x", Title: "X", Style: style}.Validate()
}

// plainStyles are what authors write.
var plainStyles = []string{
	"",
	":scope { color: red }",
	"p { color: red; } p > a:hover::before { content: \"}\" } /* } */",
	"@media (min-width: 40em) { p { margin: 0 } @supports (display: grid) { p { display: grid } } }",
	"p { content: '\\'}' } .b { x: \"\\\"}\" }",
	"p { background: url(\"/assets/x.svg\") } p { background: url( 'x' ) }",
	"p { width: calc(1px + (2px * 3)); grid-template: [a] 1fr [b] / auto }",
	"/* one */ /**/ /***/ p { --x: 1 }",
	".colour-1 { color: #0a1016; transition: all .2s ease-in-out }",
}

// hardStyles each try to end the scope early or to swallow its end. A host must
// refuse them or be right that they do not.
var hardStyles = []string{
	"} body { display: none",
	"}",
	"{",
	"a { } } b { {",
	"a { /* }",
	"/*/ } /* */",
	"a { content: \" }",
	"a { content: \"\n}",
	"</style>",
	"a { content: \"</script>\" }",
	"a{b:\"\\",
	"\\",
	"a{}\\",
	"a{b:\"\r}}body{display:none}@media all{c{d:\"}",
	"a{b:'\f}}body{display:none}@media all{c{d:'}",
	"a{b:\"\\\r\n\"}",
	"a{b:url({)}}body{display:none}",
	"a{b:url(/*)}}body{display:none}@media all{c{d:*/e}",
	"a{b:URL(x\")}}body{display:none}c{d:\"}",
	"a{b:u\\72l({)}}body{display:none}",
	"a{b:\\75 RL({)}}body{display:none}",
	"a{b:url(x'y)}}body{display:none}c{d:'}",
	"a{b:url(}",
	"a{b:(}",
	"a{b:[}",
	"a{b:calc(1px}",
	"a:not({}",
	"@media (",
	"[",
	"a{b:url(\"x\"}",
	"a{}-->b{}<!--",
}

func TestManifest_Validate_Style(t *testing.T) {
	for _, style := range plainStyles {
		if err := validStyle(style); err != nil {
			t.Errorf("Validate() of the style %q = %v, want nil", style, err)
		}
	}
	for _, style := range []string{
		"</style>", "a{}</", "a{", "}", "a{/*}", "a{b:'}", "a}b{",
		"@keyframes a{}", "@font-face{}", "@property --a{}", "@import 'a';", "@LAYER a{}", "@", "@media-x{}", "@-webkit-keyframes a{}",
	} {
		if validStyle(style) == nil {
			t.Errorf("Validate() of the style %q = nil, want an error", style)
		}
	}
}

// A style that is accepted ends where the host ends it: it neither leaves its scope
// nor takes the features after it into its own.
func checkStyle(t rapid.TB, style string) {
	t.Helper()
	if validStyle(style) != nil {
		return
	}
	sheet, want := wrapped(style)
	if got := cssBlockEnd(sheet); got != want {
		t.Errorf("style %q is accepted, but its scope ends at %d, want %d of %q", style, got, want, sheet)
	}
	if strings.Contains(style, "</") {
		t.Errorf("style %q is accepted with an end tag", style)
	}
}

func TestManifest_Validate_StyleKeepsScope(t *testing.T) {
	for _, style := range append(plainStyles, hardStyles...) {
		checkStyle(t, style)
	}
}

func TestManifest_Validate_StyleOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkStyle(t, strings.Join(rapid.SliceOfN(rapid.SampledFrom(spellings), 0, 20).Draw(t, "style"), ""))
	})
}

func FuzzManifest_Validate_Style(f *testing.F) {
	for _, style := range append(plainStyles, hardStyles...) {
		f.Add(style)
	}
	f.Fuzz(func(t *testing.T, style string) { checkStyle(t, style) })
}
