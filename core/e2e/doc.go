// Package e2e tests the whole program as people meet it: the binary is built and
// started on free ports, and Chromium opens its pages, clicks, types, loses its
// connection and finds it again. There is nothing here but tests.
//
// # How it runs
//
// The binary is built once a run, and once more with the race detector when the tests
// have it, for those in which the most happens at once. Every test has a server of its
// own; one Chromium serves all of them, with a browser context for each person and a tab
// for each page of theirs. Where a network has to misbehave, a small TCP proxy stands
// between the browser and the server. Tests wait for what a page shows, never for time.
//
// Chromium is the one of Debian. Where it is missing the tests that need it are
// skipped, or fail when CI is set.
//
//	go test ./core/e2e
//	go test ./core/e2e -run=TestCrash -seed=7
//	go test ./core/e2e -program=/usr/local/bin/presence
//	go test ./core/e2e -carrier=wasm
//	go test ./core/e2e -run='^$' -bench=.
//	go test ./core/e2e -run=TestScreenshots -screenshots=DIR
//
// With -carrier=wasm every server runs the built-in features as modules for
// WebAssembly. They are built by make wasm and compiled once a run, by a program without
// the race detector, which would take twenty times as long; the server is built without
// it, too. The demo and the page of `presence dev` have processes all the same.
//
// # What every test checks besides
//
// A server ends with exit code 0 when it is asked to, without an error, a panic
// or a data race in its log, and leaves no feature process behind. A tab reports
// no violation of the Content-Security-Policy and no exception.
package e2e
