package markup

// rule says where an element may stand and what it may hold. The rules are those
// of the HTML parser where it would change the nesting, and stricter where that
// is simpler.
//
// Source: https://html.spec.whatwg.org/multipage/parsing.html#tree-construction.
type rule struct {
	name string

	void     bool // has no end tag
	block    bool // its start tag ends an open <p>
	scope    bool // a <p> outside it is not ended from inside
	strict   bool // holds only elements that name it in their in, and no text
	textOnly bool // holds text and no elements

	in   []string // the elements it may stand in directly; none: any that is not strict
	root bool     // may be the root in spite of in

	unique mark // an element that cannot stand in another of the same mark
}

// mark says that an element is open, anywhere above.
type mark uint8

const (
	inP mark = 1 << iota
	inLink
	inButton
	inForm
	inHeading
)

var (
	htmlRules = table(
		// Blocks: they end an open <p>.
		rule{block: true}, "address", "article", "aside", "blockquote", "details", "dialog", "div", "dl", "fieldset",
		"figcaption", "figure", "footer", "header", "hgroup", "main", "menu", "nav", "ol", "pre", "search", "section",
		"summary", "ul",
		rule{block: true, unique: inP}, "p",
		rule{block: true, unique: inHeading}, "h1", "h2", "h3", "h4", "h5", "h6",
		rule{block: true, unique: inForm}, "form",
		rule{block: true, void: true}, "hr",

		// Items.
		rule{block: true, root: true, in: []string{"ul", "ol", "menu"}}, "li",
		rule{block: true, root: true, in: []string{"dl"}}, "dt", "dd",

		// Text and what is among it.
		rule{}, "abbr", "audio", "b", "bdi", "bdo", "canvas", "cite", "code", "data", "datalist", "del", "dfn", "em", "i",
		"ins", "kbd", "label", "legend", "map", "mark", "meter", "output", "picture", "progress", "q", "ruby", "s", "samp",
		"small", "span", "strong", "sub", "sup", "svg", "time", "u", "var", "video",
		rule{void: true}, "area", "br", "img", "input", "source", "track", "wbr",
		rule{unique: inLink}, "a",
		rule{unique: inButton, scope: true}, "button",
		rule{textOnly: true}, "textarea",
		rule{in: []string{"ruby"}}, "rt", "rp",

		// The host's own, which package element writes: inert but for its script.
		rule{}, "live-board", "live-burst", "live-cursors", "live-globe",

		// Choices.
		rule{strict: true}, "select",
		rule{strict: true, root: true, in: []string{"select"}}, "optgroup",
		rule{textOnly: true, root: true, in: []string{"select", "optgroup", "datalist"}}, "option",

		// Tables. Anything else directly in one would be moved out of it.
		rule{block: true, strict: true, scope: true}, "table",
		rule{scope: true, in: []string{"table"}}, "caption",
		rule{strict: true, in: []string{"table"}}, "colgroup", "thead", "tbody", "tfoot",
		rule{void: true, in: []string{"colgroup"}}, "col",
		rule{strict: true, in: []string{"table", "thead", "tbody", "tfoot"}}, "tr",
		rule{scope: true, in: []string{"tr"}}, "td", "th",
	)

	// svgRules are the elements inside <svg>, as the tokenizer spells them. Left
	// out are what holds HTML (foreignObject), what runs or styles (script,
	// style), and what could change an address after the check (animate, set).
	svgRules = table(
		rule{}, "a", "animatemotion", "animatetransform", "circle", "clippath", "defs", "ellipse", "feblend",
		"fecolormatrix", "fecomponenttransfer", "fecomposite", "feconvolvematrix", "fediffuselighting",
		"fedisplacementmap", "fedistantlight", "fedropshadow", "feflood", "fefunca", "fefuncb", "fefuncg", "fefuncr",
		"fegaussianblur", "feimage", "femerge", "femergenode", "femorphology", "feoffset", "fepointlight",
		"fespecularlighting", "fespotlight", "fetile", "feturbulence", "filter", "g", "image", "line", "lineargradient",
		"marker", "mask", "mpath", "path", "pattern", "polygon", "polyline", "radialgradient", "rect", "stop", "svg",
		"switch", "symbol", "text", "textpath", "tspan", "use",
		rule{textOnly: true}, "desc", "title",
	)
)

// table makes a table of rules: each rule is for the names that follow it.
func table(rows ...any) map[string]*rule {
	t := make(map[string]*rule)
	var r rule
	for _, row := range rows {
		switch row := row.(type) {
		case rule:
			r = row
		case string:
			one := r
			one.name = row
			t[row] = &one
		}
	}
	return t
}
