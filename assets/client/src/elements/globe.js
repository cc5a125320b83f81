// <live-globe>: a map on which events leave one region and land in the others.
// plugins/element writes it; the map is the SVG whose id is data-of, or the first one
// in it, with a dot for each site:
//
//   <circle data-site="lhr" cx="480" cy="170" data-rtt="ams:8.4 iad:76" …/>
//
// data-rtt holds round trips in ms to other sites. A value is "lhr 3": so many events
// were taken at a site since the last one.
import { calm, h, s } from './dom.js'

const MOST = 80 // arcs at once
const PAUSE = 250 // ms between two waves of one site
const UNKNOWN = 120 // ms of a round trip that was not measured
const SLOWER = 8 // times as long as the way took, or nobody would see it
const LEAST = 350 // ms that an arc flies
const LONGEST = 2500
const LINGER = 450 // ms in which an arc fades once it has landed
const PULSE = 900 // ms that a dot pulses

export class LiveGlobe extends HTMLElement {
  #stop

  connectedCallback () { this.#stop = start(this) }
  disconnectedCallback () { this.#stop() }
}

/** ms that an arc flies for a round trip of so many ms. */
export const flight = rtt => Math.min(LONGEST, Math.max(LEAST, (rtt > 0 ? rtt : UNKNOWN) / 2 * SLOWER))

function start (host) {
  // Rings are boxes and not of the picture: a browser moves and fades boxes without
  // painting them again.
  const arcs = s('svg', { focusable: 'false' })
  const layer = h('div', { class: 'globe-arcs', 'aria-hidden': 'true' }, arcs)
  let box // of the map's coordinates: x, y, width, height
  const shown = new Set() // {element, timer}
  const waves = new Map() // site → ms of its newest wave

  const gone = one => {
    clearTimeout(one.timer)
    one.element.remove()
    shown.delete(one)
  }
  const show = (on, element, ms) => {
    on.append(element)
    const one = { element }
    one.timer = setTimeout(gone, ms, one)
    shown.add(one)
  }

  // The arcs lie on the map, wherever that is by now: it is a fragment of its own.
  const cover = map => {
    if (!layer.isConnected) host.append(layer)
    const [to, from] = [map.getBoundingClientRect(), host.getBoundingClientRect()]
    layer.style.transform = `translate(${to.left - from.left}px, ${to.top - from.top}px)`
    layer.style.width = to.width + 'px'
    layer.style.height = to.height + 'px'
  }

  const dots = map => {
    const found = new Map()
    for (const dot of map.querySelectorAll('[data-site]')) {
      const [x, y] = ['cx', 'cy'].map(name => Number(dot.getAttribute(name)))
      const trips = new Map((dot.getAttribute('data-rtt') || '').split(/\s+/).map(one => one.split(':')))
      found.set(dot.getAttribute('data-site'), { x, y, trips })
    }
    return found
  }

  const pulse = ({ x, y }, delay) => {
    const ring = h('div', { class: 'globe-pulse' })
    ring.style.left = (x - box[0]) / box[2] * 100 + '%'
    ring.style.top = (y - box[1]) / box[3] * 100 + '%'
    ring.style.setProperty('--delay', delay + 'ms')
    show(layer, ring, delay + PULSE)
  }

  const wave = (map, site) => {
    const sites = dots(map)
    const from = sites.get(site)
    if (!from) return
    const coordinates = map.getAttribute('viewBox') || '0 0 1000 500'
    box = coordinates.split(/[\s,]+/).map(Number)
    arcs.setAttribute('viewBox', coordinates)
    cover(map)
    pulse(from, 0)
    for (const [name, to] of sites) {
      if (to === from || shown.size >= MOST) continue
      const ms = Math.round(flight(Number(from.trips.get(name) ?? to.trips.get(site))))
      const lift = Math.hypot(to.x - from.x, to.y - from.y) * 0.25
      const arc = s('path', {
        class: 'globe-arc',
        pathLength: 1,
        d: `M${from.x} ${from.y}Q${(from.x + to.x) / 2} ${(from.y + to.y) / 2 - lift} ${to.x} ${to.y}`
      })
      arc.style.setProperty('--time', ms + 'ms')
      show(arcs, arc, ms + LINGER)
      pulse(to, ms)
    }
  }

  const signals = e => {
    const of = host.getAttribute('data-of')
    const map = of ? document.getElementById(of) : [...host.querySelectorAll('svg')].find(svg => svg !== arcs)
    if (e.target !== host || !map || calm() || document.visibilityState === 'hidden') return
    const now = Date.now()
    for (const value of e.detail?.values || []) {
      const site = value.split(' ')[0]
      if (now - (waves.get(site) ?? -Infinity) < PAUSE) continue
      waves.set(site, now)
      wave(map, site)
    }
  }

  host.addEventListener('live:signals', signals)
  host.append(layer)
  return () => {
    host.removeEventListener('live:signals', signals)
    for (const one of [...shown]) gone(one)
    layer.remove()
  }
}
