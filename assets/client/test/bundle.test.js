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
    <p data-live-status data-live-status-connected="Live" data-live-status-connecting="Connecting"></p>
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

test('window.live cannot be changed', t => {
  const { window } = open(t)
  window.eval('window.live = 1; live.pending = 1')
  assert.equal(typeof window.live.pending, 'function')
  assert.deepEqual(Object.keys(window.live), ['pending', 'connected'])
})
