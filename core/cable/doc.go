// Package cable speaks ActionCable to browsers: it keeps their sessions, hands
// what people do to a [Handler], and puts what they are to see in the outboxes of
// a [Stream].
//
// # Promises
//
//   - Everything of one session is handled in order, one thing after the other,
//     except that a sync may wait while others were many: the newest of a
//     subscription is always answered. What one goroutine broadcasts arrives in
//     that order, and all sessions of a room see concurrent broadcasts to the room,
//     to a user and to a session in the same order.
//   - Nothing is sent for an identifier before its confirm or after its
//     unsubscribe, and what is broadcast after the confirm is never missed: the
//     page asks for the rest with a sync.
//   - An identifier is echoed as the very bytes that came.
//   - A message to a room is encoded once for each distinct identifier, of which a
//     room has ten at most; all sockets write the same bytes.
//   - Whatever a browser sends costs at most its own session.
//
// # What blocks whom
//
// [Server.Broadcast] waits for no browser: a session whose outbox is full is told
// too_slow and closed, and its page reads the present state when it comes back.
// A [Handler] that is slow in Join or Leave delays the commands of that session
// only. Of the locks only Session.turn is held when something of the Handler is
// called, which keeps that session's calls apart.
//
// Locks are taken in this order: Session.turn; laterSync.mu alone; one of
// streams.mu, room.mu and wheel.mu, never two of them; Session.mu. Writing to a
// socket happens under none.
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
