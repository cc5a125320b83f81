package dom_test

import (
	"slices"
	"time"

	"github.com/global-presence/presence/plugins/dom"
)

// names are the operations of the client, in the order of its source.
//
// Source: cable_ready 5.0.6, javascript/operations.js.
var names = []string{
	"append", "graft", "innerHtml", "insertAdjacentHtml", "insertAdjacentText", "outerHtml", "prepend", "remove",
	"replace", "textContent",
	"addCssClass", "removeAttribute", "removeCssClass", "setAttribute", "setDatasetProperty", "setProperty",
	"setStyle", "setStyles", "setValue",
	"dispatchEvent", "setMeta", "setTitle",
	"clearStorage", "go", "pushState", "redirectTo", "reload", "removeStorageItem", "replaceState",
	"scrollIntoView", "setCookie", "setFocus", "setStorageItem",
	"consoleLog", "consoleTable", "notification",
	"morph",
}

// common fit every operation, onElement every one on elements, and moving those
// that insert, move or remove.
func common(more ...dom.Option) []dom.Option {
	return append(more, dom.Batch("b"), dom.Cancel(), dom.Delay(1500*time.Millisecond))
}

func onElement(more ...dom.Option) []dom.Option {
	return common(append(more, dom.All(), dom.XPath())...)
}

func moving() []dom.Option { return onElement(dom.Focus("#f")) }

// full returns every operation with all its options set, as made from s, which
// stands for any text.
func full(s string) []dom.Operation {
	h := "<b>" + s + "</b>"
	obj := dom.Object(dom.Text(s, s), dom.Int("n", -3), dom.Bool("t", true), dom.Bool("f", false),
		dom.Nested("in", dom.Raw(`[1.5e3, {"a": null}]`)), dom.Nested("none", dom.Value{}))
	history := func() []dom.Option { return common(dom.EntryTitle(s), dom.EntryState(obj)) }
	return []dom.Operation{
		dom.Append(s, h, moving()...),
		dom.Graft(s, s, moving()...),
		dom.InnerHTML(s, h, moving()...),
		dom.InsertAdjacentHTML(s, dom.BeforeBegin, h, moving()...),
		dom.InsertAdjacentText(s, dom.AfterEnd, s, moving()...),
		dom.OuterHTML(s, h, moving()...),
		dom.Prepend(s, h, moving()...),
		dom.Remove(s, moving()...),
		dom.Replace(s, h, moving()...),
		dom.TextContent(s, s, moving()...),
		dom.AddCSSClass(s, []string{s, "on"}, onElement()...),
		dom.RemoveAttribute(s, s, onElement()...),
		dom.RemoveCSSClass(s, []string{s, "on"}, onElement()...),
		dom.SetAttribute(s, s, s, onElement()...),
		dom.SetDatasetProperty(s, s, s, onElement()...),
		dom.SetProperty(s, s, s, onElement()...),
		dom.SetStyle(s, s, s, onElement()...),
		dom.SetStyles(s, []dom.Style{{"width", s}, {s, s}}, onElement()...),
		dom.SetValue(s, s, onElement()...),
		dom.DispatchEvent(s, s, obj, onElement()...),
		dom.SetMeta(s, s, common()...),
		dom.SetTitle(s, common()...),
		dom.ClearStorage(common(dom.Session())...),
		dom.Go(-1, common()...),
		dom.PushState(s, history()...),
		dom.RedirectTo(s, common(dom.ReplaceEntry(), dom.NoTurbo())...),
		dom.Reload(common()...),
		dom.RemoveStorageItem(s, common(dom.Session())...),
		dom.ReplaceState(s, history()...),
		dom.ScrollIntoView(s, common(dom.XPath(), dom.Behavior(dom.Smooth), dom.Block(dom.Center), dom.Inline(dom.End))...),
		dom.SetCookie(s, common()...),
		dom.SetFocus(s, common(dom.XPath())...),
		dom.SetStorageItem(s, s, common(dom.Session())...),
		dom.ConsoleLog(s, common(dom.AtLevel(dom.LevelError))...),
		dom.ConsoleTable(obj, common(dom.Columns(s, "n"))...),
		dom.Notification(s, common(dom.NotificationOptions(obj))...),
		dom.Morph(s, h, moving()...),
	}
}

// bare returns operations with nothing but what they need, and those values
// whose form is particular.
func bare() []dom.Operation {
	return []dom.Operation{
		dom.Append("#x", "<i>1 < 2 & 3</i>"),
		dom.Graft("#x", "#y"),
		dom.InnerHTML("#x", ""),
		dom.InsertAdjacentHTML("#x", dom.BeforeEnd, "<i></i>"),
		dom.InsertAdjacentText("#x", dom.AfterBegin, "<not HTML>"),
		dom.OuterHTML("#x", ""),
		dom.Prepend("#x", "<li>new</li>"),
		dom.Remove("#x"),
		dom.Replace("#x", "<p>a</p>"),
		dom.TextContent("#x", ""),
		dom.AddCSSClass("#x", []string{"on"}),
		dom.RemoveAttribute("#x", "hidden"),
		dom.RemoveCSSClass("#x", []string{"on", "off"}),
		dom.SetAttribute("#x", "hidden", ""),
		dom.SetAttribute("#x", "href", "/rooms/home"),
		dom.SetDatasetProperty("#x", "liveRev", ""),
		dom.SetProperty("#x", "textContent", "3"),
		dom.SetProperty("#x", "textContent", ""),
		dom.SetProperty("#x", "checked", true),
		dom.SetProperty("#x", "disabled", false),
		dom.SetProperty("#x", "tabIndex", -1),
		dom.SetProperty("#x", "tabIndex", int64(1)<<62),
		dom.SetProperty("#x", "volume", 0.25),
		dom.SetProperty("#x", "max", 1e300),
		dom.SetStyle("#x", "background-color", ""),
		dom.SetStyles("#x", []dom.Style{{"inset", "0"}, {"bottom", "3px"}}),
		dom.SetValue("#x", ""),
		dom.DispatchEvent("", "live:ack", dom.Value{}),
		dom.DispatchEvent("", "live:ack", dom.Object()),
		dom.SetMeta("theme-color", "#123456"),
		dom.SetTitle(""),
		dom.ClearStorage(),
		dom.Go(2),
		dom.PushState("/a"),
		dom.RedirectTo("/a"),
		dom.Reload(),
		dom.RemoveStorageItem("k"),
		dom.ReplaceState("/a"),
		dom.ScrollIntoView("#x"),
		dom.ScrollIntoView("#x", dom.Behavior(dom.Auto), dom.Block(dom.Start), dom.Inline(dom.Nearest)),
		dom.SetCookie("theme=dark; path=/"),
		dom.SetFocus("#x"),
		dom.SetStorageItem("k", ""),
		dom.ConsoleLog(""),
		dom.ConsoleTable(dom.Raw(`[[1, 2], [3, 4]]`)),
		dom.ConsoleTable(dom.Raw(`[]`), dom.Columns()),
		dom.Notification("hello"),
		dom.Morph("#x", "\n <p id=\"x\">a</p>"),
		dom.MorphChildren("#x", "text first"),
		dom.MorphChildren("#x", "", dom.Focus("#y")),
	}
}

// every returns full and bare operations together.
func every() []dom.Operation { return slices.Concat(full("x"), bare()) }
