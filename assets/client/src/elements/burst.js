// <live-burst>: reactions that float up. plugins/element writes it, with the buttons.
import { calm, h, text } from './dom.js'

const MOST = 60 // in the air at once
const FLIGHT = 2600 // ms
const COUNT = 4000 // ms that a count stays, for those who want less movement

export class LiveBurst extends HTMLElement {
  #stop

  connectedCallback () { this.#stop = start(this) }
  disconnectedCallback () { this.#stop() }
}

function start (host) {
  const air = h('div', { class: 'burst-air', 'aria-hidden': 'true' })
  const symbols = new Map((host.getAttribute('data-reactions') || '').split(';').map(one => {
    const at = one.indexOf(':')
    return [one.slice(0, at), one.slice(at + 1)]
  }))
  const counts = new Map() // symbol → {element, n, timer}
  const flying = new Set() // {element, timer}

  const land = one => {
    clearTimeout(one.timer)
    one.element.remove()
    flying.delete(one)
  }

  const fly = symbol => {
    if (flying.size >= MOST) return
    const element = h('span', { class: 'burst-one' }, symbol)
    element.style.setProperty('--x', (Math.random() * 100).toFixed(1) + '%')
    element.style.setProperty('--drift', (Math.random() * 4 - 2).toFixed(2) + 'rem')
    element.style.setProperty('--time', FLIGHT * (0.7 + 0.3 * Math.random()) + 'ms')
    const one = { element }
    one.timer = setTimeout(land, FLIGHT, one)
    flying.add(one)
    air.append(element)
  }

  const tally = symbol => {
    let c = counts.get(symbol)
    if (!c) {
      counts.set(symbol, c = { element: h('span', { class: 'burst-count' }), n: 0 })
      air.append(c.element)
    }
    c.n++
    text(c.element, `${symbol} ${c.n}`)
    c.element.classList.toggle('burst-odd') // begins the pulse anew
    clearTimeout(c.timer)
    c.timer = setTimeout(() => {
      c.element.remove()
      counts.delete(symbol)
    }, COUNT)
  }

  const signals = e => {
    if (e.target !== host || document.visibilityState === 'hidden') return
    for (const kind of e.detail?.values || []) {
      const symbol = symbols.get(kind)
      if (symbol) (calm() ? tally : fly)(symbol)
    }
  }

  host.addEventListener('live:signals', signals)
  host.append(air)
  host.setAttribute('data-live-permanent', '') // no morph takes what flies away
  return () => {
    host.removeEventListener('live:signals', signals)
    for (const one of [...flying]) land(one)
    for (const c of counts.values()) clearTimeout(c.timer)
    air.remove()
  }
}
