// The bundle as a browser runs it, except for the socket.
import assert from 'node:assert/strict'
import test from 'node:test'
import { JSDOM, VirtualConsole } from 'jsdom'
import { MAX_GZIP, bundle } from '../bundle.mjs'
import { FakeSocket } from './socket.js'

const { code, name, gzip, licenses } = await bundle()

function open (t) {
  const faults = []
  const virtualConsole = new VirtualConsole()
  for (const type of ['jsdomError', 'error', 'warn']) virtualConsole.on(type, (...e) => faults.push(String(e[0]?.detail || e[0])))
  const dom = new JSDOM(`<!DOCTYPE html><html data-live-room="home"><head></head><body>
    <p data-live-status data-live-status-connected="Live" data-live-status-connecting="Connecting" data-live-status-away="No store"></p>
    <section id=light data-live-rev=r1><button id=b data-live="click->lightbulb#set">off</button></section>
    </body></html>`, { url: 'https://page.test/', runScripts: 'outside-only', virtualConsole, pretendToBeVisual: true })
  FakeSocket.all.length = 0
  Object.assign(dom.window, { WebSocket: FakeSocket, TextEncoder })
  dom.window.eval(code.toString())
  t.after(() => dom.window.close())
  return { window: dom.window, $: s => dom.window.document.querySelector(s), faults, socket: FakeSocket.last }
}

const data = frame => JSON.parse(frame.data)

test('the bundle keeps to its size and its name', async () => {
  assert.ok(gzip <= MAX_GZIP, `${gzip} bytes`)
  assert.match(name, /^live-[0-9a-f]{12}\.js$/)
  assert.equal((await bundle()).name, name)
  for (const part of ['@rails/actioncable 8.1.400', 'cable_ready 5.0.6', 'morphdom 2.6.1']) assert.ok(licenses.includes(part), part)
})

test('the elements keep to their size, and have no part that is not ours', async () => {
  const elements = await bundle('elements')
  assert.ok(elements.gzip <= MAX_GZIP, `${elements.gzip} bytes`)
  assert.match(elements.name, /^elements-[0-9a-f]{12}\.js$/)
  assert.equal((await bundle('elements')).name, elements.name)
  assert.equal(elements.licenses, '')
  assert.doesNotMatch(elements.code.toString(), /innerHTML|\beval\b|new Function|setAttribute\("style"/)
})

test('one click, from the page to the server and back', t => {
  const { window, $, faults, socket } = open(t)
  assert.equal(socket.url, 'wss://page.test/cable')
  assert.equal($('html').dataset.live, 'connecting')
  assert.equal($('p').textContent, 'Connecting')
  assert.equal(window.live.connected(), false)
  socket.accept()
  assert.deepEqual(socket.sent, [{ command: 'subscribe', identifier: '{"channel":"Live","room":"home"}' }])
  socket.confirm()
  assert.equal($('html').dataset.live, 'connected')
  assert.equal($('p').textContent, 'Live')
  assert.equal(window.live.connected(), true)
  const sync = data(socket.sent[1])
  assert.deepEqual([sync.action, sync.frags], ['sync', { light: 'r1' }])

  $('#b').click()
  assert.equal(window.live.pending(), 1)
  const event = data(socket.sent[2])
  assert.deepEqual([event.action, event.target], ['event', 'lightbulb#set'])
  const { identifier } = socket.sent[0]
  const say = operations => socket.say({ identifier, message: { cableReady: true, version: '5.0.6', operations } })
  say([{
    operation: 'morph',
    selector: '#light',
    permanentAttributeName: 'data-live-permanent',
    html: '<section id="light" data-live-rev="r2"><button id="b" data-live="click->lightbulb#set">on</button></section>'
  }, { operation: 'textContent', selector: '#nobody', text: 'x' }])
  assert.equal($('#b').textContent, 'on')
  assert.equal($('#light').dataset.liveRev, 'r2')
  assert.equal($('#b').getAttribute('aria-busy'), 'true')
  say([{ operation: 'dispatchEvent', name: 'live:ack', detail: { id: event.id, status: 'ok' } }])
  assert.equal($('#b').hasAttribute('aria-busy'), false)
  assert.equal(window.live.pending(), 0)
  assert.deepEqual(faults, [])
})

// Of one event, and of one after the other, each change is done before the next, and who
// listens sees the page as it is by then: stimulusreflex/stimulus_reflex#482.
test('operations are done in their order, and frames in theirs', t => {
  const { window, $, faults, socket } = open(t)
  const say = operations => socket.say({ identifier: socket.sent[0].identifier, message: { cableReady: true, version: '5.0.6', operations } })
  const seen = []
  window.document.addEventListener('look', e => seen.push([e.detail.n, $('#b').textContent, $('#b').className]))
  let n = 0
  const look = () => ({ operation: 'dispatchEvent', name: 'look', detail: { n: n++ } })
  const morph = text => ({ operation: 'morph', selector: '#light', html: `<section id="light"><button id="b" class="whole">${text}</button></section>` })
  const text = text => ({ operation: 'textContent', selector: '#b', text })
  const name = name => ({ operation: 'setAttribute', selector: '#b', name: 'class', value: name })
  socket.accept()
  socket.confirm()
  say([look(), morph('one'), look(), text('two'), look(), name('last'), look()])
  say([text('three'), look(), morph('four'), look()])
  assert.deepEqual(seen, [
    [0, 'off', ''], [1, 'one', 'whole'], [2, 'two', 'whole'], [3, 'two', 'last'], [4, 'three', 'last'], [5, 'four', 'whole']
  ])
  assert.deepEqual(faults, [])
})

test('the page says that its store is away, and sends what it kept when that is back', async t => {
  const { window, $, faults, socket } = open(t)
  const say = operation => socket.say({ identifier: socket.sent[0].identifier, message: { cableReady: true, version: '5.0.6', operations: [operation] } })
  const store = away => say({ operation: 'dispatchEvent', name: 'live:store', detail: { away } })
  const state = () => [$('html').dataset.live, $('p').textContent]
  socket.accept()
  socket.confirm()
  store(true)
  assert.deepEqual(state(), ['away', 'No store'])
  assert.equal(window.live.connected(), true)
  $('#b').click()
  for (let i = 0; i < 3; i++) { // as a page that was refused for some time
    say({ operation: 'dispatchEvent', name: 'live:ack', detail: { id: data(socket.sent[2]).id, status: 'unavailable' } })
  }
  const before = socket.sent.length
  store(false)
  assert.deepEqual(state(), ['connected', 'Live'])
  await new Promise(resolve => setTimeout(resolve, 600))
  assert.deepEqual(socket.sent.slice(before).map(f => data(f).id), [data(socket.sent[2]).id])

  store(true)
  $('#b').dispatchEvent(new window.CustomEvent('live:store', { bubbles: true, detail: { away: false } }))
  assert.equal(state()[0], 'away')
  socket.cut()
  store(false)
  assert.notEqual(state()[0], 'connected')
  assert.deepEqual(faults, [])
})

test('window.live cannot be changed', t => {
  const { window } = open(t)
  window.eval('window.live = 1; live.pending = 1')
  assert.equal(typeof window.live.pending, 'function')
  assert.deepEqual(Object.keys(window.live), ['pending', 'connected'])
})
