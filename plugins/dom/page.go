package dom

import "strconv"

// DispatchEvent sends a CustomEvent, which bubbles, to the element, or to the
// document with "" as the selector. The zero Value is no detail. A name without a
// colon, such as "click", is only for an answer to one person.
func DispatchEvent(selector, name string, detail Value, opts ...Option) Operation {
	o := Operation{kind: kindDispatchEvent, selector: selector}
	o.args[0] = name
	o.fail(o.setValue("detail", detail.node()))
	return o.with(opts)
}

// SetMeta sets the content of the <meta> with that name, and makes one if there
// is none.
func SetMeta(name, content string, opts ...Option) Operation {
	return build(kindSetMeta, "", name, content, opts).checked(metaFault(name))
}

// SetTitle sets the title of the page.
func SetTitle(title string, opts ...Option) Operation {
	return build(kindSetTitle, "", title, "", opts)
}

// SetFocus moves the focus to the element. Only for an answer to one person.
func SetFocus(selector string, opts ...Option) Operation {
	return build(kindSetFocus, selector, "", "", opts)
}

// ScrollIntoView scrolls until the element is seen, as [Behavior], [Block] and
// [Inline] say. Only for an answer to one person.
func ScrollIntoView(selector string, opts ...Option) Operation {
	return build(kindScrollIntoView, selector, "", "", opts)
}

// PushState adds an entry to the history and shows url, of the same origin, in
// the address bar without loading it. Only for an answer to one person.
func PushState(url string, opts ...Option) Operation {
	return build(kindPushState, "", url, "", opts).checked(urlFault(url))
}

// ReplaceState replaces the present entry of the history, as [PushState] adds
// one. Only for an answer to one person.
func ReplaceState(url string, opts ...Option) Operation {
	return build(kindReplaceState, "", url, "", opts).checked(urlFault(url))
}

// RedirectTo opens another page. Only for an answer to one person.
func RedirectTo(url string, opts ...Option) Operation {
	return build(kindRedirectTo, "", url, "", opts).checked(urlFault(url))
}

// Reload loads the page again. Only for an answer to one person.
func Reload(opts ...Option) Operation {
	return build(kindReload, "", "", "", opts)
}

// Go moves through the history: -1 is back. 0 is a fault: the client would load
// the page again, which is [Reload]. Only for an answer to one person.
func Go(delta int, opts ...Option) Operation {
	by := strconv.Itoa(delta)
	return build(kindGo, "", by, "", opts).checked(deltaFault(by))
}

// SetCookie sets a cookie, written as document.cookie takes it:
// "theme=dark; path=/; max-age=31536000".
func SetCookie(cookie string, opts ...Option) Operation {
	return build(kindSetCookie, "", cookie, "", opts)
}

// SetStorageItem writes to the storage of the origin, or with [Session] to that
// of the tab.
func SetStorageItem(key, value string, opts ...Option) Operation {
	return build(kindSetStorageItem, "", key, value, opts)
}

// RemoveStorageItem removes an item that [SetStorageItem] wrote.
func RemoveStorageItem(key string, opts ...Option) Operation {
	return build(kindRemoveStorageItem, "", key, "", opts)
}

// ClearStorage removes everything from the storage of the origin, or with
// [Session] from that of the tab.
func ClearStorage(opts ...Option) Operation {
	return build(kindClearStorage, "", "", "", opts)
}

// ConsoleLog writes to the browser's console, as [AtLevel] says.
func ConsoleLog(message string, opts ...Option) Operation {
	return build(kindConsoleLog, "", message, "", opts)
}

// ConsoleTable writes a table to the browser's console: an array or an object of
// rows, of which [Columns] chooses the columns.
func ConsoleTable(data Value, opts ...Option) Operation {
	o := Operation{kind: kindConsoleTable}
	o.fail(o.setValue("data", data.node()))
	return o.with(opts)
}

// Notification shows a notification of the system, with
// [NotificationOptions], after asking for the permission where the person has
// not answered yet. Only for an answer to one person.
func Notification(title string, opts ...Option) Operation {
	return build(kindNotification, "", title, "", opts)
}
