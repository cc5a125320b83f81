// What fingers, mouse and pen do on the board.
//
// One finger, the pen and the first mouse button paint, or move the board where it
// is set to that. Two fingers always move and zoom; so do the mouse's other
// buttons and its wheel, but a wheel scrolls the page unless Ctrl is held or the
// board has the focus.

const TAP = 6 // CSS pixels that a finger may move and still tap
const SETTLE = 90 // ms in which a second finger may follow the first

/**
 * @param {HTMLElement} canvas
 * @param {object} on  paints(): whether a drag paints; start(point), move(point),
 *   end(): a stroke; tap(point): a click where drags do not paint;
 *   pan(dx, dy); zoom(factor, point), true if that changed anything; hover(point or undefined); wheel(): one that was
 *   left to the page. Points are CSS pixels from the canvas's corner.
 * @returns {() => void} ends it
 */
export function watchGestures (canvas, on) {
  const fingers = new Map() // pointer id → its last point
  let mode = '' // "stroke", "wait" for a finger that may still become two, "pan", "pinch"
  let began // where it went down
  let timer

  const point = e => {
    const box = canvas.getBoundingClientRect()
    return { x: e.clientX - box.left, y: e.clientY - box.top }
  }
  const far = (a, b) => Math.hypot(a.x - b.x, a.y - b.y)
  const pair = () => {
    const [a, b] = [...fingers.values()]
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.max(1, far(a, b)) }
  }
  const stroke = () => {
    clearTimeout(timer)
    mode = 'stroke'
    on.start(began)
  }

  const down = e => {
    const p = point(e)
    if (fingers.size > 1 || (fingers.size && e.pointerType !== 'touch')) return
    if (e.pointerType === 'touch' && fingers.size) {
      clearTimeout(timer)
      if (mode === 'stroke') on.end()
      fingers.set(e.pointerId, p)
      mode = 'pinch'
      return
    }
    if (e.pointerType !== 'touch' || !canvas.hasAttribute('data-still')) canvas.focus({ preventScroll: true })
    canvas.setPointerCapture?.(e.pointerId)
    fingers.set(e.pointerId, began = p)
    if (e.button > 0 || !on.paints()) mode = 'pan'
    else if (e.pointerType !== 'touch') stroke()
    else {
      mode = 'wait'
      timer = setTimeout(stroke, SETTLE)
    }
    if (e.button === 1) e.preventDefault() // no autoscroll
  }

  const move = e => {
    const p = point(e)
    const last = fingers.get(e.pointerId)
    if (!last) return e.pointerType !== 'touch' && on.hover(p)
    if (mode === 'pinch') {
      const before = pair()
      fingers.set(e.pointerId, p)
      const after = pair()
      on.pan(after.x - before.x, after.y - before.y)
      on.zoom(after.apart / before.apart, after)
      return
    }
    fingers.set(e.pointerId, p)
    if (mode === 'wait' && far(p, began) > TAP) stroke()
    if (mode === 'stroke') on.move(p)
    else if (mode === 'pan') on.pan(p.x - last.x, p.y - last.y)
    if (e.pointerType !== 'touch') on.hover(p)
  }

  const up = e => {
    const p = fingers.get(e.pointerId)
    if (!p) return
    fingers.delete(e.pointerId)
    if (mode === 'wait') stroke()
    if (mode === 'stroke') on.end()
    else if (mode === 'pan' && e.button <= 0 && far(p, began) <= TAP) on.tap(p)
    mode = mode === 'pinch' && fingers.size ? 'pan' : ''
    if (mode) began = { x: -Infinity, y: 0 } // the finger that stays does not tap
  }

  const cancel = e => {
    if (!fingers.delete(e.pointerId)) return
    clearTimeout(timer)
    if (mode === 'stroke') on.end()
    mode = fingers.size ? 'pan' : ''
  }

  const wheel = e => {
    if (!e.ctrlKey && !e.metaKey && document.activeElement !== canvas) return on.wheel()
    const lines = e.deltaMode === 1 ? 16 : e.deltaMode === 2 ? 400 : 1
    const zoomed = on.zoom(Math.exp(-Math.max(-200, Math.min(200, e.deltaY * lines)) / (e.ctrlKey ? 120 : 300)), point(e))
    if (zoomed || e.ctrlKey || e.metaKey) e.preventDefault() // else the page goes on
  }

  const leave = e => e.pointerType !== 'touch' && on.hover(undefined) // what was tapped stays
  const menu = e => e.preventDefault()
  const listeners = { pointerdown: down, pointermove: move, pointerup: up, pointercancel: cancel, pointerleave: leave, contextmenu: menu }
  for (const type in listeners) canvas.addEventListener(type, listeners[type])
  canvas.addEventListener('wheel', wheel, { passive: false })
  return () => {
    clearTimeout(timer)
    for (const type in listeners) canvas.removeEventListener(type, listeners[type])
    canvas.removeEventListener('wheel', wheel)
  }
}
