// Package dev shows a feature to its author while they write it: the feature live on a
// page, beside it what happens inside, and each saved change taking over at once.
//
//	files ── poll ──► build ──► describe ──► region ◄── frames of the page
//	                    │           │          │
//	                    └─ words ───┴─────────►│ recorder, between bus and process
//	                                           ▼
//	                                        journal ── events ──► the page
//
// A save builds the program anew. What the build says, and why a program that was built
// did not start, is shown in the terminal and on the page; the last version that worked
// stays. A program of the same feature takes over in the running region, so that no page
// loses its socket and the state stays. One whose manifest has another name gets another
// region, since it is another feature.
//
// The journal keeps the last events, renders and lines of the log, bounded in number and
// bytes. The page follows it by Server-Sent Events and shows all of it as text: nothing
// that a feature or a person wrote becomes markup there.
//
// It is for one person at their own machine. Whoever reaches the page can cause events
// as anybody.
//
// # Start and stop
//
// [Dev.Run] serves the page first, so that the words of a first build that fails can be
// read there. The region starts with the first program that works. It stops in reverse:
// page, builder, region with its processes, and the folder of built programs.
package dev
