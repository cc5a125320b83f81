// The guest: what package wasm of presence calls.

import "./wasi"; // abort, for the compiler
import * as poll from "./poll";
import { malformed, Reader, reset, Writer } from "./proto";

const CODE_FAILED = 1;

// Where the host writes, and what it reads: variables, so that both are still there
// when it does.
let input: ArrayBuffer = new ArrayBuffer(0);
let output: Writer = new Writer();

export function presence_abi_version(): i32 {
  return 1;
}

export function presence_buffer(size: i32): usize {
  // The one moment at which nothing is in use but the two variables above. During a call
  // nothing is collected (the runtime is "minimal"): addresses that a Writer or a Reader
  // works with are numbers, which a collector does not see.
  __collect();
  if (size > input.byteLength) input = new ArrayBuffer(size);
  return changetype<usize>(input);
}

export function presence_manifest(): i64 {
  output = poll.describe();
  return output.result();
}

export function presence_handle(at: usize, size: usize): i64 {
  reset();
  // States come after the events that need them.
  const events: poll.Event[] = [];
  const states = new Map<string, poll.State>();
  const r = new Reader(at, at + size);
  while (r.next()) {
    if (r.is(1)) events.push(new poll.Event(r.message()));
    else if (r.is(2)) readState(r.message(), states);
  }
  const outcomes = new Writer();
  for (let i = 0; i < events.length; i++) {
    const room = events[i].room;
    outcomes.message(1, poll.handle(events[i], states.has(room) ? states.get(room) : new poll.State()));
  }
  return answer(2, outcomes);
}

export function presence_render(at: usize, size: usize): i64 {
  reset();
  let feature = "";
  let room = "";
  const state = new poll.State();
  const r = new Reader(at, at + size);
  while (r.next()) {
    if (r.is(1)) feature = r.text();
    else if (r.is(2)) room = r.text();
    else if (r.is(3)) state.read(r.message());
  }
  return answer(3, poll.render(feature, room, state));
}

// An entry of a map from rooms to states.
function readState(r: Reader, states: Map<string, poll.State>): void {
  let room = "";
  const state = new poll.State();
  while (r.next()) {
    if (r.is(1)) room = r.text();
    else if (r.is(2)) state.read(r.message());
  }
  states.set(room, state);
}

// An Answer, with an error when the input was no message.
function answer(body: u32, content: Writer): i64 {
  output = malformed
    ? new Writer().message(4, new Writer().number(1, CODE_FAILED).text(2, "malformed input"))
    : new Writer().message(body, content);
  return output.result();
}
