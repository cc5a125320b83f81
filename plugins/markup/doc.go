// Package markup checks the HTML of a fragment before it reaches a page, and
// puts the revision into it.
//
// [Check] accepts a subset of HTML that every browser reads in exactly one way.
// That is its promise: what it accepts becomes the elements that are written
// there, nested as they are written, wherever in a page's body it is inserted
// (where an <li>, <dt>, <dd> or <option> may be the root, in a list of its kind).
// An HTML parser never refuses anything; it closes, moves and drops elements
// until the rest fits. A fragment that needs this would show something else than
// it says, or leave its corner, and is refused with the reason.
//
// It refuses what could run code: scripts, handlers, addresses that are scripts,
// frames and plug-ins. It does not know which text came from a person: escaping
// is the work of templ or html/template.
//
// It reads the HTML once, with the tokenizer of golang.org/x/net/html, and
// builds no tree.
package markup
