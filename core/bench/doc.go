// Package bench is a load generator: it opens many sockets to an ActionCable server,
// has messages published, and measures when they arrive and what that costs the server.
//
// It drives a server of ours through its address for events of services: the counter of
// a room goes up by one, and every total tells which event it shows. Another server is
// driven through an HTTP address that broadcasts; each message carries its number.
//
// # What is measured
//
//   - connect: until the last socket is subscribed.
//   - idle: what sockets cost that only get pings.
//   - rate: messages from an absolute schedule. A latency counts from the moment at which
//     the message was due, so that a server that stalls is not asked less.
//   - saturation: so many messages are on their way at any time, as fast as it goes.
//   - click: one message, and the next when every socket has it.
//
// A message is a frame that a socket gets, a delivery an event that it thereby sees. They
// are the same where each event is a message of its own. A server of ours shows many
// events at once where they come faster than frames: then a message is many deliveries.
//
// What a server puts off (429, 503) is sent again and counted, as the figures are then those of its
// limit. With Config.Compress messages may come compressed; bytes are counted as they came.
//
// Times are taken when a frame is read here, and so hold what this program itself is late.
// Its own CPU time is told apart; where that comes near what the machine has left, the
// latencies are its own.
//
// # What it is not
//
// It renders nothing and answers no operation, as browsers do, and it never reads slowly. Of a
// compressed message that many sockets get it inflates one, where each browser inflates its own.
package bench
