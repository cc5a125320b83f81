import assert from 'node:assert/strict'
import test from 'node:test'
import { openElements, pack } from './elements.js'

// 40 × 20 cells on 400 × 200 pixels: ten pixels a cell.
const HTML = (more = '') => `<main><section data-live-feature=board><p id=err data-live-error></p>
  <live-board id="board-pixels" data-live="act->board#paint" data-width=40 data-height=20
    data-palette="white:#ffffff;black:#000000;dark red:#aa0000" data-src="/r/home/board.bin"
    data-cell="/r/home/board/cell" data-replay="/r/home/board/replay" ${more}><form id=plain></form></live-board></section></main>`

async function open (t, { more, position = 'lhr:5-0', cells = {}, answers = true, serve } = {}) {
  const colours = new Uint8Array(800)
  for (const i in cells) colours[i] = cells[i]
  const server = { position, colours, status: 200, cell: { colour: 0, painted: true, known: true, by: 'k7qf2', site: 'lhr-2', region: 'lhr', at: new Date(1_000_000 - 180_000).toISOString() } }
  const page = await openElements(t, HTML(more), {
    serve: serve || (url => url.startsWith('/r/home/board.bin')
      ? { status: server.status, headers: { 'Live-Position': server.position }, body: server.colours }
      : { body: server.cell })
  })
  const host = page.$('live-board')
  page.connect()
  await page.settle()
  const canvas = page.$('.board-canvas')
  const board = {
    ...page,
    server,
    host,
    canvas,
    deltas: (from, to, ...cells) => page.say('#board-pixels', 'live:cells', { from, to, cells: pack(...cells) }),
    answer: (to, ...cells) => page.say('#board-pixels', 'live:cells', { to, cells: pack(...cells) }),
    /** What is on the bitmap after the next frame. */
    fills () {
      page.frame()
      const bitmap = [...page.contexts.keys()].find(c => c.width === 40 && c.height === 20)
      return page.drawn(bitmap).map(([kind, ...rest]) => kind === 'all' ? 'all' : rest.join(' '))
    },
    /** The colour of a cell when the bitmap was last written as a whole, as #rrggbb. */
    cell (index) {
      const bitmap = [...page.contexts.keys()].find(c => c.width === 40 && c.height === 20)
      return '#' + Buffer.from(page.contexts.get(bitmap).image.data.slice(4 * index, 4 * index + 3)).toString('hex')
    },
    events () {
      page.tick(60) // the pause between two
      return page.sent('event')
    },
    syncs: () => page.sent('sync'),
    said: () => page.$('.board-said').textContent,
    click (x, y) {
      page.point(canvas, 'pointerdown', x * 10 + 5, y * 10 + 5)
      page.point(canvas, 'pointerup', x * 10 + 5, y * 10 + 5)
    },
    drag (...points) {
      const [first, ...rest] = points.map(([x, y]) => [x * 10 + 5, y * 10 + 5])
      page.point(canvas, 'pointerdown', ...first)
      for (const p of rest) page.point(canvas, 'pointermove', ...p)
      page.point(canvas, 'pointerup', ...(rest.at(-1) || first))
    },
    colour (n) { page.document.querySelectorAll('.board-swatches input')[n].click() }
  }
  if (answers) {
    board.answer(7)
    board.fills()
    page.sent()
  }
  return board
}

test('a board is loaded, then synced by its position, and takes the place of the form', async t => {
  const b = await open(t, { answers: false })
  assert.deepEqual(b.requests, ['/r/home/board.bin'])
  const syncs = b.syncs()
  assert.deepEqual(syncs.map(s => s.grids), [{}, { 'board-pixels': 'lhr:5-0' }])
  assert.equal('frags' in syncs[1], false)
  assert.equal(b.host.position, 'lhr:5-0')
  assert.equal(b.$('#plain').hidden, true)
  assert.equal(b.host.hasAttribute('data-live-permanent'), true)
  assert.deepEqual(b.fills(), ['all'])

  b.deltas(3, 4, [41, 1]) // before the answer, which holds it
  assert.deepEqual(b.fills(), [])
  b.answer(9, [41, 1], [42, 2])
  assert.deepEqual(b.fills(), ['#000000 1 1', '#aa0000 2 1'])
  b.deltas(9, 10, [42, 1])
  assert.deepEqual(b.fills(), ['#000000 2 1'])
  assert.equal(b.host.dataset.state, 'live')
  assert.deepEqual(b.faults, [])
})

test('a never painted board has the position ""', async t => {
  const b = await open(t, { answers: false, position: '' })
  assert.deepEqual(b.syncs().at(-1).grids, { 'board-pixels': '' })
})

test('a gap asks for a sync, and nothing counts until its answer', async t => {
  const b = await open(t)
  b.deltas(7, 8, [1, 1])
  b.deltas(9, 10, [2, 1])
  assert.deepEqual(b.syncs().map(s => s.grids), [{ 'board-pixels': 'lhr:5-0' }])
  b.deltas(10, 11, [3, 1])
  assert.deepEqual(b.fills(), ['#000000 1 0'])
  assert.equal(b.syncs().length, 0)
  b.answer(11, [1, 1], [2, 1], [3, 1])
  assert.deepEqual(b.fills(), ['#000000 2 0', '#000000 3 0'])
  b.deltas(11, 12, [4, 1])
  assert.deepEqual(b.fills(), ['#000000 4 0'])
})

test('a sync without an answer is asked for again, ever less often', async t => {
  const b = await open(t)
  b.deltas(3, 4, [1, 1])
  b.pass(12_000)
  const first = b.syncs().length
  assert.ok(first >= 2 && first <= 4, `${first} syncs in 12 s`)
  b.pass(600_000)
  const later = b.syncs().length
  assert.ok(later >= 6 && later <= 30, `${later} syncs in ten minutes`)
  b.answer(5, [1, 1])
  b.pass(600_000)
  assert.equal(b.syncs().length, 0)
})

test('a board that is too far behind is loaded again', async t => {
  const b = await open(t)
  b.server.colours[5] = 2
  b.server.position = 'lhr:9-0'
  b.say('#board-pixels', 'live:cells', { reload: true })
  b.say('#board-pixels', 'live:cells', { reload: true })
  assert.equal(b.host.position, null)
  b.deltas(7, 8, [6, 1])
  b.tick(400)
  await b.settle()
  assert.equal(b.requests.length, 2)
  assert.deepEqual(b.syncs().map(s => s.grids), [{ 'board-pixels': 'lhr:9-0' }])
  assert.deepEqual(b.fills(), ['all'])
  b.answer(20)

  b.say('#board-pixels', 'live:cells', { reload: true }) // again within the moment
  b.tick(450)
  await b.settle()
  assert.equal(b.requests.length, 2)
  b.tick(4000)
  await b.settle()
  assert.equal(b.requests.length, 3)
})

test('a snapshot that fails is asked for until it is there', async t => {
  const b = await open(t, { answers: false, serve: () => ({ status: 503 }) })
  assert.equal(b.host.dataset.state, 'failed')
  assert.match(b.$('.board-hint').textContent, /cannot be loaded/)
  for (let i = 0; i < 60; i++) {
    b.tick(5000)
    await b.settle()
  }
  assert.ok(b.requests.length > 5 && b.requests.length < 30, `${b.requests.length} requests in five minutes`)
})

for (const [what, answer] of [
  ['has the wrong size', { headers: { 'Live-Position': '' }, body: [1, 2] }],
  ['names no position', { body: new Uint8Array(800) }]
]) {
  test(`a snapshot that ${what} is none`, async t => {
    const b = await open(t, { answers: false, serve: () => answer })
    assert.equal(b.host.dataset.state, 'failed')
    assert.equal(b.host.position, null)
  })
}

test('a lost connection syncs again with the next, whatever the numbers say', async t => {
  const b = await open(t)
  b.socket.cut()
  b.deltas(7, 8, [1, 1])
  assert.deepEqual(b.fills(), [])
  b.document.dispatchEvent(new b.window.CustomEvent('live:connected'))
  b.deltas(7, 8, [2, 1]) // of another binary, that counts its own
  assert.deepEqual(b.fills(), [])
  b.answer(3, [1, 2])
  assert.deepEqual(b.fills(), ['#aa0000 1 0'])
  b.deltas(3, 4, [1, 1])
  assert.deepEqual(b.fills(), ['#000000 1 0'])
})

test('a cell beyond the board is passed over', async t => {
  const b = await open(t)
  b.deltas(7, 8, [800, 1], [5, 200])
  assert.deepEqual(b.fills(), ['#000000 5 0'])
  assert.deepEqual(b.faults, [])
})

test('a click paints at once and sends one cell', async t => {
  const b = await open(t)
  b.click(3, 2)
  assert.deepEqual(b.fills(), ['#000000 3 2'])
  const [event] = b.events()
  assert.deepEqual([event.target, event.event, event.fields], ['board#paint', 'act', { cells: '3,2', colour: '1' }])
  assert.equal('dataset' in event, false)
  b.deltas(7, 8, [83, 1])
  b.ack(event.id, 'ok')
  b.tick(10_000)
  assert.deepEqual(b.fills(), [])
  assert.equal(b.host.hasAttribute('aria-busy'), false)
})

test('a refused paint is taken back with the reason, said once', async t => {
  const b = await open(t)
  b.click(3, 2)
  b.fills()
  b.ack(b.events()[0].id, 'invalid', { error: 'Not here.' })
  assert.deepEqual(b.fills(), ['#ffffff 3 2'])
  assert.equal(b.said(), 'Not here.')
  assert.equal(b.$('.board-said').getAttribute('role'), 'status')
  assert.equal(b.$('#err').textContent, '')
  b.tick(10_000)
  assert.equal(b.said(), '')
})

test('taking back shows what the server has said since', async t => {
  const b = await open(t)
  b.click(3, 2)
  b.deltas(7, 8, [83, 2])
  assert.deepEqual(b.fills(), ['#000000 3 2'])
  b.ack(b.events()[0].id, 'error', {})
  assert.deepEqual(b.fills(), ['#aa0000 3 2'])
  assert.equal(b.said(), 'That could not be painted.')
})

test('a later word of the server wins over a paint that was taken', async t => {
  const b = await open(t)
  b.click(3, 2)
  b.fills()
  b.ack(b.events()[0].id, 'ok')
  b.deltas(7, 8, [83, 2])
  assert.deepEqual(b.fills(), ['#aa0000 3 2'])
})

test('a paint that was taken stays although its echo is late', async t => {
  const b = await open(t)
  b.click(3, 2)
  b.fills()
  b.ack(b.events()[0].id, 'ok')
  b.tick(20_000)
  assert.deepEqual(b.fills(), [])
})

test('who painted the same cell in the same moment, and later, is shown in the end', async t => {
  const b = await open(t)
  b.click(3, 2)
  b.fills()
  b.deltas(7, 8, [83, 2]) // theirs, which was over ours in one frame
  b.ack(b.events()[0].id, 'ok')
  assert.deepEqual(b.fills(), [])
  b.tick(4000)
  assert.deepEqual(b.fills(), ['#aa0000 3 2'])
})

test('a paint outlives a new snapshot', async t => {
  const b = await open(t)
  b.click(3, 2)
  b.say('#board-pixels', 'live:cells', { reload: true })
  b.tick(400)
  await b.settle()
  b.fills()
  b.answer(9)
  b.ack(b.events()[0].id, 'invalid', { error: 'No.' })
  assert.deepEqual(b.fills(), ['#ffffff 3 2'])
})

test('what somebody painted over a paint whose echo was lost is not hidden by it', async t => {
  const b = await open(t)
  b.click(3, 2)
  b.ack(b.events()[0].id, 'ok')
  b.say('#board-pixels', 'live:cells', { reload: true }) // instead of the echo
  b.server.colours[83] = 2 // painted over since
  b.server.position = 'lhr:9-0'
  b.tick(400)
  await b.settle()
  b.answer(9) // nothing is newer than the snapshot
  b.tick(10_000)
  b.fills()
  assert.equal(b.cell(83), '#aa0000')
})

test('a drag paints a line; one event is on its way, the rest follows in one', async t => {
  const b = await open(t)
  b.drag([0, 0], [5, 0], [5, 3])
  assert.equal(b.fills().length, 9)
  const [first, ...none] = b.sent('event')
  assert.deepEqual([first.fields.cells, none], ['0,0', []])
  b.ack(first.id, 'ok')
  const [second] = b.events()
  assert.equal(second.fields.cells, '1,0 2,0 3,0 4,0 5,0 5,1 5,2 5,3')
  b.ack(second.id, 'ok')
  assert.equal(b.events().length, 0)
})

test('however fast the answers are, a tab sends no more than the server takes', async t => {
  const b = await open(t)
  let n = 0
  for (let i = 0; i < 800; i++) {
    b.click(i % 40, Math.floor(i / 40))
    b.tick(5)
    for (const e of b.sent('event')) {
      n++
      b.ack(e.id, 'ok')
    }
  }
  assert.ok(n > 55 && n <= 67, `${n} events in 4 s`)
})

test('an event has at most 64 cells of one colour, and what was painted over is not sent', async t => {
  const b = await open(t)
  b.click(0, 19)
  b.drag([0, 0], [39, 0])
  b.drag([0, 1], [39, 1])
  b.colour(2)
  b.click(0, 0)
  b.ack(b.events()[0].id, 'ok')
  const sizes = []
  for (let e; (e = b.events()[0]);) {
    sizes.push([e.fields.colour, e.fields.cells.split(' ').length])
    b.ack(e.id, 'ok')
  }
  assert.deepEqual(sizes, [['1', 64], ['1', 15], ['2', 1]])
})

test('a cell that has the colour costs nothing', async t => {
  const b = await open(t, { more: 'data-rate=1 data-burst=2' })
  b.colour(0)
  b.click(1, 1)
  assert.equal(b.events().length, 0)
  assert.equal(b.$('.board-left').textContent, '2 cells left')
})

test('without tokens it is refused here, with the time left, and they come back', async t => {
  const b = await open(t, { more: 'data-rate=0.5 data-burst=3' })
  assert.equal(b.$('.board-left').textContent, '3 cells left')
  b.drag([0, 0], [6, 0])
  assert.equal(b.fills().length, 3)
  assert.equal(b.$('.board-left').textContent, 'Next cell in 2 s')
  assert.equal(b.said(), 'Out of paint. The next cell is ready in 2 s.')
  const cells = []
  for (let e; (e = b.events()[0]);) {
    cells.push(e.fields.cells)
    b.ack(e.id, 'ok')
  }
  assert.deepEqual(cells, ['0,0', '1,0 2,0'])
  b.tick(2000)
  assert.equal(b.$('.board-left').textContent, '1 cell left')
  b.click(9, 9)
  assert.equal(b.events().length, 1)
  b.click(8, 8)
  assert.equal(b.events().length, 0)
})

test('an event never costs more than the burst', async t => {
  const b = await open(t, { more: 'data-rate=1000 data-burst=5' })
  b.click(0, 0)
  for (let x = 1; x < 10; x++) {
    b.tick(5)
    b.click(x, 0)
  }
  b.ack(b.events()[0].id, 'ok')
  assert.equal(b.events()[0].fields.cells.split(' ').length, 5)
})

test('a busy server is believed', async t => {
  const b = await open(t, { more: 'data-rate=1 data-burst=10' })
  b.click(0, 0)
  const [event] = b.events()
  b.ack(event.id, 'busy', { error: 'Slow.', retryAfter: 4000 })
  assert.deepEqual(b.fills(), ['#000000 0 0'])
  b.click(1, 0)
  assert.equal(b.said(), 'Out of paint. The next cell is ready in 4 s.')
  b.tick(4000)
  assert.equal(b.events()[0].id, event.id)
})

test('what cannot be saved yet stays, and says so', async t => {
  const b = await open(t)
  b.click(0, 0)
  b.fills()
  b.ack(b.events()[0].id, 'unavailable', { error: "It can't be saved yet, but is kept." })
  assert.equal(b.said(), "It can't be saved yet, but is kept.")
  assert.equal(b.$('#err').textContent, '')
  assert.deepEqual(b.fills(), [])
})

test('paints of an offline page go when it is back', async t => {
  const b = await open(t)
  b.socket.cut()
  b.drag([0, 0], [3, 0])
  assert.equal(b.fills().length, 4)
  assert.equal(b.events().length, 0)
  assert.equal(b.window.live.pending(), 1)
  b.reconnect()
  const [first] = b.events()
  assert.equal(first.fields.cells, '0,0')
  b.ack(first.id, 'ok')
  assert.equal(b.events()[0].fields.cells, '1,0 2,0 3,0')
})

test('the keyboard moves a cursor, paints, chooses and zooms', async t => {
  const b = await open(t)
  const key = (k, more) => b.key(b.canvas, k, more)
  key('ArrowRight')
  key('ArrowDown', { shiftKey: true })
  b.tick(300)
  assert.equal(b.$('.board-below .board-hidden').textContent, 'x 21, y 19: white')
  assert.equal(key('Enter').defaultPrevented, true)
  const [event] = b.events()
  assert.deepEqual(event.fields, { cells: '21,19', colour: '1' })
  b.ack(event.id, 'ok')
  b.tick(300)
  assert.equal(b.$('.board-below .board-hidden').textContent, 'Painted x 21, y 19: black')

  key(']')
  assert.equal(b.$('.board-colour').textContent, 'dark red')
  key(']')
  key('[')
  key('[')
  assert.equal(b.$('.board-colour').textContent, 'black')
  key('3')
  key('9')
  assert.equal(b.$('.board-colour').textContent, 'dark red')
  key(' ')
  key('ArrowLeft')
  key('ArrowLeft')
  b.ack(b.events()[0].id, 'ok')
  assert.deepEqual(b.events().map(e => e.fields.cells), ['20,19 19,19'])
  b.canvas.dispatchEvent(new b.window.KeyboardEvent('keyup', { key: ' ' }))
  key('ArrowLeft')
  assert.equal(b.events().length, 0)

  b.frame()
  const map = () => { b.frame(); return b.$('.board-map').hidden }
  assert.equal(map(), true)
  key('+')
  assert.equal(map(), false)
  key('0')
  assert.equal(map(), true)
  key('m')
  assert.equal(b.host.dataset.mode, 'move')
  assert.equal(key('Tab').defaultPrevented, false)
  assert.equal(key('+', { ctrlKey: true }).defaultPrevented, false)
})

test('paints of others are not said aloud', async t => {
  const b = await open(t)
  b.key(b.canvas, 'ArrowRight')
  b.tick(300)
  const before = [...b.document.querySelectorAll('[role=status], output')].map(e => e.textContent)
  b.deltas(7, 8, [21 + 10 * 40, 2], [1, 1])
  b.tick(5000)
  assert.deepEqual([...b.document.querySelectorAll('[role=status], output')].map(e => e.textContent), before)
  assert.equal(b.document.querySelectorAll('[aria-live], [role=alert], [role=log]').length, 0)
})

test('one finger paints, or moves where that is chosen; two never paint', async t => {
  const b = await open(t)
  const touch = (type, x, y, pointerId = 1) => b.point(b.canvas, type, x, y, { pointerType: 'touch', pointerId })
  touch('pointerdown', 15, 15)
  touch('pointerup', 15, 15)
  b.ack(b.events()[0].id, 'ok')

  touch('pointerdown', 100, 100)
  touch('pointerdown', 140, 100, 2)
  b.tick(1000)
  touch('pointermove', 200, 100, 2)
  touch('pointerup', 200, 100, 2)
  touch('pointermove', 120, 120)
  touch('pointerup', 120, 120)
  assert.equal(b.events().length, 0)
  b.frame()
  assert.equal(b.$('.board-map').hidden, false)

  b.document.querySelectorAll('.board-modes input')[1].click()
  touch('pointerdown', 100, 100)
  touch('pointermove', 150, 100)
  touch('pointerup', 150, 100)
  b.tick(1000)
  assert.equal(b.events().length, 0)
})

test('a second finger ends a stroke for good', async t => {
  const b = await open(t)
  const touch = (type, x, y, pointerId = 1) => b.point(b.canvas, type, x, y, { pointerType: 'touch', pointerId })
  touch('pointerdown', 15, 15)
  touch('pointermove', 35, 15)
  for (let i = 0; i < 2; i++) b.ack(b.events()[0].id, 'ok')
  b.colour(2)
  touch('pointerdown', 155, 155, 2)
  touch('pointerup', 155, 155, 2)
  touch('pointerup', 35, 15)
  b.key(b.canvas, 'Enter')
  assert.deepEqual(b.events().map(e => e.fields.cells), ['1,1'])
})

test('a page that is not drawn for a while catches up at once', async t => {
  const b = await open(t)
  for (let v = 0; v < 2000; v++) b.deltas(7 + v, 8 + v, ...[1, 2, 3].map(n => [(3 * v + n) % 800, 1 + v % 2]))
  assert.deepEqual(b.fills(), ['all'])
  assert.equal(b.cell((3 * 1999 + 3) % 800), '#aa0000')
})

test('a wheel scrolls the page, unless Ctrl is held or the board has the focus', async t => {
  const b = await open(t)
  const wheel = more => {
    const e = new b.window.WheelEvent('wheel', { deltaY: -100, clientX: 50, clientY: 50, cancelable: true, ...more })
    b.canvas.dispatchEvent(e)
    return e.defaultPrevented
  }
  assert.equal(wheel(), false)
  assert.match(b.$('.board-hint').textContent, /Ctrl/)
  assert.equal(wheel({ ctrlKey: true }), true)
  b.canvas.focus()
  assert.equal(wheel(), true)
})

test('a click on cells that are too small comes nearer and paints nothing', async t => {
  const page = await openElements(t, HTML().replace('data-width=40 data-height=20', 'data-width=400 data-height=200'), {
    serve: () => ({ headers: { 'Live-Position': '' }, body: new Uint8Array(80000) })
  })
  page.connect()
  await page.settle()
  const canvas = page.$('.board-canvas')
  page.sent()
  page.point(canvas, 'pointerdown', 100, 100)
  page.point(canvas, 'pointerup', 100, 100)
  assert.equal(page.sent('event').length, 0)
  page.point(canvas, 'pointerdown', 100, 100)
  page.point(canvas, 'pointerup', 100, 100)
  assert.deepEqual(page.sent('event').map(e => e.fields.cells), ['100,100'])
})

test('the readout asks once, tells who, and forgets what is painted over', async t => {
  const b = await open(t)
  const cells = () => b.requests.splice(0).filter(u => u.includes('/cell'))
  const hover = (x, y) => b.point(b.canvas, 'pointermove', x * 10 + 5, y * 10 + 5)
  const readout = () => b.$('.board-readout').textContent
  hover(1, 1)
  b.tick(100)
  hover(2, 1)
  b.tick(160)
  await b.settle()
  assert.deepEqual(cells(), ['/r/home/board/cell?x=2&y=1'])
  assert.equal(readout(), 'x 2, y 1 · white · painted by #k7qf2 in lhr 3 minutes ago')
  b.point(b.canvas, 'pointermove', 27, 18) // within the cell
  assert.equal(readout(), 'x 2, y 1 · white · painted by #k7qf2 in lhr 3 minutes ago')
  hover(1, 1)
  hover(2, 1)
  b.tick(1000)
  await b.settle()
  assert.deepEqual(cells(), [])
  b.server.cell = { painted: false }
  b.deltas(7, 8, [42, 1])
  b.tick(1000)
  await b.settle()
  assert.equal(cells().length, 1)
  assert.equal(readout(), 'x 2, y 1 · black · never painted')
})

test('the readout tells the colour that a click has just given', async t => {
  const b = await open(t)
  b.point(b.canvas, 'pointermove', 35, 25)
  b.click(3, 2)
  assert.equal(b.$('.board-readout').textContent, 'x 3, y 2 · black')
})

test('the readout of a cell that changes all the time still tells whose it is', async t => {
  const b = await open(t)
  b.point(b.canvas, 'pointermove', 25, 15)
  b.tick(200)
  await b.settle()
  for (let v = 7; v < 27; v++) {
    b.deltas(v, v + 1, [42, 1 + v % 2])
    b.tick(100)
    await b.settle()
  }
  assert.ok(b.requests.filter(u => u.includes('/cell')).length > 2)
})

test('a snapshot that never ends is asked for again', async t => {
  let requests = 0
  const b = await open(t, { answers: false, serve: () => (++requests === 1 ? new Promise(() => {}) : { headers: { 'Live-Position': 'lhr:5-0' }, body: new Uint8Array(800) }) })
  assert.equal(b.host.dataset.state, 'loading')
  b.tick(30_000)
  assert.equal(b.host.dataset.state, 'failed')
  b.tick(3000)
  await b.settle()
  assert.equal(b.host.position, 'lhr:5-0')
})

test('a change may say at which position the page is', async t => {
  const b = await open(t)
  b.say('#board-pixels', 'live:cells', { from: 7, to: 8, cells: pack([1, 1]), at: 'lhr:6-0' })
  assert.equal(b.host.position, 'lhr:6-0')
})

test('a finger scrolls the page where it can neither paint nor move the board', async t => {
  const page = await openElements(t, HTML().replace('data-width=40 data-height=20', 'data-width=400 data-height=200'), {
    serve: () => ({ headers: { 'Live-Position': '' }, body: new Uint8Array(80000) })
  })
  page.connect()
  await page.settle()
  const still = () => page.$('.board-canvas').hasAttribute('data-still')
  assert.equal(still(), true)
  page.$('[aria-label="Zoom in"]').click()
  assert.equal(still(), false)
  page.$('[aria-label="Show the whole board"]').click()
  assert.equal(still(), true)
})

test('an element that leaves the page stops, and one that comes back starts', async t => {
  const b = await open(t)
  b.host.remove()
  assert.equal(b.host.position, null)
  assert.equal(b.host.querySelectorAll('.board').length, 0)
  b.tick(100_000)
  b.$('main').append(b.host)
  await b.settle()
  assert.equal(b.host.position, 'lhr:5-0')
  assert.equal(b.host.querySelectorAll('.board').length, 1)
  assert.deepEqual(b.faults, [])
})

test('markup that says too little leaves the form', async t => {
  const page = await openElements(t, '<live-board id=a data-width=0 data-height=20 data-palette="a:#000000"><form></form></live-board>')
  assert.equal(page.$('form').hidden, false)
  assert.deepEqual(page.requests, [])
  assert.equal(page.$('live-board').position, null)
})

test('every control has a name', async t => {
  const b = await open(t)
  for (const el of b.host.querySelectorAll('button, input, select, canvas[tabindex]')) {
    const name = el.getAttribute('aria-label') || el.textContent || el.closest('label')?.textContent
    assert.ok(name?.trim(), el.outerHTML)
  }
  assert.ok(b.document.getElementById(b.canvas.getAttribute('aria-describedby')).textContent.includes('Arrow keys'))
  assert.equal(b.host.querySelectorAll('[style*="url"], script').length, 0)
})

// Three steps: black at 0 s, dark red at 60 s, white at 120 s, all of cell 1.
const FILM = (() => {
  const view = new DataView(new ArrayBuffer(20 + 800 + 27))
  view.setUint32(0, 0x47504631)
  view.setUint16(4, 40)
  view.setUint16(6, 20)
  view.setUint32(12, 500_000)
  view.setUint32(16, 3)
  ;[0, 60_000, 60_000].forEach((ms, i) => view.setUint32(820 + 4 * i, ms))
  for (let i = 0; i < 3; i++) view.setUint32(832 + 4 * i, 1)
  ;[1, 2, 0].forEach((c, i) => view.setUint8(844 + i, c))
  return new Uint8Array(view.buffer)
})()

const past = { serve: url => url.endsWith('replay') ? { body: FILM } : { headers: { 'Live-Position': '' }, body: new Uint8Array(800) } }
const replayButton = b => b.$('.board-tools [aria-pressed]')

test('the replay plays, can be moved about, and leads back to live', async t => {
  const b = await open(t, past)
  const [play, back] = b.document.querySelectorAll('.board-replay button')
  const slider = b.$('.board-replay input')
  assert.equal(b.$('.board-replay').hidden, true)
  replayButton(b).click()
  await b.settle()
  assert.equal(b.$('.board-replay').hidden, false)
  assert.equal(play.textContent, 'Pause')
  assert.equal(replayButton(b).getAttribute('aria-pressed'), 'true')
  b.fills()
  b.deltas(7, 8, [5, 2]) // happens now, and is not shown in the past
  assert.equal(b.fills().length, 0)
  b.pass(7200) // at 10 times the speed: 72 s
  b.fills()
  assert.deepEqual(b.fills(), ['#aa0000 1 0'])
  assert.notEqual(b.$('.board-clock').textContent, '')

  play.click()
  b.pass(5000)
  b.frame()
  assert.equal(play.textContent, 'Play')
  for (const [value, colour] of [[1000, '#ffffff'], [600, '#aa0000'], [0, '#000000']]) {
    slider.value = value
    slider.dispatchEvent(new b.window.Event('input'))
    assert.deepEqual(b.fills(), ['all'])
    assert.equal(b.cell(1), colour)
  }
  slider.value = 1000
  slider.dispatchEvent(new b.window.Event('input'))
  play.click() // begins again
  assert.ok(Number(slider.value) < 1000)
  b.pass(60_000)
  b.frame()
  assert.equal(play.textContent, 'Play')
  assert.equal(slider.value, '1000')

  b.click(3, 3)
  assert.equal(b.events().length, 0)
  b.key(b.canvas, 'Enter')
  assert.equal(b.said(), 'This is the past. Go back to live to paint.')
  b.fills()
  back.click()
  assert.deepEqual(b.fills(), ['all'])
  assert.equal(b.$('.board-replay').hidden, true)
  assert.equal(replayButton(b).getAttribute('aria-pressed'), 'false')
  b.deltas(8, 9, [5, 2], [6, 2]) // the first is shown already
  assert.deepEqual(b.fills(), ['#aa0000 6 0'])
  assert.deepEqual(b.faults, [])
})

test('a replay that cannot be had says so', async t => {
  const b = await open(t, { serve: url => url.endsWith('replay') ? { status: 503 } : past.serve(url) })
  replayButton(b).click()
  await b.settle()
  assert.equal(b.said(), 'The replay cannot be had just now.')
  assert.equal(b.$('.board-replay').hidden, true)
  b.click(3, 3)
  assert.equal(b.events().length, 1)
})

test('a replay of nothing says so', async t => {
  const b = await open(t, { serve: url => url.endsWith('replay') ? { body: FILM.slice(0, 820).map((x, i) => i === 19 ? 0 : x) } : past.serve(url) })
  replayButton(b).click()
  await b.settle()
  assert.equal(b.said(), 'Nothing was painted in the last hour.')
  assert.equal(b.$('.board-replay').hidden, true)
})

test('Escape ends a replay, and the focus is where it began', async t => {
  const b = await open(t, past)
  replayButton(b).click()
  await b.settle()
  const slider = b.$('.board-replay input')
  slider.focus()
  b.key(slider, 'Escape')
  assert.equal(b.$('.board-replay').hidden, true)
  assert.equal(b.document.activeElement, replayButton(b))
})

test('a stroke ends where the paint does', async t => {
  const b = await open(t, { more: 'data-rate=1 data-burst=3' })
  b.point(b.canvas, 'pointerdown', 5, 5)
  b.point(b.canvas, 'pointermove', 65, 5)
  b.tick(2000)
  b.point(b.canvas, 'pointermove', 95, 5)
  b.point(b.canvas, 'pointerup', 95, 5)
  assert.deepEqual(b.fills().filter(f => f.startsWith('#000')).length, 3)
  assert.match(b.$('.board-left').textContent, /cells? left/)
  b.tick(10)
  assert.equal(b.said(), '')
})

test('when the store is back the board is asked for soon', async t => {
  const b = await open(t)
  b.deltas(3, 4, [1, 1])
  b.pass(300_000)
  b.syncs()
  b.say(undefined, 'live:store', { away: true })
  b.tick(100)
  assert.equal(b.syncs().length, 0)
  b.say(undefined, 'live:store', { away: false })
  b.tick(800)
  assert.equal(b.syncs().length, 1)
  b.answer(4, [1, 1])
  b.say(undefined, 'live:store', { away: false })
  b.tick(800)
  assert.equal(b.syncs().length, 0)
})

test('a morph leaves the board alone', async t => {
  const b = await open(t)
  b.click(1, 1)
  const html = `<live-board id="board-pixels" data-live-rev="r2" data-live="act->board#paint"><form></form></live-board>`
  b.socket.say({
    identifier: '{"channel":"Live","room":"home"}',
    message: { cableReady: true, version: '5.0.6', operations: [{ operation: 'morph', selector: '#board-pixels', permanentAttributeName: 'data-live-permanent', html }] }
  })
  assert.equal(b.$('.board-canvas'), b.canvas)
  assert.equal(b.$('#plain').hidden, true)
  assert.equal(b.host.position, 'lhr:5-0')
})
