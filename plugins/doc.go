// Package plugins is what the author of a feature imports: the contract
// between a feature and the host that runs it, and nothing else.
//
// A [Feature] is two pure functions and a [Manifest]:
//
//	Handle: what a person did        → what changes
//	Render: what is true in the room → what people see
//
// The host keeps the state, carries it between regions, merges it, decides who
// sees a change and pushes it to their browsers. A feature never touches a
// socket, a store or a line of JavaScript.
//
// # Promises to a feature
//
//   - Events arrive checked: every [Event.Fields] entry is declared in the
//     manifest and has the declared type and range.
//   - Render is called after every change of the room's state, at most once a
//     frame (16 ms) a room; changes in between are handed over together.
//   - A feature may be killed at any instant and loses nothing but the call in
//     flight, since it keeps nothing between calls.
//
// # What a feature promises
//
//   - Handle and Render are pure: the same input gives the same bytes in every
//     region. They read no clock, no randomness, no file and no network; the
//     moment of an event comes with it as [Event.Time].
//   - Both may be called from several goroutines at once.
//   - Every element id it renders starts with its name and a hyphen.
//   - HTML comes from templ or html/template, so that what a person typed is
//     escaped. HTML with scripts, inline handlers or style attributes is
//     refused by the host.
package plugins
