// <live-board>: a board that everybody paints. plugins/element writes it, with what
// people see and use where no script runs; that is hidden.
import { h } from '../dom.js'
import { line, palette as readPalette } from './cells.js'
import { createFeed } from './feed.js'
import { watchGestures } from './gestures.js'
import { watchKeys } from './keys.js'
import { createPainter } from './painter.js'
import { createPanel } from './panel.js'
import { createPicture } from './picture.js'
import { createReadout, tells } from './readout.js'
import { createReplay } from './replay.js'
import { createStage } from './stage.js'
import { createTokens } from './tokens.js'
import { createView } from './view.js'

const TINY = 2.5 // CSS pixels: smaller cells are too small to hit
const NEAR = 12 // CSS pixels of a cell after a click on tiny ones
const NEARER = 'Cells were too small to hit. Now they are large enough to paint.'
const SPOKEN = 250 // ms that the keyboard's cursor rests before its cell is said
const OUTCOMES = ['ok', 'invalid', 'forbidden', 'dropped', 'error', 'busy', 'unavailable']

export class LiveBoard extends HTMLElement {
  #board

  /** What the page has of the board, for the binder's sync: a position or null. */
  get position () { return this.#board?.position ?? null }

  connectedCallback () {
    this.#board = start(this)
  }

  disconnectedCallback () {
    this.#board?.stop()
    this.#board = undefined
  }
}

function start (host) {
  const number = name => Number(host.getAttribute('data-' + name)) || 0
  const columns = number('width')
  const rows = number('height')
  const palette = readPalette(host.getAttribute('data-palette'))
  if (!(columns > 0 && rows > 0 && palette.length)) return // what stands there without script stays

  const fallback = [...host.children]
  const rate = number('rate')
  const tokens = createTokens(rate, Math.max(1, number('burst') || 2 * rate))
  const view = createView(columns, rows)
  const picture = createPicture(columns, rows, palette)
  const cellUrl = host.getAttribute('data-cell')
  const replayUrl = host.getAttribute('data-replay')
  let colour = Math.min(1, palette.length - 1)
  let paints = true
  let cursor // the keyboard's cell
  let pointed // the cell that the readout tells of
  let whose = '' // who painted it, as far as it is known
  let clicked // the last cell that the pointer went down on
  let stroke // the last cell of a stroke
  let speaking

  const name = cell => palette[picture.colours[cell.y * columns + cell.x]]?.name
  const same = (a, b) => a?.x === b?.x && a?.y === b?.y
  const where = cell => `x ${cell.x}, y ${cell.y}`
  const shown = (index, c) => {
    if (replay?.on() || !picture.put(index, c)) return
    stage.changed()
    if (pointed && pointed.y * columns + pointed.x === index) tell('')
  }
  const event = (type, detail) => host.dispatchEvent(new CustomEvent(type, { bubbles: true, detail }))

  const stage = createStage({
    columns,
    rows,
    picture,
    view,
    attributes: {
      tabindex: 0,
      role: 'application',
      'aria-roledescription': 'pixel board',
      'aria-label': `${host.getAttribute('aria-label') || 'Board'}, ${columns} by ${rows} cells`,
      'aria-describedby': host.id + '-help'
    }
  })
  const panel = createPanel({
    id: host.id,
    palette,
    tokens,
    past: !!replayUrl,
    on: { colour: n => choose(n), mode: yes => setMode(yes), zoom: f => zoom(f), fit: () => fit(), replay: () => toggleReplay() }
  })
  const painter = createPainter({
    width: columns,
    tokens,
    show: shown,
    send: (fields, ref) => event('act', { fields, ref }),
    say (sentence, wait) {
      if (wait === undefined) panel.say(sentence)
      else panel.say(`Out of paint. The next cell is ready in ${Math.max(1, Math.ceil(wait / 1000))} s.`, 'tokens')
    }
  })
  const readout = createReadout({
    url: cellUrl,
    width: columns,
    tell: (cell, answer) => { if (same(cell, pointed)) tell(tells(answer)) }
  })
  const feed = createFeed({
    url: host.getAttribute('data-src'),
    size: columns * rows,
    sync: () => event('live:sync'),
    loaded (colours) {
      painter.load(colours)
      readout.clear()
      whose = ''
      if (pointed) readout.changed(pointed.y * columns + pointed.x)
      if (!replay?.on()) live()
    },
    changed (cells) {
      for (const c of cells) {
        const index = c >>> 8
        if (index >= columns * rows) continue
        shown(index, painter.server(index, c & 255))
        readout.changed(index)
      }
    },
    state (now) {
      host.setAttribute('data-state', now)
      if (now === 'failed') stage.hint('The board cannot be loaded just now. Trying again.')
    }
  })
  const replay = replayUrl && createReplay({
    url: replayUrl,
    size: columns * rows,
    on: {
      show (all) {
        picture.load(all)
        stage.changed()
        tell('')
      },
      put: (index, c) => { if (picture.put(index, c)) stage.changed() },
      failed: () => panel.say('The replay cannot be had just now.'),
      begun: () => panel.say(''),
      empty: () => panel.say('Nothing was painted in the last hour.'),
      left (focused) {
        panel.replaying(false, focused)
        live()
        readout.point(pointed)
      }
    }
  })
  const element = h('div', { class: 'board' }, panel.tools, stage.element, ...(replay ? [replay.bar] : []), panel.below)

  function live () {
    picture.load(painter.picture())
    stage.changed()
    tell(whose)
  }

  function choose (n) {
    if (!palette[n]) return
    colour = n
    panel.colour(n)
  }

  function setMode (yes) {
    paints = yes
    panel.mode(yes)
    host.setAttribute('data-mode', yes ? 'paint' : 'move')
  }

  // Where a drag can neither paint nor move the board, it scrolls the page.
  function settle () {
    stage.canvas.toggleAttribute('data-still', view.whole && view.cell < TINY)
    stage.moved()
  }

  function zoom (factor, about) {
    const r = view.ratio
    let changed
    if (about) changed = view.zoom(factor, about.x * r, about.y * r)
    else if (cursor && view.shows(cursor.x, cursor.y)) {
      changed = view.zoom(factor, view.x + (cursor.x + 0.5) * view.scale, view.y + (cursor.y + 0.5) * view.scale)
      view.reveal(cursor.x, cursor.y)
    } else changed = view.zoom(factor)
    settle()
    return changed
  }

  function fit () {
    view.fit()
    settle()
  }

  function toggleReplay () {
    if (replay.on()) return replay.leave()
    panel.replaying(true)
    panel.say('Loading the last hour …')
    readout.point(undefined)
    replay.enter()
  }

  // What the readout says of the cell that is pointed at: its colour now, and whose it is.
  function tell (who) {
    whose = who
    panel.readout(pointed ? [where(pointed), name(pointed), whose].filter(Boolean).join(' · ') : '')
  }

  function point (cell) {
    if (same(cell, pointed)) return
    pointed = cell
    stage.mark(cell)
    tell('')
    readout.point(replay?.on() ? undefined : cell)
  }

  const cellAt = (p, nearest) => view.at(p.x * view.ratio, p.y * view.ratio, nearest)

  function paint (cell) {
    if (replay?.on()) return panel.say('This is the past. Go back to live to paint.')
    if (!painter.ready()) return panel.say('The board is still loading.')
    return painter.paint(cell.y * columns + cell.x, colour)
  }

  function paintTo (cell) {
    let going = true
    const from = stroke || cell
    line(from.x, from.y, cell.x, cell.y, (x, y) => {
      if (going && (!stroke || x !== from.x || y !== from.y)) going = paint({ x, y })
    })
    stroke = going === false ? undefined : cell // out of paint, it ends: dots are no line
    painter.flush()
    panel.budget()
  }

  // The keyboard goes on where the pointer was, or begins in the middle.
  function takeCursor () {
    const here = clicked && view.shows(clicked.x, clicked.y) ? clicked : view.at(view.width / 2, view.height / 2, true)
    return cursor ||= here
  }

  function speak (prefix) {
    clearTimeout(speaking)
    speaking = setTimeout(() => panel.speak(`${prefix}${where(cursor)}: ${name(cursor)}`), SPOKEN)
  }

  const gestures = {
    paints: () => paints && !replay?.on() && view.cell >= TINY,
    start (p) {
      cursor = stroke = undefined
      const cell = clicked = cellAt(p)
      if (!cell) return
      point(cell)
      paintTo(cell)
    },
    move (p) {
      const cell = cellAt(p, true)
      if (stroke && (cell.x !== stroke.x || cell.y !== stroke.y)) paintTo(cell)
    },
    end: () => { stroke = undefined },
    tap (p) {
      const cell = clicked = cellAt(p)
      cursor = undefined
      if (!cell) return
      point(cell)
      if (!paints || replay?.on() || view.cell >= TINY) return
      zoom(NEAR / view.cell, p)
      stage.hint(NEARER)
    },
    pan (dx, dy) {
      view.pan(dx * view.ratio, dy * view.ratio)
      stage.moved()
    },
    zoom,
    hover: p => point(p ? cellAt(p) : cursor),
    wheel: () => stage.hint('To zoom with the wheel, hold Ctrl or click the board first.')
  }

  const keys = {
    step (dx, dy, drawing) {
      const from = takeCursor()
      cursor = { x: Math.min(columns - 1, Math.max(0, from.x + dx)), y: Math.min(rows - 1, Math.max(0, from.y + dy)) }
      view.reveal(cursor.x, cursor.y)
      stage.moved()
      if (drawing) {
        stroke = from
        paintTo(cursor)
        stroke = undefined
      }
      point(cursor)
      speak('')
    },
    paint () {
      point(takeCursor())
      if (view.cell < TINY) {
        zoom(NEAR / view.cell)
        stage.hint(NEARER)
        return speak('')
      }
      const before = painter.open()
      paintTo(cursor)
      stroke = undefined
      speak(painter.open() > before ? 'Painted ' : '')
    },
    zoom: f => zoom(f),
    fit,
    colour: choose,
    nextColour (by) {
      choose((colour + by + palette.length) % palette.length)
      panel.speak(palette[colour].name)
    },
    mode () {
      setMode(!paints)
      panel.speak(paints ? 'Painting' : 'Moving')
    }
  }

  function answered (e) {
    const { ref, error, again, retryAfter } = e.detail || {}
    if (e.target !== host || ref === undefined) return
    const status = e.type.slice('live:'.length)
    e.preventDefault() // said here
    if (status === 'busy') tokens.none(retryAfter || 1000)
    if (again) {
      if (status === 'unavailable' && error) panel.say(error)
    } else {
      if (status === 'ok') panel.unsay()
      painter.answer(ref, status === 'ok', error || 'That could not be painted.')
    }
    panel.budget()
  }

  const listeners = [
    [host, 'live:cells', e => e.target === host && e.detail && feed.take(e.detail)],
    ...OUTCOMES.map(o => [host, 'live:' + o, answered]),
    [document, 'live:connected', feed.connected],
    [document, 'live:lost', feed.lost],
    [document, 'live:store', e => e.detail?.away === false && feed.hurry()],
    [stage.map, 'pointerdown', e => seekMap(e)],
    [stage.map, 'pointermove', e => e.buttons && seekMap(e)]
  ]
  function seekMap (e) {
    const box = stage.map.getBoundingClientRect()
    view.centre((e.clientX - box.left) / box.width * columns, (e.clientY - box.top) / box.height * rows)
    stage.moved()
  }

  for (const [on, type, run] of listeners) on.addEventListener(type, run)
  const ends = [watchGestures(stage.canvas, gestures), watchKeys(stage.canvas, keys)]
  const measure = () => {
    if (stage.measure()) settle()
  }
  const observer = globalThis.ResizeObserver && new ResizeObserver(measure)
  observer?.observe(stage.element)
  for (const el of fallback) el.hidden = true
  host.append(element)
  host.setAttribute('data-live-permanent', '') // no morph takes the board away
  measure()
  choose(colour)
  setMode(true)
  panel.budget()
  feed.start(!!globalThis.live?.connected())

  return {
    get position () { return feed.position },

    stop () {
      for (const [on, type, run] of listeners) on.removeEventListener(type, run)
      for (const end of ends) end()
      observer?.disconnect()
      clearTimeout(speaking)
      replay?.leave()
      for (const part of [feed, painter, panel, readout, stage]) part.stop()
      element.remove()
      for (const el of fallback) el.hidden = false
      host.removeAttribute('data-live-permanent')
    }
  }
}
