// Package memory is the engine of one site in one process: log and state in
// memory and, if a file is named, on disk, so that a restart keeps them. It needs
// no server.
//
// # What the file keeps
//
// Registers, counters, lists and boards, the log entries that hold any of them, entries
// of nothing but event ids, and the secret. Each write is one transaction, synced to the
// disk before Append returns: killing the process loses nothing that was
// acknowledged, and neither does losing power on a disk that keeps its word.
// Memory follows the file, never the other way round.
//
// Members and beats live in memory alone, since they mean
// nothing after the process: an entry with nothing else in it writes nothing to
// the disk, so an idle server leaves it alone. No entry mixes batches that the file
// has to hold with batches that it has not: somebody who joins waits for no disk
// but that of the write in flight. After a restart nobody is present, and
// Tail no longer has those entries.
//
// # When the disk fails
//
// Appends of what has to be kept get engine.ErrUnavailable and Ready says why;
// the rest works on. A small write every second, and every Append, finds out that
// the disk takes writes again. Whether a write that failed half-way is in the
// file is read back from the file before the next one, so that both agree.
//
// # Shutdown
//
// Run ends after the write in flight. Close gives the file back and may be called
// at any time, also twice; an Append after it gets engine.ErrUnavailable.
package memory
