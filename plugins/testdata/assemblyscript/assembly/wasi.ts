// What this module imports: a way to say why it cannot go on.

@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: u32, parts: usize, count: u32, written: usize): u32;

// An iovec, and where fd_write says how much it wrote.
const part = memory.data(8, 4);
const written = memory.data(4, 4);

/** Writes a line to standard error, which becomes a line of presence's log. */
export function log(line: string): void {
  const text = String.UTF8.encode(line + "\n");
  store<u32>(part, <u32>changetype<usize>(text));
  store<u32>(part, text.byteLength, 4);
  fd_write(2, part, 1, written);
}

/** Takes the place of AssemblyScript's own, which imports a function. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const what = message ? message : "abort";
  log("panic: " + what + (file ? " at " + file + ":" + line.toString() + ":" + column.toString() : ""));
  unreachable();
}
