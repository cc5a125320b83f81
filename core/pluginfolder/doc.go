// Package pluginfolder watches a folder of features and says what is to run.
//
// A [Folder] looks at its folder twice a second. A file that is executable, or that
// begins as WebAssembly does, is a feature: it is taken when it is whole, copied to a
// place where nobody changes it, started once and asked what it is, and then handed to
// a [Host]. Another version of the file takes the place of the one before, and a file
// that is gone ends its feature. The sub-commands of `presence plugins` say the same of
// a folder without running it: [List], [Check], [Digests].
//
// # Promises
//
//   - What was checked is what runs, now and at each restart: a private copy named by
//     its SHA-256. Writing over the file in the folder never meets a running program.
//   - A file that is still being copied is left alone: its size, time and identity must
//     rest for Config.Settle, and a WebAssembly module or ELF program must have all the
//     bytes that it says it has. Of a script only the rest can be seen.
//   - A bad new version never takes the old one down, whatever is wrong with it: that it
//     is not executable, not in the lock, does not start, or bears a taken name. Only a
//     file that is gone for Config.Settle ends its feature, so that an editor that
//     deletes and creates replaces.
//   - Of two files with the same feature the one that runs keeps it; at the start that is
//     the first by name, so all regions choose the same. When it is gone, the other one
//     takes its place.
//   - A file that goes and one that comes within Config.Settle, such as claps-1 and claps-2,
//     are a replacement if they are the same feature.
//   - Each refusal is one line in the log with the file, the reason and what to do, once
//     for each content.
//   - With a lock, nothing starts whose SHA-256 it does not list. A lock that is malformed
//     or gone lets nothing start. What runs already goes on until its file is gone or
//     replaced, also when the lock no longer lists it: a line says so.
//   - A folder that is missing, or that cannot be read, changes nothing: what runs goes on,
//     and when it is there again it is compared with what runs.
//
// # What waits for whom
//
// One file is looked at at a time, and no file waits for another's bytes. A program that
// does not answer holds up the others that are new for Config.ProbeTimeout, once for each
// content; what runs is not held up.
//
// One that does not start is tried again after half a minute, and then less and less
// often, up to every ten minutes: a machine may just have been busy.
//
// # Stopping
//
// [Folder.Run] ends with its context and ends no feature: the host does, after its last
// page. [Folder.Close] removes the private copies and comes after that.
package pluginfolder
