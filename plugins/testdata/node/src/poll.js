// Where to meet? Everybody in the room has one vote, and may change it.
//
// A vote is an item of a list, and the newest of each person counts. That is why
// regions may be cut off from each other meanwhile: when they meet again they
// have all votes in one order, so a person who voted in two of them, or whose
// vote came twice, still counts once. A counter a choice would count them twice.
import { action, changed, html, items, push, refuse, setAttribute, textContent } from './feature.js';

const CHOICES = { park: 'In the park', cafe: 'In the café', library: 'In the library', here: 'Right here' };

// VOTES is how many votes are kept. In a room with more, the oldest stop counting.
const VOTES = 1000;

// CHANGES is how many of them one person may take up.
const CHANGES = 5;

// REASONS is how many people's reasons are shown.
const REASONS = 5;

const STYLE = `
ul { list-style: none; padding: 0 }
#poll-results li { display: grid; grid-template-columns: 8em 1fr 3em; gap: .5em; align-items: center }
#poll-results meter { width: 100% }
#poll-results output { text-align: end; font-variant-numeric: tabular-nums }
#poll-reasons { color: var(--soft) }
#poll-form label { display: inline-block; margin-inline-end: 1em }
`;

export const poll = {
  manifest: {
    name: 'poll',
    title: 'Where to meet?',
    style: STYLE,
    state: [{ name: 'votes', kind: 'KIND_LIST', cap: VOTES }],
    events: [
      {
        name: 'vote',
        rate: 1,
        burst: 3,
        fields: [
          { name: 'choice', type: 'TYPE_CHOICE', choices: Object.keys(CHOICES) },
          { name: 'why', type: 'TYPE_TEXT', optional: true, max: 80 },
        ],
      },
    ],
  },

  handle(event, state) {
    const { choice, why: reason = '' } = event.fields;
    const why = reason.replace(/\s+/g, ' ').trim();
    if (why !== '' && !/[\p{L}\p{N}]/u.test(why)) refuse('Give a reason in words, or none.');

    const by = event.person?.user ?? '';
    const mine = items(state, 'votes').map(parse).filter((vote) => vote?.by === by);
    if (mine[0]?.choice === choice && mine[0].why === why) refuse(`You have that already: ${CHOICES[choice]}.`);
    if (mine.length >= CHANGES) refuse(`You have voted ${CHANGES} times: leave it at that.`);
    return [push('votes', JSON.stringify({ choice, why, by }))];
  },

  render(view) {
    const fragments = [];
    if (!view.partial) fragments.push(form(view));
    if (changed(view, 'votes')) {
      const votes = count(items(view.state, 'votes'));
      fragments.push(results(votes), voters(votes), reasons(votes));
    }
    return fragments;
  },
};

// parse reads a vote back, or answers nothing of what another version wrote.
function parse({ value }) {
  try {
    const { choice, why, by } = JSON.parse(value);
    if (Object.hasOwn(CHOICES, choice) && typeof why === 'string' && typeof by === 'string') return { choice, why, by };
  } catch {
    // Not ours.
  }
  return undefined;
}

// count answers the vote of each person, newest first.
function count(list) {
  const votes = new Map();
  for (const vote of list.map(parse)) {
    if (vote && !votes.has(vote.by)) votes.set(vote.by, vote);
  }
  return [...votes.values()];
}

function form(view) {
  return {
    id: 'poll-form',
    html: html`<form id="poll-form" method="post" action="${action(view, 'vote')}" data-live="submit->poll#vote" data-live-disable>
      <fieldset><legend>Your vote</legend>${Object.entries(CHOICES).map(
        ([choice, label]) => html`<label><input type="radio" name="choice" value="${choice}" required> ${label}</label>`,
      )}</fieldset>
      <input name="why" aria-label="Why, if you like" placeholder="Why, if you like" maxlength="80"> <button>Vote</button>
      <p data-live-error></p>
    </form>`,
  };
}

function results(votes) {
  const rows = Object.entries(CHOICES).map(([choice, label]) => ({
    choice,
    label,
    n: String(votes.filter((vote) => vote.choice === choice).length),
  }));
  const most = String(Math.max(1, votes.length));
  return {
    id: 'poll-results',
    html: html`<ul id="poll-results">${rows.map(
      ({ choice, label, n }) => html`
      <li><span>${label}</span>
        <meter id="poll-meter-${choice}" aria-hidden="true" min="0" max="${most}" value="${n}"></meter>
        <output id="poll-count-${choice}">${n}</output></li>`,
    )}</ul>`,
    // All of them: a render does not know what it showed last.
    patch: rows.flatMap(({ choice, n }) => [
      setAttribute(`#poll-meter-${choice}`, 'max', most),
      setAttribute(`#poll-meter-${choice}`, 'value', n),
      textContent(`#poll-count-${choice}`, n),
    ]),
  };
}

function voters(votes) {
  const text = votes.length === 1 ? 'One person has voted.' : `${votes.length} people have voted.`;
  return { id: 'poll-voters', html: html`<p id="poll-voters">${text}</p>`, patch: [textContent('#poll-voters', text)] };
}

function reasons(votes) {
  const shown = votes.filter((vote) => vote.why !== '').slice(0, REASONS);
  return {
    id: 'poll-reasons',
    html: html`<ul id="poll-reasons">${shown.map(({ choice, why }) => html`<li>${CHOICES[choice]}: <q>${why}</q></li>`)}</ul>`,
  };
}
