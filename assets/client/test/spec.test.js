import assert from 'node:assert/strict'
import test from 'node:test'
import { continuous, match, parse } from '../src/spec.js'
import { openPage } from './page.js'

test('parse', async t => {
  const cases = {
    'click->lightbulb#set': [{ type: 'click', key: undefined, target: 'lightbulb#set' }],
    '  submit->hello#say\n keydown.Enter->chat#say ': [
      { type: 'submit', key: undefined, target: 'hello#say' },
      { type: 'keydown', key: 'Enter', target: 'chat#say' }
    ],
    'keydown.Space->a#b': [{ type: 'keydown', key: ' ', target: 'a#b' }],
    'keydown..->a#b': [{ type: 'keydown', key: '.', target: 'a#b' }],
    '': [],
    click: [],
    'click->lightbulb': [],
    '->a#b': [],
    'click->#b': [],
    'click->a#b->c#d': []
  }
  for (const [spec, want] of Object.entries(cases)) {
    await t.test(JSON.stringify(spec), () => assert.deepEqual(parse(spec), want))
  }
})

test('match: the nearest element that binds the type and key answers', t => {
  const { $ } = openPage(t, `
    <section data-live="click->outer#click keydown.Enter->outer#enter">
      <form data-live="submit->inner#submit"><button data-live="click->button#press"><b>x</b></button><input></form>
    </section>`)
  const found = (target, type, more) => match({ target, type, ...more })?.target
  assert.equal(found($('b'), 'click'), 'button#press')
  assert.equal(found($('input'), 'click'), 'outer#click')
  assert.equal(found($('form'), 'submit'), 'inner#submit')
  assert.equal(found($('input'), 'keydown', { key: 'Enter' }), 'outer#enter')
  assert.equal(found($('input'), 'keydown', { key: 'a' }), undefined)
  assert.equal(found($('input'), 'keydown', { key: 'Enter', isComposing: true }), undefined)
  assert.equal(found($('body'), 'click'), undefined)
  assert.equal(found(document, 'click'), undefined)
})

test('continuous', () => {
  assert.deepEqual(['pointermove', 'input', 'scroll', 'click', 'submit', 'change'].filter(continuous), ['pointermove', 'input', 'scroll'])
})
