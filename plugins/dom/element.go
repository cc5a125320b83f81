package dom

// Append inserts html after the last child of the element. Nothing removes what
// is there already: to be safe when it arrives twice, send a [Remove] of the new
// element's id before it.
func Append(selector, html string, opts ...Option) Operation {
	return build(kindAppend, selector, html, "", opts)
}

// Prepend inserts html before the first child of the element. See [Append] for
// what arrives twice.
func Prepend(selector, html string, opts ...Option) Operation {
	return build(kindPrepend, selector, html, "", opts)
}

// InsertAdjacentHTML inserts html beside or inside the element.
func InsertAdjacentHTML(selector string, at Position, html string, opts ...Option) Operation {
	return insertAdjacent(kindInsertAdjacentHTML, selector, at, html, opts)
}

// InsertAdjacentText inserts text, which is not HTML, beside or inside the
// element.
func InsertAdjacentText(selector string, at Position, text string, opts ...Option) Operation {
	return insertAdjacent(kindInsertAdjacentText, selector, at, text, opts)
}

func insertAdjacent(k kind, selector string, at Position, content string, opts []Option) Operation {
	o := Operation{kind: k, selector: selector, args: [3]string{content}}
	o.fail(o.setChoice("position", node{typ: jsonString, text: string(at)}))
	return o.with(opts)
}

// InnerHTML replaces what is inside the element. If that holds the focus, it is
// lost; [MorphChildren] keeps it.
func InnerHTML(selector, html string, opts ...Option) Operation {
	return build(kindInnerHTML, selector, html, "", opts)
}

// OuterHTML replaces the element by html, which may have several roots. If the
// element holds the focus, it is lost; [Morph] keeps it.
func OuterHTML(selector, html string, opts ...Option) Operation {
	return build(kindOuterHTML, selector, html, "", opts)
}

// Replace does what [OuterHTML] does, under CableReady's other name for it.
func Replace(selector, html string, opts ...Option) Operation {
	return build(kindReplace, selector, html, "", opts)
}

// TextContent replaces what is inside the element by text, which is not HTML.
// With many small ones in a message, [SetProperty] of "textContent" is faster:
// it does not look after the focus each time.
func TextContent(selector, text string, opts ...Option) Operation {
	return build(kindTextContent, selector, text, "", opts)
}

// Remove removes the element.
func Remove(selector string, opts ...Option) Operation {
	return build(kindRemove, selector, "", "", opts)
}

// Graft moves the element to the end of the first match of parent, a CSS
// selector even with [XPath]. Without a match nothing happens.
func Graft(selector, parent string, opts ...Option) Operation {
	return build(kindGraft, selector, parent, "", opts)
}

// Morph changes the element into the one root element of html, touching only
// what differs, and keeps the focus and what is being typed. html has no text or
// comment before the root; further roots would be lost.
func Morph(selector, html string, opts ...Option) Operation {
	return build(kindMorph, selector, html, "", opts).checked(morphFault(html))
}

// MorphChildren changes what is inside the element into html, which is any
// number of nodes and does not hold the element itself. The attributes of the
// element stay as they are.
func MorphChildren(selector, html string, opts ...Option) Operation {
	o := Operation{kind: kindMorph, flags: flagChildren, selector: selector, args: [3]string{html}}
	return o.with(opts)
}
