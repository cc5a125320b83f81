// The parts of the board that need no page.
import assert from 'node:assert/strict'
import test, { mock } from 'node:test'
import { format, line, palette, unpack } from '../src/elements/board/cells.js'
import { decode } from '../src/elements/board/film.js'
import { createTokens } from '../src/elements/board/tokens.js'
import { createView } from '../src/elements/board/view.js'
import { ago } from '../src/elements/words.js'
import { pack } from './elements.js'

test('cells travel', () => {
  const cells = unpack(pack([0, 1], [0xffffff, 255], [999999, 31]))
  assert.deepEqual([...cells].map(c => [c >>> 8, c & 255]), [[0, 1], [0xffffff, 255], [999999, 31]])
  assert.deepEqual([...unpack('')], [])
  assert.equal(format([0, 41, 799], 40), '0,0 1,1 39,19')
})

test('a line holds both ends, has no gap and is as long as its longer side', () => {
  for (const [x, y] of [[0, 0], [7, 3], [-7, 3], [3, -9], [0, 5], [-5, -5]]) {
    const cells = []
    line(2, 1, 2 + x, 1 + y, (...c) => cells.push(c))
    assert.deepEqual([cells[0], cells.at(-1)], [[2, 1], [2 + x, 1 + y]])
    assert.equal(cells.length, Math.max(Math.abs(x), Math.abs(y)) + 1)
    for (let i = 1; i < cells.length; i++) {
      assert.ok(Math.abs(cells[i][0] - cells[i - 1][0]) <= 1 && Math.abs(cells[i][1] - cells[i - 1][1]) <= 1)
    }
  }
})

test('a palette', () => {
  assert.deepEqual(palette('white:#ffffff;dark red:#aa0000'), [{ name: 'white', rgb: '#ffffff' }, { name: 'dark red', rgb: '#aa0000' }])
  assert.deepEqual(palette(null), [])
})

test('tokens come back at the rate, up to the burst', t => {
  mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
  t.after(() => mock.timers.reset())
  const tokens = createTokens(2, 5)
  for (let i = 0; i < 5; i++) assert.equal(tokens.take(), true)
  assert.equal(tokens.take(), false)
  assert.equal(tokens.wait(), 500)
  mock.timers.tick(499)
  assert.equal(tokens.take(), false)
  mock.timers.tick(1)
  assert.equal(tokens.take(), true)
  mock.timers.tick(60_000)
  assert.equal(tokens.left(), 5)
  tokens.none(3000)
  assert.equal(tokens.wait(), 3000)
  mock.timers.setTime(1_000_000) // a clock that is set back
  assert.ok(tokens.wait() <= 3000)
})

test('without a rate there is no limit', () => {
  const tokens = createTokens(0, 1)
  for (let i = 0; i < 1000; i++) assert.equal(tokens.take(), true)
  assert.equal(tokens.left(), Infinity)
})

test('a view keeps the point that it zooms at, and never leaves the board', () => {
  const view = createView(1000, 500)
  view.resize(800, 600, 2)
  assert.deepEqual([view.scale, view.x, view.y], [0.8, 0, 100])
  assert.equal(view.at(10, 10), undefined)
  assert.deepEqual(view.at(10, 10, true), { x: 12, y: 0 })
  view.zoom(20, 200, 300)
  const cell = view.at(200, 300)
  view.zoom(2, 200, 300)
  assert.deepEqual(view.at(200, 300), cell)
  for (let i = 0; i < 40; i++) view.zoom(2)
  assert.equal(view.cell, 48)
  view.pan(1e9, 1e9)
  assert.deepEqual([view.at(0, 0), view.at(300, 220)], [undefined, { x: 0, y: 0 }])
  view.pan(-1e9, -1e9)
  assert.deepEqual([view.at(799, 599), view.at(500, 380)], [undefined, { x: 999, y: 499 }])
  view.reveal(3, 4)
  assert.equal(view.shows(3, 4), true)
  assert.equal(view.shows(900, 400), false)
  view.centre(500, 250)
  assert.deepEqual(view.at(400, 300), { x: 500, y: 250 })
  view.resize(400, 300, 1)
  assert.deepEqual(view.at(200, 150), { x: 500, y: 250 })
  for (let i = 0; i < 40; i++) view.zoom(0.5)
  assert.deepEqual(view.part(), { left: 0, top: 0, right: 1, bottom: 1 })
})

const film = (width, height, from, start, steps) => {
  const n = steps.length
  const view = new DataView(new ArrayBuffer(20 + start.length + 9 * n))
  view.setUint32(0, 0x47504631)
  view.setUint16(4, width)
  view.setUint16(6, height)
  view.setBigUint64(8, BigInt(from))
  view.setUint32(16, n)
  start.forEach((c, i) => view.setUint8(20 + i, c))
  steps.forEach(([ms, index, colour], i) => {
    view.setUint32(20 + start.length + 4 * i, ms)
    view.setUint32(20 + start.length + 4 * (n + i), index)
    view.setUint8(20 + start.length + 8 * n + i, colour)
  })
  return view.buffer
}

test('a film as core/board writes it', () => {
  const f = decode(film(2, 2, 1795500000123, [0, 1, 2, 3], [[10, 3, 1], [0, 2, 2], [90, 0, 3]]), 4)
  assert.deepEqual([f.from, f.length, f.count, [...f.start]], [1795500000123, 100, 3, [0, 1, 2, 3]])
  assert.deepEqual([[...f.at], [...f.index], [...f.colour]], [[10, 10, 100], [3, 2, 0], [1, 2, 3]])
  const still = decode(film(2, 2, 5, [0, 1, 2, 3], []), 4)
  assert.deepEqual([still.length, still.count], [0, 0])
})

test('what is no film of the board is refused', () => {
  const good = film(2, 2, 5, [0, 1, 2, 3], [[1, 1, 1]])
  const wrong = new Uint8Array(good.slice())
  wrong[0] = 65
  for (const buffer of [new ArrayBuffer(0), new ArrayBuffer(19), good.slice(0, -1), wrong.buffer, film(3, 1, 5, [0, 1, 2], [])]) {
    assert.throws(() => decode(buffer, 4), /no film/)
  }
})

test('how long ago', () => {
  const cases = { 0: 'just now', 30000: 'less than a minute ago', 60000: '1 minute ago', 7_200_000: '2 hours ago', 180_000_000: '2 days ago', '-5': 'just now' }
  for (const ms in cases) assert.equal(ago(Number(ms)), cases[ms])
})
