// Package keydb keeps the logs and states of all sites in KeyDB, Valkey (7.2 or
// newer) or Redis (6.2 or newer): a [Store] is a site.Store, over which site.Engine
// makes an engine. It relies on nothing but what every such server does with the
// commands of one node: it applies them in order, here and on its copies.
//
// # Keys
//
//	gp:log:{site}                     stream  an entry a batch: e (JSON), p (id before), t (totals)
//	gp:state:{site}:{room}:{feature}  hash    field → kind, stamp and value
//	gp:grid:{site}:{room}:{feature}:{tile}
//	                                  string  a tile of a board, as state.TileCell has it
//	gp:site:{site}                    hash    region, version, started, beat,
//	                                          feature:NAME → 1, binary:ID → its last beat
//
// A ':' and a '%' in a feature are written as %3A and %25, so that the room is what
// is left between. Times are the server's, in milliseconds since 1970. A state hash
// holds:
//
//	NAME             r 1795465238123-0-4 on      a register, written by the change
//	                                             at place 4 of entry 1795465238123-0
//	NAME             x 1795465238123-0-4         its tombstone
//	NAME             c 1795465238123-0-4 42      the site's total of a counter
//	NAME US          l 1795465238123-0-4 7 9 50  a list: its first number, its next, its cap
//	NAME US NUMBER   i 1795465238123-0-4 text    an item of it
//	NAME RS KEY      p 1795465238123-0-4 {...}   a member
//
//	NAME GS TILE     g                           a tile of a board is there
//
// US, RS and GS are the control characters 0x1f, 0x1e and 0x1d, which names have not.
//
// Signals are messages on the channel gp:live:{site}, and in no key.
//
// # Promises
//
//   - A batch is one script: all or nothing, sent once and never again by itself.
//     What the script writes is copied to other servers by its effects, the state
//     first and the log last, so that who sees an entry finds its cells there too.
//   - Features are registered by the script that first writes them, and again with
//     each beat, since a resync may roll that key back like any other: a room is
//     loaded in one or two round trips and one for each megabyte of boards, without a scan of the keys.
//   - While a server is away, calls end at once; one of them tries it again after a
//     pause that doubles, with jitter, up to two seconds. Before a server that was
//     away is used, it is examined as [Open] does.
//   - Settings of the server are left alone but for notify-keyspace-events, to which
//     what is missing is added.
//   - Members of a binary that has not beaten for five minutes are removed by any
//     other binary of its site.
//
// # Two servers
//
// With Config.ReadURL everything is read from, and wake-ups come from, another server
// than the one that takes the writes: one primary, and a read replica in each region.
// A write then comes back through Read after the replica has it; Load waits for it.
//
// # Shutdown
//
// Run ends with its ctx. Close gives the connections back, may be called at any
// time, also twice, and ends Run too; what is called after it gets
// engine.ErrUnavailable.
package keydb
