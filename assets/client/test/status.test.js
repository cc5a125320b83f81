import assert from 'node:assert/strict'
import test from 'node:test'
import { PATIENCE, createStatus } from '../src/status.js'
import { openPage } from './page.js'

const text = '<p role=status data-live-status data-live-status-connecting="Connecting…" data-live-status-disconnected="Reconnecting…" data-live-status-rejected="Reload."></p>'

test('status', t => {
  const { $, tick } = openPage(t, text)
  const shown = () => [$('html').dataset.live, $('p').textContent]
  const status = createStatus()
  assert.deepEqual(shown(), ['connecting', 'Connecting…'])
  status.set('connected')
  assert.deepEqual(shown(), ['connected', ''])
  status.set('disconnected')
  tick(PATIENCE - 1)
  status.set('disconnected')
  assert.deepEqual(shown(), ['connected', ''])
  tick(1)
  assert.deepEqual(shown(), ['disconnected', 'Reconnecting…'])
  status.set('rejected')
  assert.deepEqual(shown(), ['rejected', 'Reload.'])
})

test('a quick reconnect is not shown', t => {
  const { $, tick } = openPage(t, text)
  const status = createStatus()
  status.set('connected')
  status.set('disconnected')
  tick(PATIENCE - 1)
  status.set('connected')
  tick(1000)
  assert.equal($('html').dataset.live, 'connected')
})
