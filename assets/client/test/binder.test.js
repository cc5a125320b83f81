import assert from 'node:assert/strict'
import test from 'node:test'
import { createBinder } from '../src/binder.js'
import { Line, ack, fire, openPage, record } from './page.js'

const MESSAGE = '<p data-live-message></p>'

function setup (t, body, { up = true, attributes } = {}) {
  const page = openPage(t, body, attributes)
  const line = new Line()
  line.open = up
  const binder = createBinder(line)
  binder.listen()
  if (up) binder.connected()
  line.sent.length = 0
  return { ...page, line, binder }
}

const button = '<button id=b data-on=true data-live="click->lightbulb#set">x</button>'

test('a click goes up and is busy until its answer', t => {
  const { $, line, binder } = setup(t, button)
  const oks = record('live:ok')
  $('#b').click()
  assert.equal(line.events.length, 1)
  assert.equal(line.events[0].target, 'lightbulb#set')
  assert.deepEqual(line.events[0].dataset, { on: 'true' })
  assert.equal($('#b').getAttribute('aria-busy'), 'true')
  assert.equal(binder.pending(), 1)
  ack(line.ids[0], 'ok')
  assert.equal($('#b').hasAttribute('aria-busy'), false)
  assert.equal(binder.pending(), 0)
  assert.deepEqual([oks[0].target, oks[0].detail.target], [$('#b'), 'lightbulb#set'])
})

test('two clicks are busy until both answers', t => {
  const { $, line } = setup(t, button)
  $('#b').click()
  $('#b').click()
  ack(line.ids[0], 'ok')
  assert.equal($('#b').getAttribute('aria-busy'), 'true')
  ack(line.ids[1], 'ok')
  assert.equal($('#b').hasAttribute('aria-busy'), false)
})

test('offline clicks go with the next connection, after the sync', t => {
  const { $, line, binder } = setup(t, button + '<p id=f data-live-rev=r1></p><p id=g data-live-rev=r2></p>', { up: false })
  $('#b').click()
  $('#b').click()
  assert.equal(line.sent.length, 0)
  line.open = true
  binder.connected()
  assert.deepEqual(line.sent.map(s => s.action), ['sync', 'event', 'event'])
  assert.deepEqual(line.sent[0].data.frags, { f: 'r1', g: 'r2' })
  assert.equal(line.sent[0].data.tabId, line.events[0].tabId)
  const ids = line.ids
  line.sent.length = 0
  binder.lost()
  binder.connected()
  assert.deepEqual(line.ids, ids)
})

test('a page without fragments syncs too', t => {
  const { line, binder } = setup(t, '')
  binder.connected()
  assert.deepEqual(line.sent.map(s => s.data.frags), [{}])
})

test("a page with thousands of fragments names the host's own, wherever they stand", t => {
  const { line, binder, document } = setup(t, '')
  document.body.innerHTML = Array.from({ length: 2000 }, (_, i) => `<p id='viewers-${i}' data-live-rev="1"></p>`).join('') + '<p id="page_rest-viewers" data-live-rev="2"></p>'
  document.head.innerHTML = '<link id="page_style" data-live-rev="3">'
  binder.connected()
  const { frags } = line.sent[0].data
  assert.deepEqual([frags['page_rest-viewers'], frags.page_style, frags['viewers-0']], ['2', '3', '1'])
})

for (const [name, id, most] of [['usual', 'viewers-somebody-', 512], ['very long', '"é'.repeat(100), 60000 / 500]]) {
  test(`a page with thousands of fragments of ${name} ids syncs once, with what the server takes`, t => {
    const { line, binder, document } = setup(t, '')
    document.body.innerHTML = Array.from({ length: 2000 }, (_, i) => `<p id='${id}${i}' data-live-rev="0123456789abcdef"></p>`).join('')
    binder.connected()
    assert.equal(line.sent.length, 1)
    const { data } = line.sent[0]
    const count = Object.keys(data.frags).length
    assert.ok(count <= most && count > most * 0.75, `${count} fragments`)
    assert.equal(data.frags[id + 0], '0123456789abcdef')
    const frame = JSON.stringify({ command: 'message', identifier: line.identifier, data: JSON.stringify({ ...data, action: 'sync' }) })
    assert.ok(Buffer.byteLength(frame) < 65536, `${Buffer.byteLength(frame)} bytes`)
  })
}

for (const up of [true, false]) {
  test(`a form is never submitted by the browser, ${up ? 'online' : 'offline'}`, t => {
    const { $, line } = setup(t, '<form data-live="submit->hello#say"><input name=text value=hi></form>', { up })
    assert.equal(fire($('form'), 'submit').defaultPrevented, true)
    assert.deepEqual(line.events.map(e => e.formData), up ? ['text=hi'] : [])
  })
}

test('a click on a link or submit button stays on the page, on a checkbox it counts', t => {
  const { $ } = setup(t, '<a href="/x" data-live="click->a#b">x</a><form><button data-live="click->a#b">x</button><input type=checkbox data-live="click->a#b"></form>')
  assert.equal(fire($('a'), 'click').defaultPrevented, true)
  assert.equal(fire($('button'), 'click').defaultPrevented, true)
  $('input').click()
  assert.equal($('input').checked, true)
})

for (const how of [{ ctrlKey: true }, { metaKey: true }, { shiftKey: true }, { altKey: true }, { button: 1 }]) {
  test(`a link clicked with ${Object.keys(how)} is the browser's`, t => {
    const { $, line } = setup(t, '<a href="/x" data-live="click->a#b">x</a><button id=b data-live="click->a#b">x</button>')
    assert.equal(fire($('a'), 'click', how).defaultPrevented, false)
    assert.equal(line.events.length, 0)
    fire($('#b'), 'click', how)
    assert.equal(line.events.length, 1)
  })
}

for (const status of ['invalid', 'forbidden', 'error']) {
  test(status + ' is told to the person, near the element, until the next try', t => {
    const { $, line } = setup(t, `
      <section data-live-feature=a><p id=far data-live-error></p>
        <form data-live="submit->a#say"><p id=near data-live-error></p></form>
        ${button}
      </section>${MESSAGE}`)
    const seen = record('live:' + status)
    fire($('form'), 'submit')
    ack(line.ids[0], status, { error: 'No.' })
    assert.equal($('#near').textContent, 'No.')
    assert.equal($('#near').getAttribute('role'), 'alert')
    assert.equal(seen[0].detail.error, 'No.')
    assert.equal($('form').hasAttribute('aria-busy'), false)

    $('#b').click()
    ack(line.ids[1], status, {})
    assert.equal($('#far').textContent, 'Something went wrong.')
    assert.equal($('#near').textContent, 'No.')

    $('#b').click()
    assert.equal($('#far').textContent, '')
    fire($('form'), 'submit')
    assert.equal($('#near').textContent, '')
    assert.equal($('[data-live-message]').textContent, '')
  })
}

test('without a place of its own a sentence goes to the page, and an ok clears it', t => {
  const { $, line } = setup(t, button + MESSAGE)
  $('#b').click()
  $('#b').click()
  ack(line.ids[0], 'error', { error: 'No.' })
  assert.equal($('[data-live-message]').textContent, 'No.')
  ack(line.ids[1], 'ok')
  assert.equal($('[data-live-message]').textContent, '')
})

test('unavailable says so, keeps the event and clears when it worked', t => {
  const { $, line, tick, binder } = setup(t, button + MESSAGE)
  const seen = record('live:unavailable')
  $('#b').click()
  ack(line.ids[0], 'unavailable', { error: "Can't save right now." })
  assert.equal(seen.length, 1)
  assert.equal($('[data-live-message]').textContent, "Can't save right now.")
  assert.equal($('#b').getAttribute('aria-busy'), 'true')
  tick(1000)
  assert.deepEqual(line.ids, [line.ids[0], line.ids[0]])
  ack(line.ids[0], 'ok')
  assert.equal($('[data-live-message]').textContent, '')
  assert.equal(binder.pending(), 0)
})

test('the 21st waiting click is told off, until there is room', t => {
  const { $, line, binder } = setup(t, button + '<button id=c data-live="click->c#add">y</button>' + MESSAGE, { up: false })
  const dropped = record('live:dropped')
  for (let i = 0; i < 20; i++) $('#b').click()
  $('#c').click()
  assert.equal(binder.pending(), 20)
  assert.equal(dropped.length, 1)
  assert.equal($('[data-live-message]').textContent, 'Too many clicks are waiting for the connection.')
  assert.equal($('#c').hasAttribute('aria-busy'), false)
  line.open = true
  binder.connected()
  ack(line.ids[0], 'ok')
  assert.equal($('[data-live-message]').textContent, '')

  $('#c').click()
  ack(line.ids.at(-1), 'error', { error: 'No.' })
  ack(line.ids[1], 'ok')
  assert.equal($('[data-live-message]').textContent, 'No.')
})

test('an ok clears no sentence of another element, unless that is gone', t => {
  const { $, line } = setup(t, button + '<button id=c data-live="click->c#add">y</button>' + MESSAGE)
  $('#c').click()
  ack(line.ids[0], 'error', { error: 'No.' })
  $('#b').click()
  ack(line.ids[1], 'ok')
  assert.equal($('[data-live-message]').textContent, 'No.')
  $('#c').remove()
  $('#b').click()
  ack(line.ids[2], 'ok')
  assert.equal($('[data-live-message]').textContent, '')
})

test('a pointer that moves while offline leaves only its last position', t => {
  const { $, line, binder } = setup(t, '<p data-live="pointermove->cursors#move"></p>', { up: false, attributes: 'data-live-events="pointermove"' })
  for (let i = 0; i < 50; i++) {
    $('p').dataset.x = i
    fire($('p'), 'pointermove')
  }
  assert.equal(binder.pending(), 1)
  line.open = true
  binder.connected()
  assert.deepEqual(line.events.map(e => e.dataset.x), ['49'])
})

test('what is too large or holds a file is refused here', t => {
  const { $, line, window } = setup(t, '<form data-live="submit->a#b"><p data-live-error></p><textarea name=t></textarea><input type=file name=f></form>')
  const seen = record('live:invalid')
  $('textarea').value = 'x'.repeat(16400)
  fire($('form'), 'submit')
  assert.equal($('p').textContent, 'That is too much to send at once.')
  $('textarea').value = 'x'.repeat(15000)
  fire($('form'), 'submit')
  assert.equal($('p').textContent, '')
  assert.equal(line.events.length, 1)
  globalThis.FormData = class extends window.FormData {
    constructor (form) {
      super(form)
      this.set('f', new window.File(['hello'], 'a.txt'))
    }
  }
  fire($('form'), 'submit')
  assert.equal($('p').textContent, 'Files cannot be sent here.')
  assert.equal(line.events.length, 1)
  assert.equal(seen.length, 2)
})

test('a morph may take aria-busy away: it comes back, and goes with the answer', t => {
  const { $, line, binder } = setup(t, button)
  $('#b').click()
  $('#b').removeAttribute('aria-busy')
  binder.refresh()
  assert.equal($('#b').getAttribute('aria-busy'), 'true')
  ack(line.ids[0], 'ok')
  assert.equal($('#b').hasAttribute('aria-busy'), false)
})

test('a replaced element is busy and free again like the one before', t => {
  const { $, line, binder } = setup(t, `<div>${button}</div>${MESSAGE}`)
  const old = $('#b')
  old.click()
  $('div').innerHTML = button
  binder.refresh()
  assert.notEqual($('#b'), old)
  assert.equal($('#b').getAttribute('aria-busy'), 'true')
  const errors = record('live:error')
  ack(line.ids[0], 'error', { error: 'No.' })
  assert.equal($('#b').hasAttribute('aria-busy'), false)
  assert.equal(old.hasAttribute('aria-busy'), false)
  assert.equal(errors[0].target, $('#b'))
  assert.equal($('[data-live-message]').textContent, 'No.')
})

test('an element that took the id but asks for something else stays alone', t => {
  const { $, line, binder } = setup(t, `<div>${button}</div>`)
  $('#b').click()
  $('div').innerHTML = '<button id=b data-live="click->other#thing">x</button>'
  binder.refresh()
  assert.equal($('#b').hasAttribute('aria-busy'), false)
  ack(line.ids[0], 'ok')
  assert.equal(binder.pending(), 0)
})

test('data-live-disable takes no second click, even after a morph took its mark', t => {
  const { $, line } = setup(t, '<button data-live="click->a#b" data-live-disable>x</button>')
  $('button').click()
  assert.equal($('button').getAttribute('aria-disabled'), 'true')
  $('button').click()
  $('button').removeAttribute('aria-disabled')
  $('button').click()
  assert.equal(line.events.length, 1)
  ack(line.ids[0], 'ok')
  assert.equal($('button').hasAttribute('aria-disabled'), false)
  $('button').click()
  assert.equal(line.events.length, 2)
})

test('data-live-confirm asks first', t => {
  const { $, line } = setup(t, '<button data-live="click->a#b" data-live-confirm="Sure?">x</button>')
  t.after(() => { delete globalThis.confirm })
  const asked = []
  globalThis.confirm = q => asked.push(q) > 1
  $('button').click()
  assert.equal(line.events.length, 0)
  $('button').click()
  assert.equal(line.events.length, 1)
  assert.deepEqual(asked, ['Sure?', 'Sure?'])
})

const resetting = '<form data-live="submit->a#b" data-live-reset><input name=t></form>'

test('data-live-reset empties the form when it worked', t => {
  const { $, line } = setup(t, resetting)
  $('input').value = 'hello'
  fire($('input'), 'input')
  fire($('form'), 'submit')
  ack(line.ids[0], 'invalid', { error: 'No.' })
  assert.equal($('input').value, 'hello')
  fire($('form'), 'submit')
  ack(line.ids[1], 'ok')
  assert.equal($('input').value, '')
})

test('data-live-reset leaves what the person has typed since', t => {
  const { $, line } = setup(t, resetting)
  $('input').value = 'hello'
  fire($('input'), 'input')
  fire($('form'), 'submit')
  $('input').value = 'hello again'
  fire($('input'), 'input')
  ack(line.ids[0], 'ok')
  assert.equal($('input').value, 'hello again')
})

test('a debounced field goes before the form it is in', t => {
  const { $, line, tick } = setup(t, '<form data-live="submit->a#save"><input name=t data-live="input->a#typing" data-live-debounce=300></form>')
  fire($('input'), 'input')
  tick(100)
  assert.equal(line.events.length, 0)
  fire($('form'), 'submit')
  tick(1000)
  assert.deepEqual(line.events.map(e => e.target), ['a#typing', 'a#save'])
})

test('data-live-events chooses what is listened to', t => {
  const { $, line } = setup(t, '<p data-live="click->a#click pointermove->a#move"></p>', { attributes: 'data-live-events="pointermove"' })
  fire($('p'), 'click')
  fire($('p'), 'pointermove')
  assert.deepEqual(line.events.map(e => e.target), ['a#move'])
})

test('a rejected room settles everything and takes no more', t => {
  const { $, binder } = setup(t, button + MESSAGE, { up: false })
  $('#b').click()
  binder.rejected()
  assert.equal(binder.pending(), 0)
  assert.equal($('#b').hasAttribute('aria-busy'), false)
  $('[data-live-message]').textContent = ''
  $('#b').click()
  assert.equal(binder.pending(), 0)
  assert.equal($('[data-live-message]').textContent, 'This page was not let in.')
})

test('only an ack on the document counts', t => {
  const { $, line, binder } = setup(t, button)
  $('#b').click()
  $('#b').dispatchEvent(new CustomEvent('live:ack', { bubbles: true, detail: { id: line.ids[0], status: 'ok' } }))
  assert.equal(binder.pending(), 1)
})

test('a morph leaves alone the texts that are ours', t => {
  const { $, line, binder, document } = setup(t, `<section data-live-feature=a>${button}<p id=e data-live-error></p><p id=s data-live-status></p></section>`)
  const twin = el => el.cloneNode(false)
  assert.equal(binder.keeps($('#s'), twin($('#s'))), true)
  assert.equal(binder.keeps($('#e'), twin($('#e'))), false)
  $('#b').click()
  ack(line.ids[0], 'invalid', { error: 'No.' })
  assert.equal(binder.keeps($('#e'), twin($('#e'))), true)
  assert.equal(binder.keeps($('#e'), document.createElement('p')), false)
  assert.equal(binder.keeps($('#b'), twin($('#b'))), false)
})

const board = (more = '') => `<section data-live-feature=board><p data-live-error></p>
  <live-board id=board-pixels data-width=9 data-live="act->board#paint" ${more}></live-board></section>`
const act = (el, detail) => el.dispatchEvent(new CustomEvent('act', { bubbles: true, detail }))

test('an element of ours asks by an event with fields, and gets its answer with the ref', t => {
  const { $, line } = setup(t, board(), { attributes: 'data-live-events="click"' })
  const el = $('live-board')
  const oks = record('live:ok')
  act(el, { fields: { cells: '1,2', colour: '3' }, ref: 7 })
  const [event] = line.events
  assert.deepEqual([event.target, event.event, event.fields], ['board#paint', 'act', { cells: '1,2', colour: '3' }])
  assert.deepEqual(Object.keys(event).sort(), ['event', 'fields', 'id', 'tabId', 'target', 'v'])
  assert.equal(el.hasAttribute('aria-busy'), false)
  ack(event.id, 'ok')
  assert.deepEqual([oks[0].target, oks[0].detail.ref], [el, 7])
  act(el)
  assert.deepEqual(line.events[1].fields, {})
})

test('an event that is tried again says so, until it is settled', t => {
  const { $, line, tick } = setup(t, board())
  const seen = ['unavailable', 'busy'].map(s => record('live:' + s))
  act($('live-board'), { fields: {}, ref: 1 })
  ack(line.ids[0], 'unavailable', { error: 'Away.' })
  for (let i = 0; i < 5; i++) {
    tick(20000)
    ack(line.ids[0], 'busy', { error: 'Slow.', retryAfter: 100 })
  }
  assert.deepEqual(seen[0].map(e => e.detail.again), [true])
  assert.deepEqual(seen[1].map(e => e.detail.again), [true, true, true, true, undefined])
  assert.ok(seen.flat().every(e => e.detail.ref === 1))
  assert.equal($('[data-live-error]').textContent, 'Slow.')
})

test('who tells the person itself prevents the sentence', t => {
  const { $, line, binder } = setup(t, board())
  for (const status of ['invalid', 'unavailable', 'dropped', 'forbidden']) {
    $('live-board').addEventListener('live:' + status, e => e.preventDefault())
  }
  act($('live-board'), { fields: {}, ref: 1 })
  ack(line.ids[0], 'invalid', { error: 'No.' })
  act($('live-board'), { fields: {}, ref: 2 })
  ack(line.ids[1], 'unavailable', { error: 'Away.' })
  const dropped = record('live:dropped')
  for (let i = 0; i < 20; i++) act($('live-board'), { fields: {}, ref: 10 + i })
  assert.deepEqual(dropped.map(e => e.detail.ref), [29])
  act($('live-board'), { fields: { text: 'x'.repeat(20000) }, ref: 50 })
  assert.equal(line.events.length, 2)
  binder.rejected()
  act($('live-board'), { fields: {}, ref: 60 })
  assert.equal($('[data-live-error]').textContent, '')
})

test('of what only counts now nothing is kept', t => {
  const { $, line, binder } = setup(t, board('data-live-latest') + MESSAGE)
  const el = $('live-board')
  act(el, { fields: { x: '1' } })
  assert.deepEqual(line.events.map(e => e.fields.x), ['1'])
  assert.equal(binder.pending(), 0)
  ack(line.ids[0], 'busy', { error: 'Slow.' })
  assert.equal($('[data-live-error]').textContent, '')
  binder.lost()
  act(el, { fields: { x: '2' } })
  binder.connected()
  assert.deepEqual(line.events.map(e => e.fields.x), ['1'])
  binder.lost()
  binder.rejected()
  act(el, { fields: { x: '3' } })
  assert.equal($('[data-live-error]').textContent, '')
})

test('the page is told of the connection, and boards are synced with it', t => {
  const { $, line, binder, document } = setup(t, board() + '<live-board id=other></live-board><p id=f data-live-rev=r1></p>')
  const seen = []
  for (const type of ['live:connected', 'live:lost']) document.addEventListener(type, e => seen.push(e.type))
  document.addEventListener('live:connected', () => assert.equal(line.sent.at(-1).action, 'sync'))
  $('live-board').position = 'lhr:1-0'
  $('#other').position = null
  binder.connected()
  binder.lost()
  binder.lost()
  assert.deepEqual(seen, ['live:connected', 'live:lost'])
  assert.deepEqual(line.sent[0].data, { tabId: line.sent[0].data.tabId, frags: { f: 'r1' }, grids: { 'board-pixels': 'lhr:1-0' } })

  const ask = () => $('live-board').dispatchEvent(new CustomEvent('live:sync', { bubbles: true }))
  ask() // the next connection does it
  assert.equal(line.sent.length, 1)
  binder.connected()
  $('live-board').position = ''
  ask()
  assert.deepEqual(line.sent.at(-1).data, { tabId: line.sent[0].data.tabId, grids: { 'board-pixels': '' } })
  $('live-board').position = null
  ask()
  assert.equal(line.sent.length, 3)
})

test('a sync of many fragments and long positions fits into a frame', t => {
  const { $, line, binder, document } = setup(t, board())
  $('live-board').position = Array.from({ length: 300 }, (_, i) => `site-${i}:1795500000000-12`).join()
  $('section').insertAdjacentHTML('afterend', Array.from({ length: 600 }, (_, i) => `<p id='${'"é'.repeat(100)}${i}' data-live-rev="0123456789abcdef"></p>`).join(''))
  assert.ok(document.querySelectorAll('[data-live-rev]').length === 600)
  binder.connected()
  const frame = JSON.stringify({ command: 'message', identifier: line.identifier, data: JSON.stringify({ ...line.sent[0].data, action: 'sync' }) })
  assert.ok(Buffer.byteLength(frame) < 65536, `${Buffer.byteLength(frame)} bytes`)
  assert.equal(line.sent[0].data.grids['board-pixels'], $('live-board').position)
})
