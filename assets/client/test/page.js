// A page in jsdom whose globals are the globals of the test, and a clock that
// moves only when it is told to.
import { mock } from 'node:test'
import { JSDOM } from 'jsdom'

const GLOBALS = ['document', 'location', 'FormData', 'Event', 'CustomEvent', 'KeyboardEvent', 'File']

export function openPage (t, body, attributes = 'data-live-room="home"') {
  const dom = new JSDOM(`<!DOCTYPE html><html ${attributes}><head></head><body>${body}</body></html>`, { url: 'https://page.test/' })
  const { window } = dom
  globalThis.window = window
  for (const name of GLOBALS) globalThis[name] = window[name]
  globalThis.addEventListener = window.addEventListener.bind(window)
  globalThis.removeEventListener = window.removeEventListener.bind(window)
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 })
  t.after(() => {
    mock.timers.reset()
    window.close()
  })
  return { window, document: window.document, $: s => window.document.querySelector(s), tick: ms => mock.timers.tick(ms) }
}

/** Lets promises go on. */
export const settle = () => new Promise(resolve => setImmediate(resolve))

/** A subscription that keeps what is performed: {action, data}. */
export class Line {
  identifier = '{"channel":"Live","room":"home"}'
  open = true
  sent = []

  perform = (action, data) => {
    if (this.open) this.sent.push({ action, data: structuredClone(data) })
    return this.open
  }

  get events () { return this.sent.filter(s => s.action === 'event').map(s => s.data) }
  get ids () { return this.events.map(e => e.id) }
}

export const ack = (id, status, more) =>
  document.dispatchEvent(new CustomEvent('live:ack', { bubbles: true, detail: { id, status, ...more } }))

export const fire = (el, type, init) => {
  const event = new window.Event(type, { bubbles: true, cancelable: true })
  el.dispatchEvent(Object.assign(event, init))
  return event
}

/** Collects the events named type that reach the document. */
export function record (type) {
  const seen = []
  document.addEventListener(type, e => seen.push(e))
  return seen
}
