// Package core joins the parts of one binary.
//
// # The way of one click
//
//	browser ── event ──► cable ──► bus ──► feature.Handle ──► mutations ──► engine: append
//	   ▲                                                                      │ this site's log
//	   │                                                                      ▼
//	   └── operations ◄── cable ◄── feature.Render ◄── bus ◄── state ◄── engine: tail
//	                                                                  every site's log
//
// The writer's own region takes the same way back as all others: through its log.
//
// # The parts
//
//	core/region         codes, names, positions of regions
//	core/state          the kinds of state and their merges; pure
//	core/engine         what an engine promises; enginetest runs the promises, converge
//	                    breaks everything and compares what is left
//	core/engine/memory  one site in this process, with or without a file
//	core/engine/site    one site over any store that copies keys between places
//	core/engine/keydb   that store on KeyDB, Valkey and Redis; hosted runs a KeyDB
//	core/engine/wan     that store on a simulated planet
//	core/settings       flags and variables; core/storage opens what they ask for
//	core/bench          the load generator
//	core/demo           several regions side by side
//	core/carriers       which process runs a feature
//	core/pluginfolder   the folder of features: what is to run, and why the rest is not
//	core/dev            a feature and what happens inside it, for whoever writes it
//	core/scaffold       new features
//	core/board          boards as bytes for browsers: snapshot, picture, film
//	core/bus            event → feature → log; log → state → feature → broadcast
//	core/cable          sockets: sessions, streams, outboxes, limits, drain
//	core/web            pages, forms, files, the socket's endpoint; admin address
//	core/web/page       the documents as templates
//
// Features run as processes of their own (plugins/process), started from this same
// binary. Package core knows them by name and by the command that starts them, and
// imports none. [Server.AddFeature] and [Server.RemoveFeature] change which there are
// while people look: open pages get and lose the section, and its style, by operations
// as any other change, and those that were away by their next sync.
//
// # Start and stop
//
// [Server.Run] starts engine, bus, plugins, then the web, and waits with the last
// until the features are up (or two seconds have passed), so that the first page is
// whole. It stops in reverse: no new connections, sockets told to come back
// elsewhere at a rate, requests in progress answered, features ended, members of
// this binary taken out of their rooms, the engine closed last.
package core
