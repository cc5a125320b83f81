import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusal } from '../src/feature.js';
import { poll } from '../src/poll.js';

const item = (by, choice, why = '') => ({ id: by, value: JSON.stringify({ choice, why, by }), unixMs: 0, site: 'lhr' });
const state = (...items) => ({ registers: {}, counters: {}, lists: { votes: { items } }, presence: {}, sites: {} });
const vote = (user, fields) => ({ name: 'vote', room: 'home', person: { user }, fields });
const view = (items, more = {}) => ({ feature: 'poll', room: 'home', state: state(...items), partial: false, changes: [], ...more });
const show = (fragments) => Object.fromEntries(fragments.map((f) => [f.id, String(f.html)]));

test('a vote is kept with its reason, on one line', () => {
  const [mutation, ...more] = poll.handle(vote('ann', { choice: 'park', why: ' sun\n and  air ' }), state());
  assert.deepEqual(more, []);
  assert.equal(mutation.field, 'votes');
  assert.equal(mutation.op, 'OP_PUSH');
  assert.deepEqual(JSON.parse(mutation.value), { choice: 'park', why: 'sun and air', by: 'ann' });
});

test('what changes nothing is refused', () => {
  const refused = (sentence) => (err) => err instanceof Refusal && err.message === sentence;
  assert.throws(() => poll.handle(vote('ann', { choice: 'park', why: '?!' }), state()), refused('Give a reason in words, or none.'));
  const same = () => poll.handle(vote('ann', { choice: 'cafe' }), state(item('bob', 'park'), item('ann', 'cafe')));
  assert.throws(same, refused('You have that already: In the café.'));
  const often = state(...['park', 'cafe', 'park', 'cafe', 'park'].map((choice) => item('ann', choice)));
  assert.throws(() => poll.handle(vote('ann', { choice: 'here' }), often), refused('You have voted 5 times: leave it at that.'));
  assert.equal(poll.handle(vote('bob', { choice: 'here' }), often).length, 1);
});

test("each person's newest vote counts, once", () => {
  const html = show(poll.render(view([item('ann', 'cafe'), item('bob', 'park'), item('ann', 'park'), item('ann', 'park')])));
  assert.match(html['poll-results'], /<output id="poll-count-cafe">1</);
  assert.match(html['poll-results'], /<output id="poll-count-park">1</);
  assert.match(html['poll-results'], /id="poll-meter-park" aria-hidden="true" min="0" max="2" value="1"/);
  assert.equal(html['poll-voters'], '<p id="poll-voters">2 people have voted.</p>');
});

test('what somebody else wrote into the list is passed over', () => {
  const foreign = ['', 'null', '7', '{}', '{"choice":"toString","why":"","by":"x"}', '{"choice":"park","why":3,"by":"x"}'];
  const html = show(poll.render(view([...foreign.map((value) => ({ value })), item('ann', 'here')])));
  assert.equal(html['poll-voters'], '<p id="poll-voters">One person has voted.</p>');
});

test('reasons are escaped', () => {
  const html = show(poll.render(view([item('ann', 'park', '<img src=x onerror="alert(1)"> & \'so\'')])));
  assert.match(html['poll-reasons'], /<q>&lt;img src=x onerror=&#34;alert\(1\)&#34;&gt; &amp; &#39;so&#39;<\/q>/);
});

test('only what changed is rendered', () => {
  const ids = (more) => poll.render(view([item('ann', 'park')], more)).map((f) => f.id);
  assert.deepEqual(ids({}), ['poll-form', 'poll-results', 'poll-voters', 'poll-reasons']);
  assert.deepEqual(ids({ partial: true, changes: [{ field: 'votes' }] }), ['poll-results', 'poll-voters', 'poll-reasons']);
  assert.deepEqual(ids({ partial: true, changes: [{ field: 'other' }] }), []);
});

test('a patch says what the HTML says', () => {
  const fragments = poll.render(view([item('ann', 'park'), item('bob', 'park')]));
  const { html, patch } = fragments.find((f) => f.id === 'poll-results');
  for (const { operation, selector, name, value, text } of patch) {
    const element = new RegExp(`<(meter|output) id="${selector.slice(1)}"([^>]*)>([^<]*)<`).exec(html);
    if (operation === 'setAttribute') assert.match(element[2], new RegExp(` ${name}="${value}"`));
    else assert.equal(element[3], text);
  }
  assert.equal(patch.length, 12);
});

test('the form works without script', () => {
  const html = show(poll.render(view([], { room: 'a-b' })))['poll-form'];
  assert.match(html, /^<form id="poll-form" method="post" action="\/rooms\/a-b\/poll\/vote" data-live="submit->poll#vote"/);
});
