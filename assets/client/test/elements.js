// A page in jsdom with both scripts as they are shipped, on a clock that moves only
// when it is told to. The server is the test; a canvas remembers what was drawn.
import { mock } from 'node:test'
import { JSDOM, VirtualConsole } from 'jsdom'
import { bundle } from '../bundle.mjs'
import { FakeSocket } from './socket.js'

const scripts = await Promise.all(['live', 'elements'].map(s => bundle(s)))

class Context {
  constructor (canvas) { this.canvas = canvas }
  calls = []
  createImageData = (width, height) => ({ data: new Uint8ClampedArray(width * height * 4) })
  fillRect = (x, y) => this.calls.push(['fill', this.fillStyle, x, y])
  putImageData = image => {
    this.image = image
    this.calls.push(['all'])
  }

  drawImage = () => this.calls.push(['draw'])
  clearRect () {}
  save () {}
  restore () {}
  beginPath () {}
  rect () {}
  clip = () => this.calls.push(['clip'])
}

/** How large every element is, in CSS pixels. */
export const SIZE = { width: 400, height: 200 }

/** Cells as they travel. */
export const pack = (...cells) => Buffer.from(cells.flatMap(([index, colour]) => [index >> 16, index >> 8 & 255, index & 255, colour])).toString('base64')

/**
 * @param {object} o
 * @param {(url: string) => object} o.serve  answers to fetch: {status?, headers?, body: bytes or an object}
 */
export async function openElements (t, body, { serve = () => ({ status: 404 }), calm = false } = {}) {
  const faults = []
  const virtualConsole = new VirtualConsole()
  for (const type of ['jsdomError', 'error', 'warn']) virtualConsole.on(type, (...e) => faults.push(String(e[0]?.detail || e[0])))
  const dom = new JSDOM(`<!DOCTYPE html><html data-live-room="home"><head></head><body>${body}</body></html>`, {
    url: 'https://page.test/', runScripts: 'outside-only', virtualConsole
  })
  const { window } = dom
  const { document } = window
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 })
  const requests = []
  const contexts = new Map()
  const frames = new Map()
  let frame = 0
  FakeSocket.all.length = 0
  Object.assign(window, {
    WebSocket: FakeSocket,
    TextEncoder,
    AbortController,
    setTimeout: (...a) => globalThis.setTimeout(...a),
    clearTimeout: id => globalThis.clearTimeout(id),
    Date: globalThis.Date,
    requestAnimationFrame: run => { frames.set(++frame, run); return frame },
    cancelAnimationFrame: id => frames.delete(id),
    matchMedia: () => ({ matches: calm }),
    async fetch (url, { signal } = {}) {
      requests.push(url)
      await undefined
      const { status = 200, headers = {}, body } = await serve(url)
      if (signal?.aborted) throw new Error('aborted')
      return {
        ok: status < 300,
        status,
        headers: { get: name => headers[name] ?? null },
        arrayBuffer: async () => Uint8Array.from(body).buffer,
        json: async () => body
      }
    }
  })
  window.performance.now = () => Date.now()
  window.HTMLCanvasElement.prototype.getContext = function () {
    if (!contexts.has(this)) contexts.set(this, new Context(this))
    return contexts.get(this)
  }
  for (const side of ['width', 'height']) {
    Object.defineProperty(window.Element.prototype, 'client' + side[0].toUpperCase() + side.slice(1), { get: () => SIZE[side] })
  }
  window.Element.prototype.getBoundingClientRect = () => ({ left: 0, top: 0, ...SIZE })
  t.after(() => {
    mock.timers.reset()
    window.close()
  })

  const $ = s => document.querySelector(s)
  for (const { code } of scripts) window.eval(code.toString())
  let socket = FakeSocket.last
  const settle = async () => { for (let i = 0; i < 5; i++) await new Promise(resolve => setImmediate(resolve)) }
  const page = {
    window,
    document,
    $,
    faults,
    requests,
    settle,
    tick: ms => mock.timers.tick(ms),

    /** Time goes on, with the server's pings. */
    pass (ms) {
      for (let gone = 0; gone < ms; gone += 50) {
        mock.timers.tick(50)
        if (gone % 2000 === 0) socket.say({ type: 'ping' })
      }
    },

    /** Runs the animation frames that are asked for. */
    frame () {
      const due = [...frames.values()]
      frames.clear()
      for (const run of due) run(Date.now())
    },

    /** What was drawn on a canvas since the last call. */
    drawn: canvas => contexts.get(canvas)?.calls.splice(0) || [],
    contexts,

    connect () {
      socket.accept()
      socket.confirm()
    },

    /** A socket takes the place of one that was cut. */
    reconnect () {
      mock.timers.tick(1000) // longer than it waits
      socket = page.socket = FakeSocket.last
      page.connect()
    },

    /** What was sent to the server since the last call. */
    sent: action => socket.sent.splice(0).filter(f => f.data).map(f => JSON.parse(f.data)).filter(m => !action || m.action === action),

    /** The server says a DOM event. */
    say (selector, name, detail) {
      socket.say({
        identifier: '{"channel":"Live","room":"home"}',
        message: { cableReady: true, version: '5.0.6', operations: [{ operation: 'dispatchEvent', selector, name, detail }] }
      })
    },

    ack (id, status, more) {
      page.say(undefined, 'live:ack', { id, status, ...more })
    },

    /** A pointer does something at a point of an element. */
    point (el, type, x, y, more) {
      const event = new window.MouseEvent(type, { bubbles: true, cancelable: true, clientX: x, clientY: y, ...more })
      for (const [name, value] of Object.entries({ pointerId: 1, pointerType: 'mouse', pageX: x, pageY: y, ...more })) {
        Object.defineProperty(event, name, { value })
      }
      el.dispatchEvent(event)
      return event
    },

    key (el, key, more) {
      const event = new window.KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more })
      el.dispatchEvent(event)
      return event
    }
  }
  page.socket = socket
  return page
}
