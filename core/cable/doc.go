// Package cable speaks ActionCable to browsers: it keeps their sessions, hands
// what people do to a [Handler], and sends what they are to see to those who follow
// a [Stream].
//
// # Promises
//
//   - Everything of one session is handled in order, one thing after the other,
//     except that a sync may wait while others were many: the newest of a
//     subscription is always answered. What one goroutine broadcasts arrives in
//     that order, and all sessions of a room see concurrent broadcasts to the room,
//     to a user and to a session in the same order. The exception is a message with a
//     key: see [Server.BroadcastLatest].
//   - Nothing is sent for an identifier before its confirm or after its
//     unsubscribe, and what is broadcast after the confirm is never missed: the
//     page asks for the rest with a sync.
//   - An identifier is echoed as the very bytes that came.
//   - A message to a room is encoded once for each distinct identifier, of which a
//     room has ten at most; all sockets write the same bytes.
//   - Whatever a browser sends costs at most its own session.
//
// # Who writes
//
// A few shards, as many as GOMAXPROCS, each write to the sessions that are theirs. A
// message to a room is one job for each shard, however many follow the room. The
// shard's goroutine goes round the sessions and gives each what it lacks, in one
// system call that does not wait: one frame when one is new, and when the shard is
// behind, many joined once for all that lack the same. No timer delays a lone frame. After
// each 256 sessions the shard looks at what else waits, so a room with one page, an ack
// or a ping wait about a millisecond for a room with thousands.
//
// Only when a connection takes no more does its session get a goroutine of its own,
// which writes with a deadline, and an outbox, bounded in frames and bytes, whose
// frames are shared with all others. In it a message takes the place of those before it with the
// same key, so a page that lags gets the newest of a fragment and not the backlog. A connection
// that is no socket, such as one with TLS, is always written to in that way.
//
// Decided by measurement: BenchmarkServer_Crowd beside what was here before, a goroutine
// a session, and beside BenchmarkBare, which only makes a system call for each socket. µs
// of this process's CPU a delivery of about 200 bytes, medians of three runs in turns:
//
//	load                           goroutines  shards  bare  system calls of shards
//	1,000 sockets, 20 a second           10.1     8.1   7.8  1.02
//	5,000 sockets, 20 a second            7.9     7.2   8.2  0.67
//	10,000 sockets, 10 a second          11.2     7.1   9.0  0.66
//	1,000 sockets, 64 in flight          0.60    0.39   6.5  0.04
//	5,000 sockets, 8 in flight            2.5     1.3   9.3  0.15
//	10,000 sockets, 8 in flight           3.2     1.1   9.3  0.13
//
// The two cores (AMD EPYC, a virtual machine, Linux 6.18) were busy with other things, so
// the ratios say more than the figures: on a quiet machine bare was 5.2. Fewer than one
// system call at a fixed rate says that shards were late now and then.
//
// Raw system calls, of which the scheduler is not told, were tried: a delivery took 5 % less,
// but publishers came to a third with 64 messages in flight for 1,000 sockets, and where the
// shard gave way to them every 16 sessions, it waited a second for four goroutines that compute.
//
// # Compression
//
// With Config.Compress, browsers that offer it get large messages compressed
// (permessage-deflate, RFC 7692), and may send theirs so. Nothing is remembered from one
// message to the next, so that the same bytes serve all who get them, and an idle socket
// holds no more than one that does not compress.
//
// A message is compressed once, whatever identifiers a room has: what stands before it in
// a frame goes as it is, in a block of its own, which costs five bytes. That is done before
// any lock, by as many goroutines at once as there are cores, each with 1.1 MiB. Sessions
// of both kinds are in different parts of a group, so that each log holds frames of one
// kind. What would not get smaller goes as it is to all, as do messages below the
// threshold, confirms, pings and the end.
//
// What browsers send is inflated up to MaxFrame, and each 1 KiB of that counts as one more
// frame against the flood limit.
//
// What it saves, with messages that features send (BenchmarkServer_CrowdDeflate), bytes of a
// delivery, and what it costs, µs of CPU once for all who get the message (BenchmarkCompress;
// level 5 of klauspost/compress, less the start of the process):
//
//	message    plain  compressed  saved   once
//	   201 B     273         228   16 %      8
//	   491 B     563         282   50 %
//	   914 B     986         527   47 %
//	 1,679 B   1,751         489   72 %     12
//	 1,904 B   1,976         859   57 %
//	19,489 B  19,561       5,479   72 %     95
//
// A delivery costs about 10 µs, so that compressing a list is what one or two more
// deliveries would be, and a long one what ten would be: with a thousand sockets the CPU of a
// delivery was the same with and without, within its noise, and with ten that of the longest
// was 180 µs for 106. From about 500 bytes on it spares 38 to 72 %, and below 400 less than
// the headers of a packet. Of the ways to compress 19,489
// bytes, level 1 took 69 µs and left 9 % more bytes, and the standard library 97 µs at
// level 1 for as many, 384 at level 6 for 3 % fewer. The bytes are exact. The cores were
// busy with other things, so that the times are rough: trust their ratios.
//
// It is off by default, since most messages are small, bytes cost nothing on many networks, and a
// page on the same machine or in the same place is no faster for it.
//
// # What a session holds
//
// While nothing comes or goes, 7.6 KiB of 10,000 and 9.7 of 1,000, resident: the stack of
// the goroutine that waits for the browser, which is half of it, and 2 KiB of objects.
// It has no buffers, neither to read nor to write, no timer, and
// nothing of the request that it began with, if the app's fasthttp.Server has
// KeepHijackedConns.
//
// # What blocks whom
//
// [Server.Broadcast] waits for no browser: a session whose outbox is full is told
// too_slow and closed, and its page reads the present state when it comes back. So is
// one to which nothing could be written for WriteTimeout, without being told.
// While thousands of messages to rooms wait for a shard, Broadcast waits until it has
// taken them, which depends on this process alone: whoever renders is slowed down, and
// renders less often, instead of sessions being closed for what is not their fault.
// A [Handler] that is slow in Join or Leave delays the commands of that session
// only. Of the locks only Session.turn is held when something of the Handler is
// called, which keeps that session's calls apart.
//
// Locks are taken in this order: Session.turn; laterSync.mu alone; one of
// streams.mu, room.mu and wheel.mu, never two of them; Session.mu; shard.mu. A shard
// writes under Session.mu, without waiting; writing that waits happens under none, and
// neither does compressing: whoever broadcasts or replies waits for others that compress,
// at most.
//
// # Shutdown
//
// Stop listening, call [Server.Drain] so that reconnects spread, then end the
// context of [Server.Run], which ends at once what is left and returns when no
// session remains. A session that is ended gets a disconnect frame with the
// reason, and two seconds at most to take it and close.
//
// # What it is not
//
// It keeps no history: a session that was away is brought up to date by revision,
// not by replay. It does not speak AnyCable's extended protocol.
package cable
