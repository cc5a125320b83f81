// Reactions and the map.
import assert from 'node:assert/strict'
import test from 'node:test'
import { openElements } from './elements.js'

const BURST = `<live-burst id="r-burst" data-reactions="thumb:👍;heart:❤️"><form><button>👍</button></form></live-burst>`

const burst = async (t, options) => {
  const page = await openElements(t, BURST, options)
  page.connect()
  return { ...page, see: (...values) => page.say('#r-burst', 'live:signals', { values }), all: s => [...page.document.querySelectorAll(s)] }
}

test('a reaction rises and is gone', async t => {
  const b = await burst(t)
  b.see('thumb', 'heart', 'unknown', '')
  assert.deepEqual(b.all('.burst-one').map(e => e.textContent), ['👍', '❤️'])
  assert.equal(b.$('.burst-air').getAttribute('aria-hidden'), 'true')
  b.tick(3000)
  assert.equal(b.all('.burst-one').length, 0)
  assert.equal(b.$('form').hidden, false)
})

test('at most sixty are in the air', async t => {
  const b = await burst(t)
  for (let i = 0; i < 3; i++) b.see(...Array(50).fill('thumb'))
  assert.equal(b.all('.burst-one').length, 60)
})

test('who wants less movement sees a count', async t => {
  const b = await burst(t, { calm: true })
  b.see('thumb', 'thumb', 'heart')
  assert.equal(b.all('.burst-one').length, 0)
  assert.deepEqual(b.all('.burst-count').map(e => e.textContent), ['👍 2', '❤️ 1'])
  b.tick(5000)
  assert.equal(b.all('.burst-count').length, 0)
})

const MAP = `<svg id=dots viewBox="0 0 1000 500"><circle data-site=lhr cx=480 cy=170 data-rtt="iad:76"></circle>
  <circle data-site=iad cx=290 cy=200></circle><circle data-site=nrt cx=880 cy=210></circle></svg>
  <live-globe id="g-traffic" data-of="dots"></live-globe>`

const globe = async (t, options) => {
  const page = await openElements(t, MAP, options)
  page.connect()
  return { ...page, see: (...values) => page.say('#g-traffic', 'live:signals', { values }), all: s => [...page.document.querySelectorAll(s)] }
}

test('an event flies from its site to all others, as long as the way takes', async t => {
  const g = await globe(t)
  g.see('lhr 3')
  const arcs = g.all('.globe-arc')
  assert.deepEqual(arcs.map(a => a.getAttribute('d').split(/[ MQ]/).slice(1, 3).join()), ['480,170', '480,170'])
  assert.deepEqual(arcs.map(a => a.style.getPropertyValue('--time')), ['350ms', '480ms'])
  assert.equal(g.$('.globe-arcs svg').getAttribute('viewBox'), '0 0 1000 500')
  assert.equal(g.all('.globe-pulse').length, 3)
  g.tick(5000)
  assert.equal(g.all('.globe-arc, .globe-pulse').length, 0)
})

test('a trip that only the other side has measured counts too', async t => {
  const g = await globe(t)
  g.$('[data-site=lhr]').setAttribute('data-rtt', 'iad:200')
  g.see('iad 1')
  assert.deepEqual(g.all('.globe-arc').map(a => a.style.getPropertyValue('--time')), ['800ms', '480ms'])
})

test('many events of a site are one wave, and all arcs have a bound', async t => {
  const g = await globe(t)
  g.see('lhr 1', 'lhr 1', 'zzz 1', '')
  assert.equal(g.all('.globe-arc').length, 2)
  for (let i = 0; i < 100; i++) {
    const dot = g.$('[data-site=nrt]').cloneNode()
    dot.setAttribute('data-site', 's' + i)
    g.$('svg').append(dot)
  }
  g.tick(200)
  g.see('lhr 1')
  g.see('iad 1')
  assert.ok(g.all('.globe-arc').length <= 80)
})

for (const what of [{ calm: true }, { none: true }]) {
  test(`nothing flies ${what.calm ? 'for who wants less movement' : 'without a map'}`, async t => {
    const g = await globe(t, what)
    if (what.none) g.$('#dots').remove()
    g.see('lhr 1')
    assert.equal(g.all('.globe-arc, .globe-pulse').length, 0)
    assert.deepEqual(g.faults, [])
  })
}
