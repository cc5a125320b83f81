// The canvas: the part of the board that is in view, the cell that is pointed at and
// a small map. Drawn once a frame at most, and only what has changed.
import { h } from '../dom.js'

const MAP = 160 // CSS pixels of the map's longer side, at most
const MAP_SHARE = 0.3 // of the stage's shorter side
const MAP_PAUSE = 400 // ms between two drawings of the map

/**
 * @param {object} o
 * @param {object} o.picture of createPicture
 * @param {object} o.view    of createView
 * @param {object} o.attributes of the canvas
 */
export function createStage ({ columns, rows, picture, view, attributes }) {
  const canvas = h('canvas', { class: 'board-canvas', ...attributes })
  const context = canvas.getContext('2d')
  const mark = h('div', { class: 'board-cell', hidden: true })
  const frame = h('div', { class: 'board-part' })
  const small = h('canvas', { width: 1, height: 1 })
  const map = h('div', { class: 'board-map', hidden: true, 'aria-hidden': 'true' }, small, frame)
  const hint = h('p', { class: 'board-hint', 'aria-hidden': 'true', hidden: true })
  const element = h('div', { class: 'board-stage' }, canvas, mark, map, hint)
  element.style.setProperty('aspect-ratio', `${columns} / ${rows}`)
  let across = 0 // CSS pixels of the map
  let down = 0

  let request = 0 // of an animation frame
  let moved = true // the view has changed
  let marked // the cell that is pointed at
  let mapped = -Infinity // ms, when the map was drawn
  let mapTimer
  let hintTimer

  const paint = changed => {
    const { left, top, right, bottom } = view.part()
    const sx = Math.floor(left * columns)
    const sy = Math.floor(top * rows)
    const sw = Math.min(columns, Math.ceil(right * columns)) - sx
    const sh = Math.min(rows, Math.ceil(bottom * rows)) - sy
    if (sw <= 0 || sh <= 0) return
    const { scale, x, y } = view
    context.imageSmoothingEnabled = scale < 1
    if (changed) {
      const x0 = Math.max(0, Math.floor(x + changed.left * scale) - 1)
      const y0 = Math.max(0, Math.floor(y + changed.top * scale) - 1)
      const x1 = Math.min(canvas.width, Math.ceil(x + changed.right * scale) + 1)
      const y1 = Math.min(canvas.height, Math.ceil(y + changed.bottom * scale) + 1)
      if (x1 <= x0 || y1 <= y0) return // out of view
      context.save()
      context.beginPath()
      context.rect(x0, y0, x1 - x0, y1 - y0)
      context.clip()
    }
    context.drawImage(picture.canvas, sx, sy, sw, sh, x + sx * scale, y + sy * scale, sw * scale, sh * scale)
    if (changed) context.restore()
  }

  const drawMap = () => {
    mapTimer = undefined
    if (map.hidden) return
    mapped = Date.now()
    const r = view.ratio
    if (small.width !== Math.round(across * r)) {
      small.width = Math.round(across * r)
      small.height = Math.round(down * r)
    }
    small.getContext('2d', { alpha: false }).drawImage(picture.canvas, 0, 0, small.width, small.height)
  }

  const place = () => {
    mark.hidden = !marked || view.cell < 2
    if (mark.hidden) return
    const { scale, ratio, x, y } = view
    mark.style.transform = `translate(${(x + marked.x * scale) / ratio}px, ${(y + marked.y * scale) / ratio}px)`
    mark.style.width = mark.style.height = scale / ratio + 'px'
  }

  const draw = () => {
    request = 0
    const changed = picture.flush()
    if (moved) {
      context.clearRect(0, 0, canvas.width, canvas.height) // beside the board
      paint()
      place()
      const part = view.part()
      map.hidden = part.right - part.left > 0.99 && part.bottom - part.top > 0.99
      frame.style.transform = `translate(${part.left * across}px, ${part.top * down}px)`
      frame.style.width = (part.right - part.left) * across + 'px'
      frame.style.height = (part.bottom - part.top) * down + 'px'
    } else if (changed) paint(changed)
    if ((changed || moved) && !map.hidden && !mapTimer) {
      mapTimer = setTimeout(drawMap, Math.max(0, mapped + MAP_PAUSE - Date.now()))
    }
    moved = false
  }

  const schedule = () => { request ||= requestAnimationFrame(draw) }

  const measure = () => {
    const ratio = globalThis.devicePixelRatio || 1
    const width = Math.max(1, Math.round(element.clientWidth * ratio))
    const height = Math.max(1, Math.round(element.clientHeight * ratio))
    if (canvas.width === width && canvas.height === height && view.ratio === ratio && view.width === width) return false
    canvas.width = width
    canvas.height = height
    const side = Math.min(MAP, MAP_SHARE * Math.min(width, height) / ratio)
    across = Math.round(side * Math.min(1, columns / rows))
    down = Math.round(side * Math.min(1, rows / columns))
    map.style.width = across + 'px'
    map.style.height = down + 'px'
    view.resize(width, height, ratio)
    return true
  }

  const stage = {
    element,
    canvas,
    map,

    /** Takes the size that the stage has now, and reports whether it is another one: then the view has changed. */
    measure,

    /** Draws what has changed of the cells, soon. */
    changed: schedule,

    /** Draws everything, soon: the view has changed. */
    moved () {
      moved = true
      schedule()
    },

    /** Outlines a cell {x, y}, or none. */
    mark (cell) {
      marked = cell
      place()
    },

    /** Shows a sentence on the board for a moment. */
    hint (sentence) {
      hint.textContent = sentence
      hint.hidden = false
      clearTimeout(hintTimer)
      hintTimer = setTimeout(() => { hint.hidden = true }, 2500)
    },

    stop () {
      cancelAnimationFrame(request)
      request = 0
      clearTimeout(mapTimer)
      clearTimeout(hintTimer)
      mapTimer = undefined
    }
  }
  return stage
}
