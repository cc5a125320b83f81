package markup_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/global-presence/presence/plugins/markup"
)

// accepted are fragments of the feature "hello" that are fine.
var accepted = []struct{ name, id, html string }{
	{"Output", "hello-a", `<output id="hello-a">3</output>`},
	{"Spaces", "hello-a", "\n\t <p id=hello-a class='x y' hidden data-n=3>a &amp; b</p> \r\n"},
	{"Case", "hello-a", `<DIV ID=hello-a><Br></dIV>`},
	{"Void", "hello-a", `<p id="hello-a">a<br>b<br/>c<img src="/a.png" alt=""><input name=q value="javascript:"><wbr></p>`},
	{"Nested", "hello-a", `<section id="hello-a"><h2>a</h2><div><p>b <b><i>c</i></b></p><hr></div><ul id="hello-list"><li id="hello-1">x<ul><li>y</li></ul></li></ul></section>`},
	{"Comment", "hello-a", `<p id="hello-a">a<!-- b --><!----></p>`},
	{"Form", "hello-a", `<form id="hello-a" method="post" action="/rooms/home/hello/say" data-live="submit->hello#say"><label for="hello-t">a</label><textarea id="hello-t"></b>&lt;</textarea><select name="c"><optgroup label="x"><option value="1" selected>1</option></optgroup> <option>2</option></select><button type="submit">b</button></form>`},
	{"Table", "hello-a", `<table id="hello-a"><caption>a</caption><colgroup><col><col span=2></colgroup> <thead><tr><th>b</th></tr></thead><tr><td><p>c</p><table><tr><td>d</td></tr></table></td></tr><tbody></tbody></table>`},
	{"ButtonInP", "hello-a", `<p id="hello-a"><button>a<span>b</span></button></p>`},
	{"ItemRoot", "hello-1", `<li id="hello-1">a</li>`},
	{"TermRoot", "hello-1", `<dt id="hello-1">a</dt>`},
	{"OptionRoot", "hello-1", `<option id="hello-1">a</option>`},
	{"Terms", "hello-a", `<dl id="hello-a"><dt>a</dt><dd>b</dd><div><dt>c</dt><dd>d</dd></div></dl>`},
	{"Ruby", "hello-a", `<ruby id="hello-a">a<rp>(</rp><rt>b</rt><rp>)</rp></ruby>`},
	{"Formatting", "hello-a", `<b id="hello-a"><b><b><b><b>a</b></b></b></b>c</b>`},
	{"SVG", "hello-a", `<svg id="hello-a" viewBox="0 0 8 8" xmlns="http://www.w3.org/2000/svg"><title>a &lt; b</title><defs><linearGradient id="hello-g"><stop offset="0"/></linearGradient></defs><path d="M0 0"/><g><circle r=1 /><text>c<tspan>d</tspan></text></g><use xlink:href="#hello-g"/></svg>`},
	{"SVGInside", "hello-a", `<p id="hello-a">a<svg><a href="/b"><desc>x</desc><clipPath></clipPath></a></svg>b</p>`},
	{"EmptySVG", "hello-a", `<div id="hello-a"><svg/>a</div>`},
	{"Links", "hello-a", `<p id="hello-a"><a href="/data:">a</a><a href="?x=javascript:a">b</a><a href="java%0ascript:c">c</a></p>`},
	{"Permanent", "hello-a", `<div id="hello-a" data-live-permanent data-live-revision="1"></div>`},
	{"NonASCII", "hello-é", `<p id="hello-é">世🎈&nbsp;</p>`},
	{"Deep", "hello-a", `<div id="hello-a">` + strings.Repeat("<span>", 99) + strings.Repeat("</span>", 99) + `</div>`},
}

func TestCheck(t *testing.T) {
	for _, test := range accepted {
		t.Run(test.name, func(t *testing.T) {
			if err := markup.Check("hello", test.id, test.html); err != nil {
				t.Errorf("Check(%s): %v", test.html, err)
			}
		})
	}
}

// refused are fragments with the id hello-a, and what is wrong with them.
var refused = []struct{ name, html, want string }{
	{"Empty", ``, `html is empty`},
	{"White", " \n", `html has no element`},
	{"UTF8", "<p id=hello-a>\xff</p>", `html is not UTF-8`},
	{"NUL", "<p id=hello-a>\x00</p>", `html holds a NUL`},
	{"TextBefore", `a<p id=hello-a></p>`, `text stands outside the root element`},
	{"TextAfter", `<p id=hello-a></p>a`, `text stands outside the root element`},
	{"ReferenceAfter", `<p id=hello-a></p>&nbsp;`, `text stands outside the root element`},
	{"MarkBefore", "\ufeff<p id=hello-a></p>", `text stands outside the root element`},
	{"CommentBefore", `<!-- a --><p id=hello-a></p>`, `a comment stands outside the root element`},
	{"CommentAfter", `<p id=hello-a></p><!-- a -->`, `a comment stands outside the root element`},
	{"Doctype", `<!doctype html><p id=hello-a></p>`, `html has a doctype`},
	{"TwoRoots", `<p id=hello-a></p><p></p>`, `element <p> is a second root`},
	{"VoidRoot", `<br id=hello-a>`, `element <br> may not be the root`},
	{"RowRoot", `<tr id=hello-a></tr>`, `element <tr> may not be the root`},
	{"NoID", `<p></p>`, `the root element has no id`},
	{"InnerID", `<p><b id=hello-a></b></p>`, `the root element has no id`},
	{"OtherID", `<p id=hello-b></p>`, `the root element has the id "hello-b"`},
	{"ForeignID", `<p id=hello-a><b id=counter></b></p>`, `id "counter" does not start with "hello-"`},
	{"PrefixID", `<p id=hello-a><b id=helloworld></b></p>`, `id "helloworld" does not start with "hello-"`},
	{"EmptyID", `<p id=hello-a><b id></b></p>`, `id "" does not start with "hello-"`},
	{"SpaceID", `<p id=hello-a><b id="hello-b c"></b></p>`, `id "hello-b c" holds ' '`},
	{"DotID", `<p id=hello-a><b id="hello.b"></b></p>`, `id "hello.b" holds '.'`},
	{"ReferenceID", `<p id=hello-a><b id="hello-&#98;"></b></p>`, `id "hello-&#98;" holds '&'`},
	{"SameID", `<p id=hello-a><b id=hello-b></b><i id=hello-c></i><u id=hello-b></u></p>`, `id "hello-b" comes twice`},
	{"RootIDAgain", `<p id=hello-a><b id=hello-a></b></p>`, `id "hello-a" comes twice`},

	{"NotClosed", `<ul id=hello-a><li>a</ul>`, `element <li> is not closed`},
	{"RootNotClosed", `<ul id=hello-a><li>a</li>`, `element <ul> is not closed`},
	{"Crossed", `<p id=hello-a><b><i></b></i></p>`, `element <i> is not closed`},
	{"NotOpened", `<p id=hello-a></b></p>`, `end tag </b> has no start tag`},
	{"EndFirst", `</p><p id=hello-a></p>`, `end tag </p> has no start tag`},
	{"EndBr", `<p id=hello-a></br></p>`, `end tag </br> has no start tag`},
	{"EndNothing", `<p id=hello-a></></p>`, `"</>" is not a comment in the form <!-- text -->`},
	{"EndAttribute", `<p id=hello-a></p id=x>`, `end tag </p> has attributes`},
	{"SelfClosed", `<div id=hello-a><span/></div>`, `element <span/> is not closed: only elements in <svg> close themselves`},
	{"CutTag", `<p id=hello-a></p><b`, `html ends inside a tag`},
	{"CutEndTag", `<p id=hello-a></p`, `html ends inside a tag`},
	{"CutAttribute", `<p id="hello-a></p>`, `html ends inside a tag`},
	{"CutTextarea", `<textarea id=hello-a></p>`, `element <textarea> is not closed`},
	{"CutComment", `<p id=hello-a><!-- a </p>`, `"<!-- a </p>" is not a comment in the form <!-- text -->`},
	{"BangComment", `<p id=hello-a><!-- a --!></p>`, `"<!-- a --!>" is not a comment in the form <!-- text -->`},
	{"ShortComment", `<p id=hello-a><!--></p>`, `"<!-->" is not a comment in the form <!-- text -->`},
	{"ArrowComment", `<p id=hello-a><!--> a --></p>`, `"<!-->" is not a comment in the form <!-- text -->`},
	{"Instruction", `<p id=hello-a><?xml ?></p>`, `"<?xml ?>" is not a comment in the form <!-- text -->`},
	{"CDATA", `<svg id=hello-a><![CDATA[<script>]]></svg>`, `"<![CDATA[<script>" is not a comment in the form <!-- text -->`},
	{"TooDeep", `<div id=hello-a>` + strings.Repeat("<span>", 100) + strings.Repeat("</span>", 100) + `</div>`, `elements are nested more than 100 deep`},

	{"Script", `<p id=hello-a><script></script></p>`, `element <script> is not allowed`},
	{"ScriptRoot", `<SCRIPT id=hello-a></SCRIPT>`, `element <script> is not allowed`},
	{"Style", `<p id=hello-a><style></style></p>`, `element <style> is not allowed`},
	{"Iframe", `<p id=hello-a><iframe></iframe></p>`, `element <iframe> is not allowed`},
	{"Object", `<p id=hello-a><object></object></p>`, `element <object> is not allowed`},
	{"Embed", `<p id=hello-a><embed></p>`, `element <embed> is not allowed`},
	{"Base", `<p id=hello-a><base></p>`, `element <base> is not allowed`},
	{"Meta", `<p id=hello-a><meta></p>`, `element <meta> is not allowed`},
	{"Link", `<p id=hello-a><link></p>`, `element <link> is not allowed`},
	{"Template", `<p id=hello-a><template></template></p>`, `element <template> is not allowed`},
	{"Body", `<body id=hello-a></body>`, `element <body> is not allowed`},
	{"Noscript", `<p id=hello-a><noscript></noscript></p>`, `element <noscript> is not allowed`},
	{"Math", `<p id=hello-a><math></math></p>`, `element <math> is not allowed`},
	{"Custom", `<p id=hello-a><cable-ready-stream-from></cable-ready-stream-from></p>`, `element <cable-ready-stream-from> is not allowed`},
	{"SVGScript", `<svg id=hello-a><script/></svg>`, `element <script> is not allowed in <svg>`},
	{"SVGForeign", `<svg id=hello-a><foreignObject></foreignObject></svg>`, `element <foreignobject> is not allowed in <svg>`},
	{"SVGSet", `<svg id=hello-a><a><set attributeName=href to="javascript:a"/></a></svg>`, `element <set> is not allowed in <svg>`},
	{"SVGBreakout", `<svg id=hello-a><p></p></svg>`, `element <p> is not allowed in <svg>`},
	{"SVGTitle", `<svg id=hello-a><title><g></g></title></svg>`, `element <g> may not stand in <title>`},
	{"SVGOutside", `<div id=hello-a><path/></div>`, `element <path> is not allowed`},

	{"DivInP", `<p id=hello-a><b><div></div></b></p>`, `element <div> may not stand inside <p>`},
	{"PInP", `<p id=hello-a><p></p></p>`, `element <p> may not stand inside <p>`},
	{"TableInP", `<p id=hello-a><table></table></p>`, `element <table> may not stand inside <p>`},
	{"LinkInLink", `<a id=hello-a><b><a></a></b></a>`, `element <a> may not stand inside another of its kind`},
	{"ButtonInButton", `<button id=hello-a><button></button></button>`, `element <button> may not stand inside another of its kind`},
	{"FormInForm", `<form id=hello-a><div><form></form></div></form>`, `element <form> may not stand inside another of its kind`},
	{"HeadingInHeading", `<h1 id=hello-a><h2></h2></h1>`, `element <h2> may not stand inside another of its kind`},
	{"ItemInItem", `<li id=hello-a><li></li></li>`, `element <li> may not stand in <li>`},
	{"ItemInDiv", `<div id=hello-a><li></li></div>`, `element <li> may not stand in <div>`},
	{"TermInDiv", `<div id=hello-a><div><dt></dt></div></div>`, `element <dt> may not stand in <div>`},
	{"DivInTable", `<table id=hello-a><div></div></table>`, `element <div> may not stand in <table>`},
	{"TextInTable", `<table id=hello-a><tr>a</tr></table>`, `text may not stand in <tr>`},
	{"ReferenceInTable", `<table id=hello-a>&#32;</table>`, `text may not stand in <table>`},
	{"CellInTable", `<table id=hello-a><td></td></table>`, `element <td> may not stand in <table>`},
	{"RowInDiv", `<div id=hello-a><tr></tr></div>`, `element <tr> may not stand in <div>`},
	{"InputInSelect", `<select id=hello-a><input></select>`, `element <input> may not stand in <select>`},
	{"BoldInOption", `<select id=hello-a><option><b></b></option></select>`, `element <b> may not stand in <option>`},
	{"RtInP", `<p id=hello-a><rt></rt></p>`, `element <rt> may not stand in <p>`},

	{"Handler", `<p id=hello-a onclick="a()"></p>`, `attribute onclick of <p> is a handler: use data-live`},
	{"HandlerCase", `<p id=hello-a ONx></p>`, `attribute ONx of <p> is a handler: use data-live`},
	{"HandlerLong", `<p id=hello-a onabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz></p>`, `attribute onabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz of <p> is a handler: use data-live`},
	{"SVGHandler", `<svg id=hello-a><path onload=a() /></svg>`, `attribute onload of <path> is a handler: use data-live`},
	{"StyleAttribute", `<p id=hello-a STYLE="color:red"></p>`, `attribute style of <p> is refused by the page: use a class`},
	{"Srcdoc", `<p id=hello-a srcdoc="a"></p>`, `attribute srcdoc of <p> is not allowed`},
	{"Rev", `<p id=hello-a data-live-rev="1"></p>`, `attribute data-live-rev of <p> is the host's`},
	{"InnerRev", `<p id=hello-a><b Data-Live-Rev></b></p>`, `attribute data-live-rev of <b> is the host's`},
	{"ScriptHref", `<a id=hello-a href="javascript:a()">b</a>`, `attribute href of <a> is a script or data address`},
	{"ScriptCase", `<a id=hello-a HREF=JavaScript:a>b</a>`, `attribute HREF of <a> is a script or data address`},
	{"ScriptReference", `<a id=hello-a href="&#1; &#106ava&Tab;scr&#x0000a;ipt&colon;a()">b</a>`, `attribute href of <a> is a script or data address`},
	{"ScriptBreak", "<a id=hello-a href=' java\r\nscript:a()'>b</a>", `attribute href of <a> is a script or data address`},
	{"DataSrc", `<p id=hello-a><img src="data:image/svg+xml,a"></p>`, `attribute src of <img> is a script or data address`},
	{"ScriptAction", `<form id=hello-a action="javascript:a"></form>`, `attribute action of <form> is a script or data address`},
	{"ScriptFormaction", `<button id=hello-a formaction="javascript:a"></button>`, `attribute formaction of <button> is a script or data address`},
	{"ScriptXlink", `<svg id=hello-a><a xlink:href="javascript:a"/></svg>`, `attribute xlink:href of <a> is a script or data address`},
	{"AttributeTwice", `<p id=hello-a class=a CLASS=b></p>`, `attribute CLASS of <p> comes twice`},
	{"IDTwice", `<p id=hello-a id=hello-b></p>`, `attribute id of <p> comes twice`},
	{"AttributeName", `<p id=hello-a @click="a"></p>`, `attribute at "@click=\"a\"" of <p> has no valid name`},
	{"AttributeQuote", `<p id=hello-a a"b></p>`, `attribute at "a\"b" of <p> has no valid name`},
	{"AttributeSlash", `<p id=hello-a / b></p>`, `attribute at "/ b" of <p> has no valid name`},
	{"AttributeJoined", `<p id="hello-a"b="c"></p>`, `attributes of <p> are not separated by a space`},
	{"AttributeSlashed", `<p/id=hello-a></p>`, `attributes of <p> are not separated by a space`},
	{"AttributeNoValue", `<p id=hello-a b=></p>`, `attribute b of <p>: value is missing`},
	{"AttributeUnquoted", `<p id=hello-a b=c"d></p>`, `attribute b of <p>: value needs quotes`},
	{"AttributeMany", `<p id=hello-a` + manyAttributes(64) + `></p>`, `element <p> has more than 64 attributes`},
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " a%d", i)
	}
	return b.String()
}

func TestCheck_errors(t *testing.T) {
	for _, test := range refused {
		t.Run(test.name, func(t *testing.T) {
			err := markup.Check("hello", "hello-a", test.html)
			if want := `fragment "hello-a": ` + test.want; err == nil || err.Error() != want {
				t.Errorf("Check(%s) = %v, want %s", test.html, err, want)
			}
		})
	}
}

func TestCheck_foreignID(t *testing.T) {
	for _, test := range []struct{ feature, id string }{{"hello", "counter"}, {"hello", "hello"}, {"hello", "hello-"}, {"hello", "helloworld"}, {"hello", ""}, {"hello", "-hello"}, {"", ""}, {"", "-a"}} {
		html := `<p id="` + test.id + `"></p>`
		want := fmt.Sprintf("fragment %q: id does not start with %q", test.id, test.feature+"-")
		if err := markup.Check(test.feature, test.id, html); err == nil || err.Error() != want {
			t.Errorf("Check(%q, %q) = %v, want %s", test.feature, test.id, err, want)
		}
	}
}

func TestWithRev(t *testing.T) {
	for in, want := range map[string]string{
		`<output id="hello">3</output>`: `<output data-live-rev="3f9c" id="hello">3</output>`,
		"\n <p\nid=hello></p>\n":        "\n <p data-live-rev=\"3f9c\"\nid=hello></p>\n",
		`<svg id="hello"/>`:             `<svg data-live-rev="3f9c" id="hello"/>`,
	} {
		if got := markup.WithRev(in, "3f9c"); got != want {
			t.Errorf("WithRev(%q) = %q, want %q", in, got, want)
		}
	}
	if got, want := markup.WithRev(`<p id=hello></p>`, `"><b>`), `<p data-live-rev="&#34;&gt;&lt;b&gt;" id=hello></p>`; got != want {
		t.Errorf("WithRev with a quote = %q, want %q", got, want)
	}
}

func ExampleCheck() {
	fmt.Println(markup.Check("hello", "hello-list", `<ul id="hello-list"><li>hi</ul>`))
	fmt.Println(markup.Check("hello", "hello-list", `<ul id="hello-list"><li onclick="a()">hi</li></ul>`))
	fmt.Println(markup.Check("hello", "hello-list", `<ul id="hello-list"><li>hi</li></ul>`))
	// Output:
	// fragment "hello-list": element <li> is not closed
	// fragment "hello-list": attribute onclick of <li> is a handler: use data-live
	// <nil>
}

func ExampleWithRev() {
	fmt.Println(markup.WithRev(`<output id="counter-total">3</output>`, "3f9c"))
	// Output:
	// <output data-live-rev="3f9c" id="counter-total">3</output>
}

func BenchmarkCheck(b *testing.B) {
	row := `<li id="hello-row-%02d" class="message colour-3"><b>User #k7qf2</b> says <q>hi &amp; hello</q></li>`
	for _, size := range []struct {
		name string
		rows int
	}{{"100B", 1}, {"1kB", 10}, {"32kB", 330}} {
		var html strings.Builder
		html.WriteString(`<ul id="hello-list">`)
		for i := range size.rows {
			fmt.Fprintf(&html, row, i)
		}
		html.WriteString(`</ul>`)
		b.Run(size.name, func(b *testing.B) {
			fragment := html.String()
			b.SetBytes(int64(len(fragment)))
			b.ReportAllocs()
			for b.Loop() {
				if err := markup.Check("hello", "hello-list", fragment); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWithRev(b *testing.B) {
	fragment := `<ul id="hello-list">` + strings.Repeat(`<li>hi</li>`, 100) + `</ul>`
	b.ReportAllocs()
	for b.Loop() {
		markup.WithRev(fragment, "3f9c")
	}
}
