package dom

// kind is one of the operations; the zero kind is none.
type kind uint8

const (
	kindAppend kind = iota + 1
	kindPrepend
	kindInsertAdjacentHTML
	kindInsertAdjacentText
	kindInnerHTML
	kindOuterHTML
	kindReplace
	kindTextContent
	kindRemove
	kindGraft
	kindMorph
	kindAddCSSClass
	kindRemoveCSSClass
	kindSetAttribute
	kindRemoveAttribute
	kindSetDatasetProperty
	kindSetProperty
	kindSetStyle
	kindSetStyles
	kindSetValue
	kindDispatchEvent
	kindSetMeta
	kindSetTitle
	kindSetFocus
	kindScrollIntoView
	kindPushState
	kindReplaceState
	kindRedirectTo
	kindReload
	kindGo
	kindSetCookie
	kindSetStorageItem
	kindRemoveStorageItem
	kindClearStorage
	kindConsoleLog
	kindConsoleTable
	kindNotification
)

// place is what an operation runs on.
type place uint8

const (
	onPage     place = iota // document or window; a selector means nothing
	onElement               // the selector's element, or all of them
	onOne                   // the selector's first element
	onAnything              // the selector's elements, or the document without one
)

// flags are the parameters that are true or false.
type flags uint8

const (
	flagAll flags = 1 << iota
	flagXPath
	flagChildren
	flagNoTurbo
	flagCancel

	// flagLiteral is no parameter: it says that the value of a setProperty is a
	// number or a boolean as JSON writes it, and not text.
	flagLiteral
)

// param is a parameter of one operation. Its place in spec.params is its place
// in Operation.args.
type param struct {
	key      string
	typ      paramType
	required bool // must be there
	filled   bool // must not be empty
	option   bool // given by an Option and not by an argument
}

// paramType says what a parameter holds in Operation.args.
type paramType uint8

const (
	typeText   paramType = iota // text as it is
	typeScalar                  // text, or a literal where flagLiteral is set
	typeInt                     // an integer in decimal
	typeObject                  // canonical JSON, as are the ones below
	typeTable                   // an array or an object
	typeNames                   // an array of strings
	typeStyles                  // an object of strings
)

// choice is a parameter with a fixed set of words. The first one is the default
// and is never written. Its place in spec.choices is its place in
// Operation.choice.
type choice struct {
	key   string
	words []string
}

// spec describes one operation.
type spec struct {
	name    string
	on      place
	params  []param
	choices []choice
	flags   flags
	focus   bool   // focusSelector has an effect
	alone   string // why only an answer to one person may carry it, or ""
}

var (
	paramHTML    = param{key: "html", required: true}
	paramText    = param{key: "text", required: true}
	paramName    = param{key: "name", required: true, filled: true}
	paramValue   = param{key: "value"}
	paramClasses = param{key: "name", typ: typeNames, required: true, filled: true}
	paramURL     = param{key: "url", required: true, filled: true}
	paramKey     = param{key: "key", required: true, filled: true}
	paramTitle   = param{key: "title", option: true}
	paramState   = param{key: "state", typ: typeObject, option: true}

	choicePosition = choice{"position", []string{string(BeforeEnd), string(BeforeBegin), string(AfterBegin), string(AfterEnd)}}
	choiceStorage  = choice{"type", []string{"local", "session"}}
	choiceAction   = choice{"action", []string{"advance", "replace"}}
	choiceBehavior = choice{"behavior", []string{string(Auto), string(Smooth), string(Instant)}}
	choiceBlock    = choice{"block", []string{string(Start), string(Center), string(End), string(Nearest)}}
	choiceInline   = choice{"inline", []string{string(Nearest), string(Start), string(Center), string(End)}}
	choiceLevel    = choice{"level", []string{string(LevelLog), string(LevelInfo), string(LevelWarn), string(LevelError)}}
)

const whyHistory = "it changes the address and the history of people who did nothing"

// specs are the operations by kind.
//
// Source: cable_ready 5.0.6, javascript/operations.js. There setFocus ignores
// focusSelector, so it does not fit there.
var specs = [...]spec{
	kindAppend:             {name: "append", on: onElement, focus: true, params: []param{paramHTML}},
	kindPrepend:            {name: "prepend", on: onElement, focus: true, params: []param{paramHTML}},
	kindInsertAdjacentHTML: {name: "insertAdjacentHtml", on: onElement, focus: true, params: []param{paramHTML}, choices: []choice{choicePosition}},
	kindInsertAdjacentText: {name: "insertAdjacentText", on: onElement, focus: true, params: []param{paramText}, choices: []choice{choicePosition}},
	kindInnerHTML:          {name: "innerHtml", on: onElement, focus: true, params: []param{paramHTML}},
	kindOuterHTML:          {name: "outerHtml", on: onElement, focus: true, params: []param{paramHTML}},
	kindReplace:            {name: "replace", on: onElement, focus: true, params: []param{paramHTML}},
	kindTextContent:        {name: "textContent", on: onElement, focus: true, params: []param{paramText}},
	kindRemove:             {name: "remove", on: onElement, focus: true},
	kindGraft:              {name: "graft", on: onElement, focus: true, params: []param{{key: "parent", required: true, filled: true}}},
	kindMorph:              {name: "morph", on: onElement, focus: true, params: []param{paramHTML}, flags: flagChildren},

	kindAddCSSClass:        {name: "addCssClass", on: onElement, params: []param{paramClasses}},
	kindRemoveCSSClass:     {name: "removeCssClass", on: onElement, params: []param{paramClasses}},
	kindSetAttribute:       {name: "setAttribute", on: onElement, params: []param{paramName, paramValue}},
	kindRemoveAttribute:    {name: "removeAttribute", on: onElement, params: []param{paramName}},
	kindSetDatasetProperty: {name: "setDatasetProperty", on: onElement, params: []param{paramName, paramValue}},
	kindSetProperty:        {name: "setProperty", on: onElement, params: []param{paramName, {key: "value", typ: typeScalar}}},
	kindSetStyle:           {name: "setStyle", on: onElement, params: []param{paramName, paramValue}},
	kindSetStyles:          {name: "setStyles", on: onElement, params: []param{{key: "styles", typ: typeStyles, required: true, filled: true}}},
	kindSetValue:           {name: "setValue", on: onElement, params: []param{{key: "value", required: true}}},

	kindDispatchEvent: {name: "dispatchEvent", on: onAnything, params: []param{paramName, {key: "detail", typ: typeObject}}},
	kindSetMeta:       {name: "setMeta", params: []param{paramName, {key: "content", required: true}}},
	kindSetTitle:      {name: "setTitle", params: []param{{key: "title", required: true}}},

	kindSetFocus:       {name: "setFocus", on: onOne, alone: "it takes the focus from whatever people are doing"},
	kindScrollIntoView: {name: "scrollIntoView", on: onOne, alone: "it moves the page away from where people are reading", choices: []choice{choiceBehavior, choiceBlock, choiceInline}},
	kindPushState:      {name: "pushState", alone: whyHistory, params: []param{paramURL, paramTitle, paramState}},
	kindReplaceState:   {name: "replaceState", alone: whyHistory, params: []param{paramURL, paramTitle, paramState}},
	kindRedirectTo: {
		name: "redirectTo", alone: "it takes people away from the page", params: []param{paramURL},
		choices: []choice{choiceAction}, flags: flagNoTurbo,
	},
	kindReload: {name: "reload", alone: "every page would load again at the same moment"},
	kindGo:     {name: "go", alone: whyHistory, params: []param{{key: "delta", typ: typeInt, required: true, filled: true}}},

	kindSetCookie:         {name: "setCookie", params: []param{{key: "cookie", required: true, filled: true}}},
	kindSetStorageItem:    {name: "setStorageItem", params: []param{paramKey, {key: "value", required: true}}, choices: []choice{choiceStorage}},
	kindRemoveStorageItem: {name: "removeStorageItem", params: []param{paramKey}, choices: []choice{choiceStorage}},
	kindClearStorage:      {name: "clearStorage", choices: []choice{choiceStorage}},
	kindConsoleLog:        {name: "consoleLog", params: []param{{key: "message", required: true}}, choices: []choice{choiceLevel}},
	kindConsoleTable: {name: "consoleTable", params: []param{
		{key: "data", typ: typeTable, required: true, filled: true}, {key: "columns", typ: typeNames, option: true},
	}},
	kindNotification: {name: "notification", alone: "it asks everybody for a permission", params: []param{
		{key: "title", required: true, filled: true}, {key: "options", typ: typeObject, option: true},
	}},
}

// fits returns the flags that have a meaning for the operation.
func (s *spec) fits() flags {
	f := s.flags | flagCancel
	switch s.on {
	case onElement, onAnything:
		f |= flagAll | flagXPath
	case onOne:
		f |= flagXPath // one element only: with all of them the client throws
	}
	return f
}

// kindOf returns the kind of the operation called name, or 0.
func kindOf(name string) kind {
	for k := range specs {
		if k > 0 && specs[k].name == name {
			return kind(k)
		}
	}
	return 0
}
