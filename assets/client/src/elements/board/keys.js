// What the keyboard does on the board.

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
const LEAP = 10 // cells that an arrow moves with Shift

/** Told to people, and to screen readers as the board's description. */
export const HELP = 'Arrow keys move the cell cursor, with Shift by ten. Enter or Space paints; hold Space and move to draw. ' +
  'Plus and minus zoom, 0 shows the whole board. Square brackets or 1 to 9 choose a colour, M changes what a drag does: paint, or move the board.'

/**
 * @param {HTMLElement} canvas
 * @param {object} on  step(dx, dy, drawing), paint(), zoom(factor), fit(), colour(n), nextColour(by), mode()
 * @returns {() => void} ends it
 */
export function watchKeys (canvas, on) {
  let drawing = false

  const press = e => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return
    const step = STEPS[e.key]
    const leap = e.shiftKey ? LEAP : 1
    if (step) {
      on.step(step[0] * leap, step[1] * leap, drawing)
    } else if (e.key === 'Enter' || e.key === ' ') {
      if (e.key === ' ') drawing = true
      if (!e.repeat) on.paint()
    } else if (e.key === '+' || e.key === '=') on.zoom(1.5)
    else if (e.key === '-') on.zoom(1 / 1.5)
    else if (e.key === '0' || e.key === 'Home') on.fit()
    else if (e.key === '[') on.nextColour(-1)
    else if (e.key === ']') on.nextColour(1)
    else if (/^[1-9]$/.test(e.key)) on.colour(e.key - 1)
    else if (e.key === 'm' || e.key === 'M') on.mode()
    else return
    e.preventDefault()
  }
  const release = e => { if (e.key === ' ') drawing = false }
  const blur = () => { drawing = false }

  const listeners = { keydown: press, keyup: release, blur }
  for (const type in listeners) canvas.addEventListener(type, listeners[type])
  return () => {
    for (const type in listeners) canvas.removeEventListener(type, listeners[type])
  }
}
