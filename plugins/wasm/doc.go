// Package wasm carries features that are WebAssembly modules.
//
// [Open] compiles a module, holds it to the ABI below and makes a [Module]; its three
// calls take and give the messages of
// plugins/process/proto/presence/feature/v1/feature.proto, as bytes. It is meant for a
// process of its own for each module, which the host supervises like any other
// feature's: see "Cost" and "What ends what".
//
// # Promises
//
//   - A guest reaches nothing but its input: no file, no environment, no argument, no
//     socket, no standard input. Its clock shows [Epoch], always; sleeping takes no
//     time; its source of randomness gives the same bytes in every call.
//   - The same input therefore gives the same bytes in every instance and every region,
//     unless the guest itself keeps something between calls.
//   - An instance answers one call at a time. Several calls are answered at once by
//     several instances, up to Config.Instances, made when they are needed.
//   - What an instance takes is bounded: Config.MemoryLimit for its memory, 8 MiB for its
//     tables, the runtime's own limit for its stack, and a rate for what it prints. One
//     answer has at most Config.OutputLimit bytes. Pointers are checked, and answers
//     copied, before anything else runs.
//   - After any fault the instance is dropped and the next call gets a new one. (A carrier
//     makes no use of that: it ends at the first fault, as a process does that panics, so
//     that there is one restart policy for all features.) An instance that has answered
//     1,000 calls and takes more than three quarters of its memory is replaced too, so that
//     a guest that leaks slowly goes on.
//   - All that is wrong with a module is said when it is opened, with names.
//
// # What ends what
//
// A call that does not return is not ended here: looking at the context in every loop
// would make each call 4 to 6 times dearer. Worse, a guest that spins stops this whole
// process at the next garbage collection, since it is never at a point where the
// collector may stop it. Whoever wants the answer in time kills the process from
// outside. That is why a module has one of its own.
//
// Close waits for calls under way, until its context ends.
//
// # Cost
//
// Measured with the benchmarks of this package on a shared machine with 2 cores (AMD
// EPYC, Go 1.26.8), from 2 to 10 other processes running; single runs. A guest in Go
// with html/template is 6.8 MB, one with templ 6.6, one with neither 1.9.
//
//	                                      6.8 MB         1.9 MB
//	PSS of a process with it              60 MB          26 MB
//	  12 processes, one each              646 MB         238 MB
//	  one process with all 12             570 MB         167 MB
//	  without debug.FreeOSMemory          76 MB, after compiling 126
//	  with a second instance              69 MB
//	open, compiling                       2.0 s          0.5 s
//	open, from the cache                  114 ms         34 ms
//	a new instance                        5 ms
//	call of one event                     18 µs          6 µs
//	render                                107 µs         9 µs; templ 88 µs
//	call that does nothing                0.2 µs assembled by hand, 2.5 µs in Go
//
// A call allocates once, for its answer. What a process takes for itself is little
// beside its module: 25 MB of machine code, 15 MB that the runtime keeps of the module,
// 6 MB for an instance. All modules in one process would save an eighth of the memory
// with modules of 6.8 MB, and a spinning one would stop all the others: hence a process
// each.
// GOGC made no difference, since little of it is garbage; giving memory back after
// opening does. Small modules are what saves.
//
// # The ABI, version 1
//
// A guest is a core WebAssembly module (not a component) of WebAssembly 2.0, without
// threads, exceptions or garbage collection, at most 64 MiB. A pointer is a byte offset
// into the exported memory. Exports:
//
//	memory                                 the guest's only memory
//	_initialize()                          optional; called once, before all others
//	presence_abi_version() -> i32          1
//	presence_buffer(size i32) -> i32       a pointer to size bytes
//	presence_manifest() -> i64             a DescribeResponse
//	presence_handle(ptr, len i32) -> i64   a Handle → an Answer without id
//	presence_render(ptr, len i32) -> i64   a View → an Answer without id
//
// Other exports are not looked at; _start is never called. To call handle or render,
// the host
//
//  1. calls presence_buffer with the size of the input, which may be 0,
//  2. writes the input to the pointer that it returned,
//  3. calls the export with that pointer and that size,
//  4. takes the answer from the result: the high 32 bits are a pointer, the low 32 bits
//     a length in bytes; for length 0 the pointer may be anything up to the memory's size.
//
// The buffer is the guest's again when the export returns. The answer has to stay where
// it is until the next call of any export. The host never keeps a pointer over a call,
// so the memory may grow, and the buffer move, at any time.
//
// An Answer holds one body: outcomes, one for each event in the order of the events,
// or fragments, or an error. Input that cannot be read as its message is answered with
// an error. A guest that cannot go on traps or exits, and may print why before: a line
// on standard error that begins with "panic: " or "fatal error: " becomes the host's
// reason.
//
// Imports: functions of wasi_snapshot_preview1 with their signatures, and nothing else.
// Files and sockets answer EBADF, standard output and standard error become lines of the
// host's log, proc_exit ends the instance with an error, whatever the code.
//
// The guest's memory begins with at most Config.MemoryLimit bytes; growing it beyond
// fails (-1), as does growing a table beyond 131,072 entries. A guest is asked for its
// version right after _initialize; a host refuses a version that it does not know.
//
// # Example
//
// The feature "claps" (testdata/steady) is asked to handle one event: somebody clapped
// in the room home, in which nobody has yet. The host calls presence_buffer(14),
// writes
//
//	0a 0c                 Handle, field 1, events: 12 bytes
//	   12 04 63 6c 61 70     Event, field 2, name: "clap"
//	   1a 04 68 6f 6d 65     Event, field 3, room: "home"
//
// and calls presence_handle. The answer is
//
//	12 0f                 Answer, field 2, outcomes: 15 bytes
//	   0a 0d                 Outcomes, field 1, the first outcome: 13 bytes
//	      0a 0b                 Outcome, field 1, a mutation: 11 bytes
//	         0a 05 74 6f 74 61 6c  Mutation, field 1, field: "total"
//	         10 03                 Mutation, field 2, op: 3, add
//	         20 02                 Mutation, field 4, delta: 1, as a sint64
//
// [Conform] holds a guest to all of this.
package wasm
