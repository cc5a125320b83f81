// Package site is the engine of one site over a [Store] that copies keys between
// places late, in pieces, and sometimes wrongly: KeyDB's active replication, a
// Redis and its replicas, a simulated planet. Of the store it asks little (see
// there); what package engine promises is made here.
//
// # What keeps which promise
//
//   - Stamps: an entry's id is above everything that this binary has read or
//     written, in any log ([Write], engine.Batch.After). A clock that is wrong by
//     hours changes which number a stamp has, never who wins.
//   - Reading: a wake-up says only that a log grew; the tail reads from its last
//     id. A wake-up that is lost is made up for by the next beat in that log, or
//     by a reading of all logs now and then.
//   - Gaps: every entry names the one before it. A reader who has not seen that
//     one delivers an engine.Gap, whatever the cause: a log that was trimmed, a
//     full resync that put an older copy in its place.
//   - The gate: nothing is written until the store holds what its peers had, or
//     Config.SyncTimeout has passed. A server that comes back empty would
//     otherwise write over its own history. Once open, the gate stays open while
//     the server lives: a site that is cut off goes on.
//   - Repair: what was acknowledged lately is remembered. When the
//     store says that entries are gone, when its server was restarted, and after
//     any change of a replication link, it is put back where the store holds
//     nothing newer, as cells and as an entry of the log. Between a loss and its
//     repair no counter goes wrong: a write carries the newest total that its
//     binary has read or written. Where several binaries share a store, one of
//     them may not have read the other's last write when the loss comes.
//
// # When the store cannot be reached
//
// Append gets engine.ErrUnavailable, a Tail waits and goes on where it was.
//
// # Shutdown
//
// Run ends after the write in flight and after Store.Run. A Tail then delivers what
// is there and returns engine.ErrUnavailable. The store is the caller's to close.
package site
