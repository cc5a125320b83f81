import assert from 'node:assert/strict'
import test from 'node:test'
import * as actioncable from '@rails/actioncable'
import { createConnection } from '../src/connection.js'
import { openPage, settle } from './page.js'
import { FakeSocket } from './socket.js'

function setup (t) {
  const page = openPage(t, '')
  const calls = []
  const fetches = []
  const s = { ...page, calls, fetches, respond: async () => ({ ok: true }), count: () => FakeSocket.all.length }
  FakeSocket.all.length = 0
  actioncable.adapters.WebSocket = FakeSocket
  globalThis.fetch = (...args) => {
    fetches.push(args)
    return s.respond()
  }
  const on = Object.fromEntries(['connected', 'lost', 'received', 'rejected', 'refused'].map(n => [n, () => calls.push(n)]))
  s.connection = createConnection(actioncable, { room: 'home' }, on)
  s.last = () => FakeSocket.last
  s.up = () => {
    s.last().accept()
    s.last().confirm()
  }
  s.unauthorized = () => {
    s.last().protocol = 'actioncable-v1-json'
    s.last().readyState = 1
    s.last().say({ type: 'disconnect', reason: 'unauthorized', reconnect: false })
    s.last().cut()
  }
  s.page = (type, persisted) => window.dispatchEvent(Object.assign(new Event(type), { persisted }))
  return s
}

test('it subscribes to the room', t => {
  const s = setup(t)
  s.last().accept()
  assert.equal(s.last().sent[0].identifier, '{"channel":"Live","room":"home"}')
  assert.deepEqual([s.calls, s.connection.connected()], [[], false])
  s.last().confirm()
  assert.deepEqual([s.calls, s.connection.connected()], [['connected'], true])
})

test('a cut socket is replaced within 0.6 s', t => {
  const s = setup(t)
  s.up()
  s.last().cut()
  assert.equal(s.connection.connected(), false)
  assert.equal(s.count(), 1)
  s.tick(600)
  assert.equal(s.count(), 2)
  s.up()
  assert.deepEqual(s.calls.filter(c => c !== 'lost'), ['connected', 'connected'])
})

test('a server that is away is tried with growing pauses of at most 15 s', t => {
  const s = setup(t)
  const pauses = []
  for (let i = 0; i < 12; i++) {
    s.last().cut()
    const before = s.count()
    let waited = 0
    while (s.count() === before && waited < 30000) {
      s.tick(100)
      waited += 100
    }
    pauses.push(waited)
  }
  assert.ok(pauses[0] <= 600, `first pause ${pauses}`)
  assert.ok(pauses.every(p => p <= 15000), `pauses ${pauses}`)
  // ActionCable's own monitor tries now and then between ours.
  assert.ok(pauses.slice(-4).reduce((a, b) => a + b) >= 8000, `last pauses ${pauses}`)
})

// Everybody's pages lose their server in the same moment, and are not to meet the next
// one so: rails/rails#40873.
for (const [how, lose] of [
  ['lost', s => s.last().cut()],
  ['restarted', s => s.last().say({ type: 'disconnect', reason: 'server_restart', reconnect: true })]
]) {
  test(`a server that is ${how} is met by each page at another moment`, t => {
    const s = setup(t)
    const pauses = []
    for (let page = 0; page < 200; page++) {
      s.up()
      lose(s)
      const before = s.count()
      let waited = 0
      while (s.count() === before) {
        s.tick(10)
        waited += 10
      }
      pauses.push(waited)
    }
    const [least, most] = [Math.min(...pauses), Math.max(...pauses)]
    assert.ok(least >= 200 && most <= 610, `${least} to ${most} ms`)
    const windows = new Map() // of 50 ms, of which there are eight: 25 pages each
    for (const p of pauses) windows.set(Math.floor(p / 50), (windows.get(Math.floor(p / 50)) || 0) + 1)
    assert.ok(windows.size >= 8 && Math.max(...windows.values()) <= 60, `pages by window: ${[...windows.values()]}`)
  })
}

test('a planned restart is followed without waiting for the close', t => {
  const s = setup(t)
  s.up()
  s.last().say({ type: 'disconnect', reason: 'server_restart', reconnect: true })
  s.tick(600)
  assert.equal(s.count(), 2)
})

test('a handshake that hangs is given up', t => {
  const s = setup(t)
  s.tick(10000)
  s.tick(600)
  assert.equal(s.count(), 2)
})

test('online tries at once', t => {
  const s = setup(t)
  for (let i = 0; i < 6; i++) {
    s.last().cut()
    s.tick(20000)
  }
  s.last().cut()
  const before = s.count()
  s.page('online')
  assert.equal(s.count(), before + 1)
})

test('online finds out that an open socket is dead', t => {
  const s = setup(t)
  s.up()
  s.tick(100)
  s.page('online')
  s.tick(4000)
  assert.equal(s.last().readyState, 2)
  s.tick(500)
  assert.equal(s.count(), 2)
  assert.equal(s.connection.connected(), false)
})

test('online leaves a socket alone that speaks', t => {
  const s = setup(t)
  s.up()
  s.page('online')
  s.tick(3000)
  s.last().say({ type: 'ping', message: 1 })
  s.tick(1500)
  assert.deepEqual([s.count(), s.last().readyState], [1, 1])
})

test('a page leaves for the back-forward cache and comes back', t => {
  const s = setup(t)
  s.up()
  s.page('pagehide', true)
  assert.equal(s.last().readyState, 2)
  s.last().cut()
  s.tick(60000)
  assert.equal(s.count(), 1)
  s.page('pageshow', true)
  assert.equal(s.count(), 2)
  s.up()
  assert.equal(s.calls.at(-1), 'connected')
  s.last().cut()
  s.tick(600)
  assert.equal(s.count(), 3)
})

test('an ordinary pagehide and pageshow change nothing', t => {
  const s = setup(t)
  s.up()
  s.page('pagehide', false)
  s.page('pageshow', false)
  assert.deepEqual([s.count(), s.last().readyState], [1, 1])
})

test('an invalid cookie is renewed once', async t => {
  const s = setup(t)
  s.up()
  s.unauthorized()
  s.tick(5000)
  assert.equal(s.count(), 1)
  await settle()
  assert.deepEqual(s.fetches, [['https://page.test/', { credentials: 'same-origin', cache: 'no-store' }]])
  assert.equal(s.count(), 2)
  s.up()
  assert.equal(s.connection.connected(), true)
  assert.ok(!s.calls.includes('refused'))
})

test('a second refusal is told, and tried again after a minute', async t => {
  const s = setup(t)
  s.unauthorized()
  await settle()
  s.unauthorized()
  assert.deepEqual(s.calls.filter(c => c !== 'lost'), ['refused'])
  s.page('online')
  s.tick(59999)
  await settle()
  assert.deepEqual([s.fetches.length, s.count()], [1, 2])
  s.tick(15001)
  await settle()
  assert.deepEqual([s.fetches.length, s.count()], [2, 3])
  s.up()
  assert.equal(s.connection.connected(), true)
})

test('an older retry does not cross a renewal', async t => {
  const s = setup(t)
  s.last().cut()
  s.connection.subscription.consumer.connect() // as ActionCable's monitor does
  s.respond = () => new Promise(() => {})
  s.unauthorized()
  s.tick(15000)
  assert.equal(s.count(), 2)
})

test('two restarts within a minute are no refusal', async t => {
  const s = setup(t)
  s.unauthorized()
  await settle()
  s.up()
  s.unauthorized()
  assert.ok(!s.calls.includes('refused'))
  assert.equal(s.fetches.length, 1)
  s.tick(75000)
  await settle()
  assert.equal(s.fetches.length, 2)
})

test('a server that cannot give the page is asked again', async t => {
  const s = setup(t)
  s.respond = async () => ({ ok: false })
  s.unauthorized()
  await settle()
  assert.equal(s.count(), 1)
  s.respond = () => Promise.reject(new TypeError('network'))
  s.tick(15000)
  await settle()
  s.respond = async () => ({ ok: true })
  s.tick(15000)
  await settle()
  assert.deepEqual([s.fetches.length, s.count()], [3, 2])
  assert.ok(!s.calls.includes('refused'))
})

test('a rejected room ends it', t => {
  const s = setup(t)
  s.last().accept()
  s.last().say({ identifier: s.last().sent[0].identifier, type: 'reject_subscription' })
  assert.equal(s.calls.at(-1), 'rejected')
  s.last().cut()
  s.page('online')
  s.tick(60000)
  assert.equal(s.count(), 1)
})

test('a disconnect for ever ends it', t => {
  const s = setup(t)
  s.up()
  s.last().say({ type: 'disconnect', reason: 'invalid_request', reconnect: false })
  assert.equal(s.calls.at(-1), 'rejected')
  s.last().cut()
  s.tick(60000)
  assert.equal(s.count(), 1)
})
