// Package wire puts the contract into bytes and reads it back: the messages of
// plugins/process/proto/presence/feature/v1/feature.proto, in protobuf's encoding.
//
// Host and feature use it on both sides of a process's stream and of a WebAssembly
// module's memory. It knows the shape of each message, so that nothing is looked up
// by reflection: a module for WebAssembly is megabytes smaller, and a call cheaper,
// than with generated code. That generated code, made from the .proto, is what the
// tests compare it with.
//
// # Promises
//
//   - Values arrive as they were sent, to the millisecond for times and the
//     microsecond for durations. A map or slice without entries arrives as nil;
//     View.Changes alone, where the difference means something, keeps it.
//   - The same value gives the same bytes: maps are written in the order of their keys.
//   - Fields that this version does not know are passed over, as protobuf asks, so
//     that a newer side can tell an older one more than it understands.
//   - What is read has at most [MaxEntries] elements, so that a message takes memory in
//     proportion to its size, and texts are UTF-8.
//   - [plugins.ErrUnavailable] and [plugins.Refusal] are the same on both sides for
//     errors.Is and errors.As.
package wire
