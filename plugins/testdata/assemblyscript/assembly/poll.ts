// The feature: a room has one question, and everybody may say yes or no to it.

import { escape } from "./html";
import { Reader, Writer } from "./proto";

// Numbers of feature.proto's enums.
const KIND_REGISTER = 1;
const KIND_COUNTER = 2;
const TYPE_TEXT = 1;
const TYPE_CHOICE = 4;
const OP_SET = 1;
const OP_ADD = 3;
const CODE_REFUSED = 2;

/** A DescribeResponse. */
export function describe(): Writer {
  const question = new Writer().text(1, "question").number(2, TYPE_TEXT).number(4, 1).number(5, 80);
  const answer = new Writer().text(1, "answer").number(2, TYPE_CHOICE).text(6, "yes").text(6, "no");
  const manifest = new Writer()
    .text(1, "poll")
    .text(2, "Yes or no")
    .message(4, new Writer().text(1, "question").number(2, KIND_REGISTER))
    .message(4, new Writer().text(1, "yes").number(2, KIND_COUNTER))
    .message(4, new Writer().text(1, "no").number(2, KIND_COUNTER))
    .message(5, new Writer().text(1, "ask").message(2, question).double(3, 0.5).number(4, 2))
    .message(5, new Writer().text(1, "vote").message(2, answer).double(3, 2))
    .text(6, "#poll-card form { display: inline-block; margin-inline-end: 0.5em; }");
  return new Writer().message(1, manifest).text(2, "by hand");
}

/** Something that a person did. */
export class Event {
  name: string = "";
  room: string = "";
  question: string = "";
  answer: string = "";

  constructor(r: Reader) {
    while (r.next()) {
      if (r.is(2)) this.name = r.text();
      else if (r.is(3)) this.room = r.text();
      else if (r.is(4)) this.readField(r.message());
    }
  }

  private readField(r: Reader): void {
    let key = "";
    let value = "";
    while (r.next()) {
      if (r.is(1)) key = r.text();
      else if (r.is(2)) value = r.text();
    }
    if (key == "question") this.question = value;
    else if (key == "answer") this.answer = value;
  }
}

/** What is true in a room. */
export class State {
  question: string = "";
  yes: i64 = 0;
  no: i64 = 0;

  read(r: Reader): void {
    while (r.next()) {
      if (r.is(1)) this.readRegister(r.message());
      else if (r.is(2)) this.readCounter(r.message());
    }
  }

  private readRegister(r: Reader): void {
    let key = "";
    let value = "";
    while (r.next()) {
      if (r.is(1)) key = r.text();
      else if (r.is(2)) {
        const item = r.message();
        while (item.next()) if (item.is(2)) value = item.text();
      }
    }
    if (key == "question") this.question = value;
  }

  private readCounter(r: Reader): void {
    let key = "";
    let value: u64 = 0;
    while (r.next()) {
      if (r.is(1)) key = r.text();
      else if (r.field == 2) value = r.value;
    }
    if (key == "yes") this.yes = <i64>value;
    else if (key == "no") this.no = <i64>value;
  }
}

/** An Outcome: what an event changes, or why it does not. */
export function handle(event: Event, state: State): Writer {
  if (event.name == "ask") {
    const question = event.question.trim();
    if (question.length == 0) return refused("A question needs words.");
    return new Writer()
      .message(1, new Writer().text(1, "question").number(2, OP_SET).text(3, question))
      .message(1, add("yes", -state.yes))
      .message(1, add("no", -state.no));
  }
  if (event.name == "vote") {
    if (state.question.length == 0) return refused("Nobody has asked anything yet.");
    return new Writer().message(1, add(event.answer, 1));
  }
  return new Writer();
}

function add(field: string, delta: i64): Writer {
  return new Writer().text(1, field).number(2, OP_ADD).signed(4, delta);
}

function refused(sentence: string): Writer {
  const error = new Writer().number(1, CODE_REFUSED).text(2, sentence).text(3, sentence);
  return new Writer().message(2, error);
}

/** Fragments: one, for everybody. */
export function render(feature: string, room: string, state: State): Writer {
  const action = escape("/rooms/" + encodeURIComponent(room) + "/" + feature + "/");
  let html = '<div id="poll-card"><p>' +
    (state.question.length > 0 ? escape(state.question) : "Nobody has asked anything yet.") + "</p>";
  if (state.question.length > 0) {
    html += vote(action, "yes", "Yes", state.yes) + vote(action, "no", "No", state.no);
  }
  html += '<form id="poll-ask" method="post" action="' + action + 'ask" data-live="submit->poll#ask">' +
    '<label>Ask <input name="question" required="" maxlength="80" autocomplete="off"></label> <button>Ask</button></form></div>';
  return new Writer().message(1, new Writer().text(1, "poll-card").text(2, html));
}

function vote(action: string, answer: string, label: string, count: i64): string {
  return '<form id="poll-' + answer + '" method="post" action="' + action + 'vote" data-live="submit->poll#vote">' +
    '<input type="hidden" name="answer" value="' + answer + '"><button>' + label + " " + count.toString() + "</button></form>";
}
