// <live-cursors>: the pointers of everybody in the room. plugins/element writes it.
//
// A place is told in ten thousandths of the width and height of the page's <main>,
// so that pages of different sizes agree roughly about what is pointed at.
import { STILL, calm, h, s, still, text } from './dom.js'

const SEND = 50 // ms between two places that are sent
const KEEP = 3000 // ms after which a resting pointer says that it is still there
const SILENCE = 8000 // ms after which somebody else's is gone
const TAPPED = 1500 // ms that a tap is seen
const MOST = 100 // pointers that are shown
const SCALE = 10000
const PLACES = 200 // that were sent and are remembered
const SWITCH = 'live-cursors' // in localStorage: "off"
const QUIET = 'live-still' // in localStorage: "on"

// A browser may refuse to store anything.
const remembered = name => {
  try {
    return localStorage.getItem(name)
  } catch {}
}
const remember = (name, value) => {
  try {
    localStorage.setItem(name, value)
  } catch {}
}

/**
 * Reads a value: "id name colour region x y" with " tap" for a touch, or the id alone
 * of one that is gone. What does not read so is undefined.
 */
function read (value) {
  const [id, name, colour, region, x, y, tap] = value.split(' ')
  if (!name) return id ? { id, gone: true } : undefined
  const seen = { id, name, colour, region, x: Number(x), y: Number(y), tap: tap === 'tap' }
  return [seen.x, seen.y].every(n => n >= 0 && n <= SCALE) ? seen : undefined
}

export class LiveCursors extends HTMLElement {
  #stop

  connectedCallback () { this.#stop = start(this) }
  disconnectedCallback () { this.#stop() }
}

function start (host) {
  const area = host.closest('main') || document.querySelector('main') || document.body
  const layer = h('div', { class: 'cursors', 'aria-hidden': 'true' })
  const box = { left: 0, top: 0, width: 1, height: 1 } // of the area, in the page

  const measure = () => {
    const r = area.getBoundingClientRect()
    Object.assign(box, { left: r.left + scrollX, top: r.top + scrollY, width: r.width || 1, height: r.height || 1 })
    layer.style.transform = `translate(${box.left}px, ${box.top}px)`
    layer.style.width = box.width + 'px'
    layer.style.height = box.height + 'px'
    for (const c of others.values()) place(c)
  }

  // Others

  const others = new Map() // id → cursor, the longest silent first
  let frame = 0
  let sweeping

  const place = c => { c.element.style.transform = `translate(${c.x / SCALE * box.width}px, ${c.y / SCALE * box.height}px)` }

  const drop = c => {
    others.delete(c.id)
    c.element.remove()
  }

  const step = now => {
    frame = 0
    let moving = false
    for (const c of others.values()) {
      if (c.x === c.toX && c.y === c.toY) continue
      const share = Math.min(1, (now - c.since) / c.tick)
      c.x = c.fromX + (c.toX - c.fromX) * share
      c.y = c.fromY + (c.toY - c.fromY) * share
      place(c)
      if (share < 1) moving = true
    }
    if (moving) frame = requestAnimationFrame(step)
  }

  const sweep = () => {
    sweeping = undefined
    const now = Date.now()
    for (const c of others.values()) if (now >= c.until) drop(c)
    if (others.size) sweeping = setTimeout(sweep, 500)
  }

  const create = id => {
    const arrow = s('svg', { viewBox: '0 0 16 20', class: 'cursor-arrow' }, s('path', { d: 'M1 1v15l4.2-3.6 2.6 6 2.7-1.2-2.6-5.8H14z' }))
    const label = h('span', { class: 'cursor-name' })
    const element = h('div', { class: 'cursor' }, arrow, label)
    layer.append(element)
    return { id, element, label, x: -1 }
  }

  const show = seen => {
    let c = others.get(seen.id)
    if (seen.gone) return c && drop(c)
    const now = Date.now()
    if (isOwn(seen, now)) return c && drop(c)
    const drawn = performance.now()
    const fresh = !c
    c ||= create(seen.id)
    others.delete(seen.id)
    others.set(seen.id, c)
    if (others.size > MOST) drop(others.values().next().value)
    text(c.label, `${seen.name} · ${seen.region}`)
    c.element.className = 'cursor colour-' + seen.colour.replace(/[^0-9a-z]/gi, '')
    c.element.classList.toggle('cursor-tap', seen.tap)
    c.until = now + (seen.tap ? TAPPED : SILENCE)
    // It arrives when the next value is due, so that it never stands still between two.
    c.tick = fresh ? SEND : Math.min(4 * SEND, Math.max(SEND, drawn - c.since))
    Object.assign(c, { fromX: c.x, fromY: c.y, toX: seen.x, toY: seen.y, since: drawn })
    if (fresh || seen.tap || c.leap || calm()) Object.assign(c, { x: seen.x, y: seen.y })
    c.leap = seen.tap
    if (c.x === c.toX && c.y === c.toY) place(c)
    frame ||= requestAnimationFrame(step)
    sweeping ||= setTimeout(sweep, 500)
  }

  // The person's own

  let own = remembered(SWITCH) !== 'off'
  let at // the newest place {x, y}
  let told // whether the others know of one
  let sentAt = -Infinity
  let timer
  let keep
  const places = new Map() // "x y" that was sent → ms, the oldest first

  const act = fields => host.dispatchEvent(new CustomEvent('act', { bubbles: true, detail: { fields } }))
  const send = fields => {
    const place = `${fields.x} ${fields.y}`
    places.delete(place)
    places.set(place, Date.now())
    if (places.size > PLACES) places.delete(places.keys().next().value)
    act(fields)
  }

  // The room's values hold the person's own, at a place that was sent a moment ago.
  // That somebody else points at exactly there hides them for that moment.
  const isOwn = ({ x, y }, now) => now - places.get(`${x} ${y}`) < SILENCE

  const flush = () => {
    timer = undefined
    sentAt = performance.now()
    told = true
    send({ x: String(at.x), y: String(at.y) })
    clearTimeout(keep)
    keep = setTimeout(flush, KEEP)
  }

  const leave = () => {
    clearTimeout(timer)
    clearTimeout(keep)
    timer = undefined
    if (told) act({})
    told = false
  }

  const share = (value, from, length) => Math.round(Math.min(1, Math.max(0, (value - from) / length)) * SCALE)
  const locate = e => ({ x: share(e.pageX, box.left, box.width), y: share(e.pageY, box.top, box.height) })

  const move = e => {
    if (!own || e.pointerType === 'touch') return
    at = locate(e)
    timer ||= setTimeout(flush, Math.max(0, sentAt + SEND - performance.now()))
  }

  const tap = e => {
    if (!own || e.pointerType !== 'touch') return
    leave()
    const { x, y } = locate(e)
    send({ x: String(x), y: String(y), tap: 'true' })
  }

  const out = e => { if (!e.relatedTarget) leave() }
  const hidden = () => { if (document.visibilityState === 'hidden') leave() }

  const toggle = (label, click) => h('button', { type: 'button', class: 'cursors-switch', click }, label)
  const mine = toggle('Show my pointer to others', () => {
    own = !own
    remember(SWITCH, own ? 'on' : 'off')
    if (!own) leave()
    label()
  })
  const theirs = toggle('Show how others move', () => {
    document.documentElement.toggleAttribute(STILL)
    remember(QUIET, still() ? 'on' : 'off')
    if (still()) clear()
    label()
  })
  const label = () => {
    mine.setAttribute('aria-pressed', own)
    theirs.setAttribute('aria-pressed', !still())
  }

  const clear = () => { for (const c of [...others.values()]) drop(c) }
  const forget = () => {
    told = false
    clear()
  }
  const signals = e => {
    if (e.target !== host || still()) return
    for (const value of e.detail?.values || []) {
      const seen = read(value)
      if (seen) show(seen)
    }
  }

  const listeners = [
    [document, 'pointermove', move],
    [document, 'pointerdown', tap],
    [document, 'pointerout', out],
    [document, 'visibilitychange', hidden],
    [window, 'pagehide', leave],
    [window, 'resize', measure],
    [document, 'live:lost', forget],
    [host, 'live:signals', signals]
  ]
  for (const [on, type, run] of listeners) on.addEventListener(type, run, { passive: true })
  const observer = globalThis.ResizeObserver && new ResizeObserver(measure)
  for (const el of [area, document.body]) observer?.observe(el)
  document.body.append(layer)
  host.append(mine, theirs)
  host.setAttribute('data-live-permanent', '') // no morph takes the switches away
  if (remembered(QUIET) === 'on') document.documentElement.setAttribute(STILL, '')
  label()
  measure()

  return () => {
    leave()
    for (const [on, type, run] of listeners) on.removeEventListener(type, run)
    observer?.disconnect()
    cancelAnimationFrame(frame)
    clearTimeout(sweeping)
    layer.remove()
    mine.remove()
    theirs.remove()
  }
}
