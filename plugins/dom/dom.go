// Package dom builds the operations of CableReady: the changes that a server
// may ask a page to make.
//
//	op := dom.SetProperty("#counter-total", "textContent", "3")
//
// is the JSON that the CableReady client in the page performs:
//
//	{"operation":"setProperty","selector":"#counter-total","name":"textContent","value":"3"}
//
// There is one constructor for each of the 37 operations, named as CableReady
// names them ([Morph] has a second one for children). What an operation needs
// is an argument; what it may have is an [Option].
//
// # Promises
//
//   - An [Operation] is an immutable value. Equal ones are equal with == and
//     have the same bytes, in every region.
//   - No constructor fails or panics. One that was given something the client
//     would drop, misread or throw at is remembered as faulty: [Operation.Err]
//     names the fault, and [Message] and [Operation.MarshalJSON] refuse it, so
//     that it never reaches a page.
//   - Text goes through unchanged, except that bytes that are not UTF-8 become
//     U+FFFD. < > and & are not escaped: a frame of HTML would nearly double.
//   - Nothing here uses reflection or encoding/json; the package stays small in
//     a WebAssembly module.
//
// The package does not escape HTML and does not look into it, beyond the first
// tag of a morph: see package markup for that.
//
// Source: cable_ready 5.0.6, javascript/operations.js and cable_ready.js.
package dom

// Version is the version of the CableReady client that the operations are for,
// and the version that every [Message] carries. It is the version of the client
// in the page's script.
const Version = "5.0.6"

// PermanentAttribute is the attribute that keeps an element as it is through a
// morph. Every morph names it: without it a morph overwrites what a person is
// typing at that moment.
const PermanentAttribute = "data-live-permanent"
