// Package wan is a simulated planet: sites in one process, each with a store of its
// own, that copy their writes to each other over links with real delays. People
// play with it in `presence demo`; tests cut it, skew it and restart it.
//
// Its stores are as bad as KeyDB 6.3.4 with active replication was measured to be,
// and no better, so that what works here works there:
//
//   - A write is taken by one store, all of it or nothing, and sent to each other
//     store directly. A link keeps their order; links do not wait for each other.
//   - A link that is cut holds writes, up to Config.Backlog. It hands them over
//     when it is healed. If there were more, or a server was restarted, the
//     receiver takes the sender's whole data instead: a full resync.
//   - A full resync decides key by key: the newer write wins. The time of a copy is
//     the time at which it arrived, by the clock of the store that holds it, so a
//     peer's older copy of a site's own key may win over the site's newer one: its
//     writes are rolled back. Nobody is woken.
//   - A removed key that a peer still has comes back with a full resync.
//   - An entry of a log whose id is not above the last one that a store holds of that
//     log is refused by that store, without a word to anybody.
//   - A server that was killed comes back with its own keys or, without its disk,
//     with nothing. What others wrote comes back with full resyncs, some time after
//     the links read as up. Writes on their way from it are gone.
//   - Wake-ups may come late, twice or not at all.
//
// A copy of a write is applied in one piece, where KeyDB applies its commands one
// after the other; a reader of this package never sees half of one.
//
// # Randomness
//
// Everything that is left to chance is drawn from Config.Seed: each link and each
// store has a source of its own, so that what one draws does not depend on what
// others do. The same writes and the same faults at the same moments have the same
// consequences.
//
// # Shutdown
//
// Run carries until its context ends. Nothing arrives after that and no server
// comes back; stores still answer.
package wan
