import assert from 'node:assert/strict'
import test from 'node:test'
import { createTiming } from '../src/timing.js'
import { openPage } from './page.js'

const setup = (t, html) => {
  const page = openPage(t, html)
  const runs = []
  const timing = createTiming()
  return { ...page, runs, timing, go: (el, what, type = 'click') => timing.schedule(el, 'f#e', type, () => runs.push(what)) }
}

test('without attributes it runs at once', t => {
  const { $, go, runs } = setup(t, '<p>')
  go($('p'), 1)
  go($('p'), 2)
  assert.deepEqual(runs, [1, 2])
})

test('debounce runs the last one, once it is quiet', t => {
  const { $, go, runs, tick } = setup(t, '<p data-live-debounce=300>')
  go($('p'), 1)
  tick(299)
  go($('p'), 2)
  tick(299)
  assert.deepEqual(runs, [])
  tick(1)
  assert.deepEqual(runs, [2])
  tick(1000)
  assert.deepEqual(runs, [2])
})

test('debounce is dropped with its element', t => {
  const { $, go, runs, tick } = setup(t, '<p data-live-debounce=300>')
  go($('p'), 1)
  $('p').remove()
  tick(300)
  assert.deepEqual(runs, [])
})

test('flush runs what waits in the form, and not elsewhere', t => {
  const { $, go, runs, tick, timing } = setup(t, '<form id=a><input data-live-debounce=300></form><form id=b><input data-live-debounce=300></form><input form=a data-live-debounce=300>')
  go($('#a input'), 'inside')
  go($('#b input'), 'other')
  go($('input[form]'), 'associated')
  timing.flush($('#a'))
  assert.deepEqual(runs, ['inside', 'associated'])
  tick(300)
  assert.deepEqual(runs, ['inside', 'associated', 'other'])
})

test('throttle drops clicks that come too soon', t => {
  const { $, go, runs, tick } = setup(t, '<p data-live-throttle=100>')
  go($('p'), 1)
  tick(99)
  go($('p'), 2)
  tick(1)
  go($('p'), 3)
  tick(1000)
  assert.deepEqual(runs, [1, 3])
})

test('throttle keeps the last position of a movement', t => {
  const { $, go, runs, tick } = setup(t, '<p data-live-throttle=100>')
  for (let i = 0; i < 15; i++) {
    go($('p'), i, 'pointermove')
    tick(10)
  }
  assert.deepEqual(runs, [0, 9])
  tick(1000)
  assert.deepEqual(runs, [0, 9, 14])
})
