import assert from 'node:assert/strict'
import test from 'node:test'
import { SIZE, openElements } from './elements.js'

const HTML = `<main><live-cursors id="cursors-at" data-live="act->cursors#move" data-live-latest></live-cursors></main>`

async function open (t, { stored, calm } = {}) {
  const page = await openElements(t, '<p></p>', { calm })
  if (stored) page.window.localStorage.setItem('live-cursors', stored)
  page.connect()
  page.window.document.body.innerHTML = HTML
  page.sent()
  const shown = () => [...page.document.querySelectorAll('.cursor')].map(c => c.textContent)
  return {
    ...page,
    host: page.$('live-cursors'),
    shown,
    see: (...values) => page.say('#cursors-at', 'live:signals', { values }),
    move: (x, y, more) => page.point(page.document.body, 'pointermove', x, y, more),
    events: () => page.sent('event').map(e => [e.target, e.fields]),
    at: () => page.$('.cursor').style.transform
  }
}

test('a pointer goes up at most twenty times a second, and its last place always', async t => {
  const c = await open(t)
  for (let ms = 0; ms < 1000; ms += 5) {
    c.move(ms / 5, 100)
    c.tick(5)
  }
  c.tick(50)
  const events = c.events()
  assert.ok(events.length > 15 && events.length <= 21, `${events.length} events`)
  assert.deepEqual(events.at(-1), ['cursors#move', { x: String(Math.round(199 / SIZE.width * 10000)), y: '5000' }])
  assert.equal(c.window.live.pending(), 0)
})

test('a resting pointer says every three seconds that it is there', async t => {
  const c = await open(t)
  c.move(10, 10)
  c.tick(50)
  c.events()
  c.pass(9200)
  assert.equal(c.events().length, 3)
})

for (const [how, act] of [
  ['leaves the window', c => c.point(c.document.body, 'pointerout', 0, 0, { relatedTarget: null })],
  ['is hidden', c => {
    Object.defineProperty(c.document, 'visibilityState', { value: 'hidden' })
    c.document.dispatchEvent(new c.window.Event('visibilitychange'))
  }],
  ['is closed', c => c.window.dispatchEvent(new c.window.Event('pagehide'))],
  ['is switched off', c => c.$('.cursors-switch').click()]
]) {
  test(`a pointer is gone at once when it ${how}`, async t => {
    const c = await open(t)
    c.move(10, 10)
    c.tick(50)
    c.events()
    act(c)
    assert.deepEqual(c.events(), [['cursors#move', {}]])
    c.pass(10_000)
    assert.deepEqual(c.events(), [])
  })
}

test('the switch is remembered', async t => {
  const c = await open(t, { stored: 'off' })
  assert.equal(c.$('.cursors-switch').getAttribute('aria-pressed'), 'false')
  c.move(10, 10)
  c.point(c.document.body, 'pointerdown', 10, 10, { pointerType: 'touch' })
  c.tick(100)
  assert.deepEqual(c.events(), [])
  c.$('.cursors-switch').click()
  assert.equal(c.window.localStorage.getItem('live-cursors'), 'on')
  c.move(20, 10)
  c.tick(100)
  assert.equal(c.events().length, 1)
})

test('a touch is a tap and nothing else', async t => {
  const c = await open(t)
  c.point(c.document.body, 'pointerdown', 200, 100, { pointerType: 'touch' })
  c.move(250, 100, { pointerType: 'touch' })
  c.pass(10_000)
  assert.deepEqual(c.events(), [['cursors#move', { x: '5000', y: '5000', tap: 'true' }]])
})

test('others are shown, move smoothly and go', async t => {
  const c = await open(t)
  c.see('a #one 4 lhr 0 0', 'b #two 11 ams 10000 10000 tap')
  assert.deepEqual(c.shown(), ['#one · lhr', '#two · ams'])
  assert.ok(c.$('.cursor').classList.contains('colour-4'))
  assert.equal(c.document.querySelectorAll('.cursor-tap').length, 1)
  assert.equal(c.at(), 'translate(0px, 0px)')
  c.tick(50)
  c.see('a #one 4 lhr 5000 5000')
  c.tick(25)
  c.frame()
  assert.equal(c.at(), 'translate(100px, 50px)')
  c.tick(25)
  c.frame()
  assert.equal(c.at(), 'translate(200px, 100px)')
  c.see('a')
  assert.deepEqual(c.shown(), ['#two · ams'])
  c.tick(2100)
  assert.deepEqual(c.shown(), [])
})

test('one who is silent for eight seconds is gone', async t => {
  const c = await open(t)
  c.see('a #one 4 lhr 0 0')
  c.pass(7000)
  c.see('a #one 4 lhr 0 0')
  c.pass(7000)
  assert.equal(c.shown().length, 1)
  c.pass(2000)
  assert.equal(c.shown().length, 0)
})

test('one does not see oneself', async t => {
  const c = await open(t)
  c.move(100, 100)
  c.tick(50)
  const [[, { x, y }]] = c.events()
  c.see(`me #me 1 lhr ${x} ${y}`, `you #you 1 lhr ${x} 1`)
  assert.deepEqual(c.shown(), ['#you · lhr'])
})

test('at most a hundred are shown, the newest', async t => {
  const c = await open(t)
  for (let i = 0; i < 150; i++) c.see(`id${i} #n${i} 1 lhr ${i} 0`)
  assert.equal(c.shown().length, 100)
  assert.equal(c.shown()[0], '#n50 · lhr')
  c.socket.cut()
  assert.equal(c.shown().length, 0)
})

test('values that are no places are passed over', async t => {
  const c = await open(t)
  c.see('', ' ', 'a b', 'a b c d x y', 'a b c d -1 5', 'a b c d 5 10001', 'a <b> 1" lhr 5 5')
  assert.deepEqual(c.shown(), ['<b> · lhr'])
  assert.equal(c.$('.cursor').className, 'cursor colour-1')
  assert.deepEqual(c.faults, [])
})

test('an element that leaves takes its pointers along', async t => {
  const c = await open(t)
  c.see('a #one 4 lhr 0 0')
  c.host.remove()
  assert.equal(c.document.querySelectorAll('.cursors').length, 0)
  c.move(1, 1)
  c.pass(10_000)
  assert.deepEqual(c.events(), [])
})

test('who does not want to see others move sees nobody, and is remembered', async t => {
  const c = await open(t)
  c.see('ab #k7qf2 4 lhr 10 10')
  assert.equal(c.shown().length, 1)
  const [, theirs] = c.document.querySelectorAll('.cursors-switch')
  assert.equal(theirs.getAttribute('aria-pressed'), 'true')
  theirs.click()
  assert.equal(c.shown().length, 0)
  assert.equal(theirs.getAttribute('aria-pressed'), 'false')
  c.see('ab #k7qf2 4 lhr 20 10')
  assert.equal(c.shown().length, 0)
  assert.equal(c.window.localStorage.getItem('live-still'), 'on')
  theirs.click()
  c.see('ab #k7qf2 4 lhr 20 10')
  assert.equal(c.shown().length, 1)
})

test('where less movement is asked for a pointer jumps', async t => {
  const c = await open(t, { calm: true })
  c.see('ab #k7qf2 4 lhr 0 0')
  c.see('ab #k7qf2 4 lhr 10000 10000')
  assert.equal(c.at(), `translate(${SIZE.width}px, ${SIZE.height}px)`)
})
