package markup

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// maxDepth is how deeply elements may be nested. Browsers and x/net/html stop
// nesting at 512, of which the page around the fragment needs some.
const maxDepth = 100

// Check returns what is wrong with a fragment, or nil:
//
//	fragment "hello-list": element <li> is not closed
//
// The fragment is one element whose id is id, with nothing but white space
// around it. In it
//
//   - every element is closed in its order; <br>, <img> and the other void
//     elements have no end tag, and <path/> is a form for elements in <svg> only;
//   - elements stand where the HTML parser leaves them: an <li> in a list, a <td>
//     in a row, no <div> in a <p>, no link in a link, nothing between the parts
//     of a table;
//   - every id is feature, or starts with feature and a hyphen, holds no spaces
//     and no ASCII punctuation but - and _, and comes once;
//   - attributes are separated by spaces, come once, and are not style, srcdoc,
//     data-live-rev (the host's) or one that starts with "on";
//   - href, src, action, formaction and xlink:href hold no javascript:, vbscript:
//     or data: address;
//   - only elements that show something or take input are used: no script,
//     style, iframe, object, embed, base, meta, link or template, whose content
//     no page would find, no custom elements, since no feature can define one,
//     and in <svg> no foreignObject, animate or set;
//   - the text is UTF-8 without NUL.
//
// The size is the caller's to check. Check may be called at once from several
// goroutines.
func Check(feature, id, html string) error {
	if !belongs(feature, id) {
		return fmt.Errorf("fragment %q: id does not start with %q", id, feature+"-")
	}
	c := checker{feature: feature, id: id, html: html}
	if err := c.run(); err != nil {
		return fmt.Errorf("fragment %q: %w", id, err)
	}
	return nil
}

// belongs reports whether id is the feature's.
func belongs(feature, id string) bool {
	rest, ok := strings.CutPrefix(id, feature+"-")
	return ok && feature != "" && rest != ""
}

// checker is one pass over one fragment.
type checker struct {
	feature, id, html string

	pos    int     // where the present token starts in html
	open   []frame // the open elements, the root first
	rooted bool    // the root was opened
	ids    []string
}

// frame is an open element.
type frame struct {
	rule    *rule
	foreign bool // <svg> or in it
	above   mark // what is open here and above
}

func (c *checker) run() error {
	switch {
	case c.html == "":
		return errors.New("html is empty")
	case !utf8.ValidString(c.html):
		return errors.New("html is not UTF-8")
	case strings.IndexByte(c.html, 0) >= 0:
		return errors.New("html holds a NUL")
	}
	var frames [32]frame
	var ids [32]string
	c.open, c.ids = frames[:0], ids[:0]

	z := html.NewTokenizer(strings.NewReader(c.html))
	for {
		t := z.Next()
		if t == html.ErrorToken {
			break
		}
		if err := c.token(z, t); err != nil {
			return err
		}
		c.pos += len(z.Raw())
	}
	switch {
	case c.pos != len(c.html): // the tokenizer drops a tag that the end cuts
		return errors.New("html ends inside a tag")
	case len(c.open) > 0:
		return notClosed(c.open[len(c.open)-1])
	case !c.rooted:
		return errors.New("html has no element")
	}
	return c.repeated()
}

func (c *checker) token(z *html.Tokenizer, t html.TokenType) error {
	var buf [32]byte
	switch raw := c.html[c.pos : c.pos+len(z.Raw())]; t {
	case html.TextToken:
		return c.text(raw)
	case html.CommentToken:
		return c.comment(raw)
	case html.StartTagToken, html.SelfClosingTagToken:
		name, rest := tagName(buf[:0], raw[len("<"):])
		f, err := c.start(name)
		if err != nil {
			return err
		}
		if f.foreign {
			z.NextIsNotRawText() // <title> in <svg> is an element like others
		}
		root := !c.rooted
		c.rooted = true
		if err := c.attributes(rest, f.rule.name, root); err != nil {
			return err
		}
		switch {
		case f.rule.void && !f.foreign, f.foreign && t == html.SelfClosingTagToken:
			return nil
		case t == html.SelfClosingTagToken:
			return fmt.Errorf("element <%s/> is not closed: only elements in <svg> close themselves", f.rule.name)
		case len(c.open) == maxDepth:
			return fmt.Errorf("elements are nested more than %d deep", maxDepth)
		}
		c.open = append(c.open, f)
		return nil
	case html.EndTagToken:
		name, rest := tagName(buf[:0], raw[len("</"):])
		if trimSpace(rest) != ">" {
			return fmt.Errorf("end tag </%s> has attributes", string(name))
		}
		return c.end(name)
	}
	return errors.New("html has a doctype")
}

// tagName appends the name at the start of a tag to dst, in lower case, and
// returns what follows it. The tokenizer's TagName copies.
func tagName(dst []byte, raw string) (name []byte, rest string) {
	end := 0 // a tag ends with ">"
	for raw[end] != '>' && raw[end] != '/' && !isSpace(raw[end]) {
		end++
	}
	return lower(dst, raw[:end]), raw[end:]
}

func (c *checker) text(raw string) error {
	if trimSpace(raw) == "" {
		return nil
	}
	if len(c.open) == 0 {
		return errors.New("text stands outside the root element")
	}
	if r := c.open[len(c.open)-1].rule; r.strict {
		return fmt.Errorf("text may not stand in <%s>", r.name)
	}
	return nil
}

// comment takes only comments that every parser ends at the same place.
func (c *checker) comment(raw string) error {
	if len(c.open) == 0 {
		return errors.New("a comment stands outside the root element")
	}
	inner, ok := strings.CutPrefix(raw, "<!--")
	if ok {
		inner, ok = strings.CutSuffix(inner, "-->")
	}
	if !ok || strings.Contains(inner, "--") || strings.HasPrefix(inner, ">") || strings.HasPrefix(inner, "->") || strings.HasSuffix(inner, "-") {
		return fmt.Errorf("%.20q is not a comment in the form <!-- text -->", raw)
	}
	return nil
}

// start returns the element that a start tag opens, if it may stand here.
func (c *checker) start(name []byte) (frame, error) {
	var f frame
	if len(c.open) == 0 {
		if c.rooted {
			return f, fmt.Errorf("element <%s> is a second root", string(name))
		}
		r := htmlRules[string(name)]
		switch {
		case r == nil:
			return f, notAllowed(name)
		case r.void || len(r.in) > 0 && !r.root:
			return f, fmt.Errorf("element <%s> may not be the root", string(name))
		}
		return opened(r, frame{}), nil
	}
	parent := c.open[len(c.open)-1]
	rules := htmlRules
	if parent.foreign {
		rules = svgRules
	}
	r := rules[string(name)]
	switch {
	case r == nil && parent.foreign:
		return f, fmt.Errorf("element <%s> is not allowed in <svg>", string(name))
	case r == nil:
		return f, notAllowed(name)
	case parent.rule.textOnly, parent.rule.strict && len(r.in) == 0, len(r.in) > 0 && !c.fits(r):
		return f, fmt.Errorf("element <%s> may not stand in <%s>", string(name), parent.rule.name)
	case r.block && parent.above&inP != 0:
		return f, fmt.Errorf("element <%s> may not stand inside <p>", string(name))
	case r.unique&parent.above != 0:
		return f, fmt.Errorf("element <%s> may not stand inside another of its kind", string(name))
	}
	return opened(r, parent), nil
}

// fits reports whether an element that is bound to certain parents may stand in
// the innermost open one.
func (c *checker) fits(r *rule) bool {
	n := len(c.open)
	if slices.Contains(r.in, c.open[n-1].rule.name) {
		return true
	}
	// <dt> and <dd> may be grouped by a <div>.
	return r.in[0] == "dl" && c.open[n-1].rule.name == "div" && (n == 1 || c.open[n-2].rule.name == "dl")
}

func opened(r *rule, parent frame) frame {
	f := frame{rule: r, foreign: parent.foreign || r.name == "svg", above: parent.above | r.unique}
	if r.scope {
		f.above &^= inP
	}
	return f
}

func (c *checker) end(name []byte) error {
	n := len(c.open)
	if n > 0 && c.open[n-1].rule.name == string(name) {
		c.open = c.open[:n-1]
		return nil
	}
	for _, f := range c.open {
		if f.rule.name == string(name) {
			return notClosed(c.open[n-1])
		}
	}
	return fmt.Errorf("end tag </%s> has no start tag", string(name))
}

// repeated returns the first id that comes twice.
func (c *checker) repeated() error {
	slices.Sort(c.ids)
	for i := 1; i < len(c.ids); i++ {
		if c.ids[i] == c.ids[i-1] {
			return fmt.Errorf("id %q comes twice", c.ids[i])
		}
	}
	return nil
}

func notClosed(f frame) error { return fmt.Errorf("element <%s> is not closed", f.rule.name) }

func notAllowed(name []byte) error { return fmt.Errorf("element <%s> is not allowed", string(name)) }
