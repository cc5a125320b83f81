// What a feature is written with: mutations, refusals, HTML, addresses. Nothing
// here reads or writes anything, as nothing in a feature may.

/** A refusal is told to the person as it is: one plain sentence of at most 200 bytes. */
export class Refusal extends Error {}

/** Ends a handle with a refusal. */
export function refuse(sentence) {
  throw new Refusal(sentence);
}

/** Gives a register a value. */
export const set = (field, value) => ({ field, op: 'OP_SET', value });

/** Adds to a counter; delta may be negative. */
export const add = (field, delta) => ({ field, op: 'OP_ADD', delta });

/** Adds an item to a list. */
export const push = (field, value) => ({ field, op: 'OP_PUSH', value });

/** The items of a list, newest first: {id, value, unixMs, site} each. */
export const items = (state, field) => state.lists[field]?.items ?? [];

/** Whether a render has to show field: all of them, unless view is partial. */
export const changed = (view, field) => !view.partial || view.changes.some((c) => c.field === field);

/** The address that a form posts an event to. */
export const action = (view, event) => `/rooms/${encodeURIComponent(view.room)}/${view.feature}/${event}`;

/** Operations for a fragment's patch. selector is "#" and an id of the feature's own. */
export const textContent = (selector, text) => ({ operation: 'textContent', selector, text });
export const setAttribute = (selector, name, value) => ({ operation: 'setAttribute', selector, name, value });

class Markup {
  constructor(source) {
    this.source = source;
  }
  toString() {
    return this.source;
  }
}

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' };

const markup = (value) => {
  if (Array.isArray(value)) return value.map(markup).join('');
  if (value instanceof Markup) return value.source;
  return String(value).replace(/[&<>"']/g, (c) => ENTITIES[c]);
};

/**
 * Makes HTML of a template, and escapes what is put in, for text and for quoted
 * attributes:
 *
 *     html`<li title="${word}">${word} ${html`<b>${n}</b>`}</li>`
 *
 * What html made itself goes in as it is, and arrays one after another. Scripts,
 * styles and the scheme of an address are not safe by this.
 */
export function html(strings, ...values) {
  return new Markup(String.raw({ raw: strings }, ...values.map(markup)));
}
