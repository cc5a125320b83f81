// Package process carries features that run as processes of their own.
//
// The same package serves both ends. A feature's main is one line:
//
//	func main() { process.Serve(lightbulb.New()) }
//
// and the host supervises one such process with a [Plugin]: [New] says which,
// [Plugin.Run] starts it, watches it and starts it again, [Plugin.Handle] and
// [Plugin.Render] ask it something, from any number of goroutines.
//
// # Promises
//
//   - Values arrive as they were sent, to the millisecond for times. A map or
//     slice without entries arrives as nil; View.Changes alone, where the
//     difference means something, keeps it.
//   - [plugins.ErrUnavailable] and [plugins.Refusal] are the same on both sides
//     for errors.Is and errors.As.
//   - While the process is not running, calls fail at once with
//     plugins.ErrUnavailable. A call that is under way when it dies does too.
//   - A process is killed and started again when it has no answer to one call after five
//     times the call's timeout; when it misses three deadlines in a row and has no other
//     answer for that long; when it misses two health checks in a row; and when it holds
//     more memory than Config.MemoryLimit. Until it has been up for as long as its start
//     took, at most 30 s, it may be late with all it does: the machine may be busy.
//   - The process gets no environment but Config.Env, no standard input, and
//     nothing it writes or prints can stop the host.
//
// # What waits for whom
//
// A call waits for its answer or its deadline, never for another call: calls
// share one stream, each with an id, and whatever waits is sent together. The
// process works on up to 64 calls at once; one whose deadline passes while it
// waits for its turn is not begun.
//
// # Stopping
//
// When Run's context ends, new calls fail with plugins.ErrUnavailable, the host
// closes its side of the stream, the process answers what it has and ends. What
// is still there after Config.StopTimeout is killed. When the host itself dies
// the stream breaks and the process ends at once; on Linux the kernel kills it
// too, should it be stuck.
//
// Nothing else ends it: the signals that a terminal or systemd sends to all
// processes at once do not, since features are needed until the last page is
// drained. What a process has started ends with it, on Linux also when it ended
// by itself.
//
// # Wire
//
// hashicorp/go-plugin starts the process and makes the connection: gRPC over a
// Unix socket in a private folder, with certificates made for this one start.
// proto/presence/feature/v1/feature.proto holds the messages; a feature can be
// written in any language that has gRPC.
package process
