// The last hour of the board, played like a film.
import { h, text } from '../dom.js'
import { decode } from './film.js'

const SPEEDS = [1, 10, 60, 120, 300, 1200] // times as fast as it was
const SHORTEST = 8000 // ms that it plays, if there is a speed for that

/**
 * @param {object} o
 * @param {string} o.url
 * @param {number} o.size   how many cells there are
 * @param {object} o.on     show(colours): all cells of a moment; put(index, colour): one;
 *   begun(): it plays; empty(): there is nothing to play; failed(); left(focused): back to live, and whether the
 *   focus was here
 */
export function createReplay ({ url, size, on }) {
  let film
  let colours // of the moment
  let next = 0 // the first step that is still to come
  let at = 0 // ms since the film's beginning
  let speed = SPEEDS[0]
  let last = 0 // ms, when the newest frame was drawn; 0 while paused
  let request // of the film
  let frame = 0

  const clock = h('span', { class: 'board-clock' }) // said by the slider
  const slider = h('input', { type: 'range', name: 'board-moment', min: 0, max: 1000, value: 0, 'aria-label': 'Moment', input: () => seek(slider.value / 1000 * film.length) })
  const play = h('button', { type: 'button', class: 'board-button', click: () => run(!last) }, 'Play')
  const faster = h('select', { name: 'board-speed', 'aria-label': 'Speed', change: () => { speed = +faster.value } },
    ...SPEEDS.map(n => h('option', { value: n, selected: n === speed }, n + ' ×')))
  const back = h('button', { type: 'button', class: 'board-button', click: () => leave() }, 'Back to live')
  const bar = h('div', { class: 'board-replay', role: 'group', 'aria-label': 'Replay', hidden: true, keydown: e => { if (e.key === 'Escape') leave() } }, play, slider, clock, faster, back)

  const tell = () => {
    const share = film.length ? at / film.length : 1
    slider.value = Math.round(share * 1000)
    const time = new Date(film.from + at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' })
    slider.setAttribute('aria-valuetext', time)
    text(clock, time)
  }

  const advance = put => {
    for (; next < film.count && film.at[next] <= at; next++) put(film.index[next], film.colour[next])
  }

  const seek = to => {
    at = Math.min(film.length, Math.max(0, to))
    if (next && film.at[next - 1] > at) {
      colours = film.start.slice()
      next = 0
    }
    advance((i, c) => { colours[i] = c })
    on.show(colours)
    tell()
  }

  const run = going => {
    cancelAnimationFrame(frame)
    if (going && at >= film.length) seek(0)
    last = going ? performance.now() : 0
    text(play, going ? 'Pause' : 'Play')
    if (going) frame = requestAnimationFrame(step)
  }

  const step = now => {
    at = Math.min(film.length, at + Math.max(0, now - last) * speed)
    last = now
    advance(on.put)
    tell()
    if (at >= film.length) run(false)
    else frame = requestAnimationFrame(step)
  }

  const leave = () => {
    request?.abort()
    request = undefined
    cancelAnimationFrame(frame)
    last = 0
    film = colours = undefined
    const focused = bar.contains(document.activeElement)
    bar.hidden = true
    on.left(focused)
  }

  return {
    bar,

    /** Whether the past is shown, or is about to be. */
    on: () => !!(film || request),

    async enter () {
      const mine = request = new AbortController()
      try {
        const answer = await fetch(url, { credentials: 'same-origin', cache: 'no-cache', signal: mine.signal })
        if (!answer.ok) throw new Error(`${url}: ${answer.status}`)
        const read = decode(await answer.arrayBuffer(), size)
        if (mine.signal.aborted) return
        if (!read.count) {
          leave()
          return on.empty()
        }
        film = read
        speed = SPEEDS.findLast(n => film.length / n >= SHORTEST) || SPEEDS[0]
        faster.value = speed
        colours = film.start.slice()
        at = next = 0
        bar.hidden = false
        on.begun()
        seek(0)
        run(true)
      } catch {
        if (mine.signal.aborted) return
        leave()
        on.failed()
      }
    },

    leave
  }
}
