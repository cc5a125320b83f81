// Package hosted runs the store of a region: it starts a keydb-server beside the
// binary, watches it and keeps its links to the servers of the other regions, so
// that one container a region is a whole deployment.
//
// # What it promises
//
//   - The server's settings are generated for what core/engine/keydb needs:
//     active replica, append-only file, no eviction, notifications. No secret is
//     in a command line or in the log.
//   - A server that ends, or gives no answer for Config.HangTimeout, is started
//     again, at once after a healthy life, else after a growing wait. One that
//     ends before it has ever answered cannot work, and Run says why.
//   - From the moment a server takes its first connection it has its links to the
//     peers that are known by then: they are in its settings, so that a node with
//     an empty disk is not taken for one that needs no sync. With an empty folder
//     and nobody known the start waits for a peer, but for 15 seconds only, and the
//     log says so; then the region starts without what others may have. Later on
//     peers are looked up again and again; a link that exists is never asked for again,
//     and none ends because names cannot be looked up.
//   - Two servers do not write the same folder: the server itself holds the
//     folder's lock for as long as it lives. (Where files cannot be locked, such
//     as on Windows, the port is all that keeps the second one out.)
//   - Two servers with one site's name, or on copies of one folder, are noticed
//     within seconds of hearing each other, and one of them gives way: who serves
//     comes before a newcomer. While they cannot hear each other both may write.
//   - The log tells what somebody can act on: of the server's own lines the faults
//     that endanger the data, as errors and at once, and warnings, whose repeats are
//     counted; of links which peer's is down, and why. The rest is at debug.
//
// # Start and stop
//
// [Server.Run] returns when the server has ended: it asks with SIGTERM, upon which
// the server writes its file and ends, and kills after Config.StopTimeout. A KeyDB
// that is in the middle of a handshake with a peer may take five seconds to hear
// it. On Linux the kernel asks the server to end when this process is killed; the
// next Run waits for it. A terminal's Ctrl-C reaches this process alone, so that
// whoever runs the parts of a binary decides when the store ends: last.
//
// What KeyDB has acknowledged is in its file, with one exception [measured on
// 6.3.4]: after a full copy from a peer it writes the file anew, and until that is
// done (milliseconds to seconds, with the size of the data) new writes are in
// memory and at the peers alone. Killed at that moment it has lost them; the
// writer's repair (core/engine/site) puts them back unless it was killed too.
//
// A server's forks (they rewrite the file) belong to the process 1 of a container
// once the server is killed. Where that is this binary, let an init reap them.
//
// # What it is not
//
// It does not encrypt the links: they belong on a private network, such as Fly.io's.
// It does not resolve conflicts and knows nothing of logs or states; its only key
// is the field by which [Server.Claim] notices that two servers have one name.
package hosted
