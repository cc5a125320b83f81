import assert from 'node:assert/strict'
import test, { mock } from 'node:test'
import { ACK_WAIT, BUSY_TRIES, SPREAD, createQueue } from '../src/queue.js'
import { openPage } from './page.js'

const setup = t => {
  const { tick } = openPage(t, '')
  const s = { tick, sent: [], settled: [], waits: [], works: true }
  s.queue = createQueue({
    send: m => s.works && !!s.sent.push(m.id),
    settle: (e, status) => s.settled.push(e.message.id + ' ' + status),
    wait: (e, status) => s.waits.push(e.message.id + ' ' + status)
  })
  s.add = (id, target = 'f#e') => s.queue.add({ message: { id, target, event: 'click' } })
  s.ack = (id, status, more) => s.queue.ack({ id, status, ...more })
  return s
}

test('what is added before the connection goes when it comes, in order', t => {
  const s = setup(t)
  s.add('a')
  s.add('b')
  assert.deepEqual(s.sent, [])
  s.queue.connected()
  assert.deepEqual(s.sent, ['a', 'b'])
  s.add('c')
  assert.deepEqual(s.sent, ['a', 'b', 'c'])
})

test('at most 20 wait', t => {
  const s = setup(t)
  for (let i = 0; i < 20; i++) assert.equal(s.add('e' + i), true)
  assert.equal(s.add('one more'), false)
  s.queue.connected()
  s.ack('e0', 'ok')
  assert.equal(s.add('room again'), true)
})

for (const status of ['ok', 'invalid', 'forbidden', 'error']) {
  test(status + ' settles', t => {
    const s = setup(t)
    s.queue.connected()
    s.add('a')
    s.ack('a', status)
    s.ack('a', status)
    assert.deepEqual(s.settled, ['a ' + status])
    assert.equal(s.queue.size(), 0)
    s.tick(60000)
    assert.deepEqual(s.sent, ['a'])
  })
}

test('an unknown id is no matter', t => {
  const s = setup(t)
  s.ack('nobody', 'ok')
  assert.deepEqual(s.settled, [])
})

test('unanswered events go again after a reconnect, with their ids and in order', t => {
  const s = setup(t)
  s.queue.connected()
  s.add('a')
  s.add('b')
  s.ack('a', 'ok')
  s.queue.lost()
  s.add('c')
  s.tick(60000)
  assert.deepEqual(s.sent, ['a', 'b'])
  s.queue.connected()
  assert.deepEqual(s.sent, ['a', 'b', 'b', 'c'])
})

test('a socket that closes under our hands loses nothing', t => {
  const s = setup(t)
  s.queue.connected()
  s.works = false
  s.add('a')
  s.queue.lost()
  s.works = true
  s.queue.connected()
  assert.deepEqual(s.sent, ['a'])
})

test('busy goes again after retryAfter, a few times', t => {
  const s = setup(t)
  s.queue.connected()
  s.add('a')
  for (let i = 1; i <= BUSY_TRIES; i++) {
    s.ack('a', 'busy', { retryAfter: 400 })
    s.tick(399)
    assert.equal(s.sent.length, i)
    s.tick(1)
    assert.equal(s.sent.length, i + 1)
  }
  assert.deepEqual(s.settled, [])
  s.ack('a', 'busy', { retryAfter: 400 })
  assert.deepEqual(s.settled, ['a busy'])
  assert.deepEqual(new Set(s.sent), new Set(['a']))
})

test('unavailable is kept for ever and tried less and less often', t => {
  const s = setup(t)
  s.queue.connected()
  s.add('a')
  let first, last
  for (let i = 0; i < 12; i++) {
    s.ack('a', 'unavailable')
    const before = s.sent.length
    let waited = 0
    while (s.sent.length === before && waited < 20000) {
      s.tick(50)
      waited += 50
    }
    assert.ok(waited <= 15000, `waited ${waited} ms`)
    first ??= waited
    last = waited
  }
  assert.ok(first <= 750, `first retry after ${first} ms`)
  assert.ok(last >= 5000, `12th retry after ${last} ms`)
  assert.deepEqual(s.settled, [])
  assert.equal(s.waits.length, 12)
  s.ack('a', 'ok')
  assert.deepEqual(s.settled, ['a ok'])
})

test('later events of a feature wait behind one that waits; other features do not', t => {
  const s = setup(t)
  s.queue.connected()
  s.add('on', 'light#set')
  s.ack('on', 'unavailable')
  s.add('off', 'light#set')
  s.add('hi', 'hello#say')
  assert.deepEqual(s.sent, ['on', 'hi'])
  s.tick(1000)
  assert.deepEqual(s.sent, ['on', 'hi', 'on'])
  s.ack('on', 'ok')
  assert.deepEqual(s.sent, ['on', 'hi', 'on', 'off'])
})

test('events that were refused together come back one after the other', t => {
  const s = setup(t)
  s.queue.connected()
  for (const id of ['a', 'b', 'c']) s.add(id)
  for (const id of ['a', 'b', 'c']) s.ack(id, 'busy', { retryAfter: 100 })
  s.tick(100)
  assert.deepEqual(s.sent.slice(3), ['a'])
  s.ack('a', 'ok')
  assert.deepEqual(s.sent.slice(3), ['a', 'b'])
  s.ack('b', 'ok')
  assert.deepEqual(s.sent.slice(3), ['a', 'b', 'c'])
})

test('an answer that never comes is asked for again', t => {
  const s = setup(t)
  s.queue.connected()
  s.add('a')
  s.tick(ACK_WAIT - 1)
  assert.deepEqual(s.sent, ['a'])
  s.tick(1)
  assert.deepEqual(s.sent, ['a', 'a'])
})

test('take finds what is not on its way', t => {
  const s = setup(t)
  s.add('a')
  assert.equal(s.queue.take(() => false), undefined)
  assert.equal(s.queue.take(() => true).message.id, 'a')
  s.queue.connected()
  s.add('b')
  assert.equal(s.queue.take(() => true), undefined)
  s.ack('b', 'unavailable')
  assert.equal(s.queue.take(() => true).message.id, 'b')
})

test('what the store could not take goes soon after it is back', t => {
  const s = setup(t)
  s.queue.connected()
  s.add('on', 'light#set')
  for (let i = 0; i < 8; i++) {
    s.ack('on', 'unavailable')
    s.tick(15000)
  }
  s.ack('on', 'unavailable')
  s.add('off', 'light#set')
  s.add('again', 'light#set')
  const before = s.sent.length
  s.queue.hurry()
  s.tick(SPREAD)
  assert.deepEqual(s.sent.slice(before), ['on'])
  s.ack('on', 'ok')
  assert.deepEqual(s.sent.slice(before), ['on', 'off', 'again'])
})

test('pages do not all come at the moment at which the store is back', t => {
  const waits = new Set()
  for (let i = 0; i < 50; i++) {
    const s = setup(t)
    s.queue.connected()
    s.add('a')
    for (let j = 0; j < 6; j++) {
      s.ack('a', 'unavailable')
      s.tick(15000)
    }
    s.ack('a', 'unavailable')
    const before = s.sent.length
    s.queue.hurry()
    let waited = 0
    for (; s.sent.length === before && waited < SPREAD; waited += 50) s.tick(50)
    assert.equal(s.sent.length, before + 1)
    waits.add(waited)
    mock.timers.reset()
  }
  assert.ok(waits.size > 4, `waits of ${[...waits]} ms`)
})

test('a store that is back hurries neither what was too fast nor what is on its way', t => {
  const s = setup(t)
  s.queue.connected()
  s.add('fast', 'a#e')
  s.ack('fast', 'busy', { retryAfter: 5000 })
  s.add('gone', 'b#e')
  s.queue.hurry()
  s.tick(4999)
  assert.deepEqual(s.sent, ['fast', 'gone'])
  s.queue.lost()
  s.queue.hurry()
  s.tick(60000)
  assert.deepEqual(s.sent, ['fast', 'gone'])
})

test('a refusal that crosses the word of the store being back waits for a second at most', t => {
  const s = setup(t)
  s.queue.connected()
  s.add('a')
  for (let i = 0; i < 8; i++) {
    s.ack('a', 'unavailable')
    s.tick(15000)
  }
  s.queue.hurry() // while the last try has no answer
  s.ack('a', 'unavailable')
  const before = s.sent.length
  s.tick(1500)
  assert.equal(s.sent.length, before + 1)
})
