import assert from 'node:assert/strict'
import test from 'node:test'
import { Refusal, describe, frameSize, uid } from '../src/message.js'
import { openPage } from './page.js'

const at = (el, type = 'click', more) => describe(el, { type, target: el, ...more }, 'f#e', 'tab')

test('uid is 24 hexadecimal digits and new each time', () => {
  assert.match(uid(), /^[0-9a-f]{24}$/)
  assert.notEqual(uid(), uid())
})

test('a click', t => {
  const { $ } = openPage(t, '<button id=b name=n value=v data-colour=red data-row-id=7 data-live="click->f#e" data-live-throttle=5 data-lively=yes>x</button>')
  const { id, ...rest } = JSON.parse(JSON.stringify(at($('#b'))))
  assert.match(id, /^[0-9a-f]{24}$/)
  assert.deepEqual(rest, {
    v: 1,
    tabId: 'tab',
    target: 'f#e',
    event: 'click',
    url: 'https://page.test/',
    dataset: { colour: 'red', rowId: '7', lively: 'yes' },
    attrs: { id: 'b', name: 'n', value: 'v' }
  })
})

test('a key', t => {
  const { $ } = openPage(t, '<input id=i>')
  assert.equal(at($('#i'), 'keydown', { key: 'Enter' }).key, 'Enter')
})

test('a checkbox says whether it is checked', t => {
  const { $ } = openPage(t, '<input id=c type=checkbox value=1 checked>')
  assert.deepEqual(at($('#c'), 'change').attrs, { id: 'c', name: undefined, value: '1', checked: true })
})

test('a password is not sent as the value of its field', t => {
  const { $ } = openPage(t, '<input id=p type=password value=secret><input id=q value=open>')
  assert.ok(!JSON.stringify(at($('#p'), 'input')).includes('secret'))
  assert.equal(at($('#q'), 'input').attrs.value, 'open')
})

test('a submit carries the form and its submitter', t => {
  const { $ } = openPage(t, '<form><input name=a value="1 &"><input type=file name=f><button name=b value=2></button></form>')
  const form = $('form')
  const formData = describe(form, { type: 'submit', target: form, submitter: $('button') }, 'f#e', 'tab').formData
  assert.equal(formData, 'a=1+%26&b=2')
})

test('other events carry the nearest data-live-form, without passwords', t => {
  const { $ } = openPage(t, `
    <form id=with data-live-form><input name=a value=1><input type=password name=p value=secret></form>
    <form id=without><input name=a value=1></form>`)
  assert.equal(at($('#with input'), 'input').formData, 'a=1')
  assert.equal(at($('#without input'), 'input').formData, undefined)
  assert.equal(at($('#with'), 'submit').formData, 'a=1&p=secret')
})

test('a form whose fields are called id and name keeps its own', t => {
  const { $ } = openPage(t, '<form id=real><input name=id value=x><input name=name value=y></form>')
  assert.deepEqual(at($('form'), 'submit').attrs, { id: 'real', name: undefined })
})

test('a chosen file is refused', t => {
  const { window, $ } = openPage(t, '<form><input type=file name=f></form>')
  const data = window.FormData
  globalThis.FormData = class extends data {
    constructor (form) {
      super(form)
      this.set('f', new window.File(['hello'], 'a.txt'))
    }
  }
  assert.throws(() => at($('form'), 'submit'), e => e instanceof Refusal && e.message === 'Files cannot be sent here.')
})

test('frameSize counts the bytes of the whole frame', () => {
  const frame = { command: 'message', identifier: '{"channel":"Live","room":"é"}', data: JSON.stringify({ a: '"é"', action: 'event' }) }
  assert.equal(frameSize(frame.identifier, { a: '"é"' }), Buffer.byteLength(JSON.stringify(frame)))
})
