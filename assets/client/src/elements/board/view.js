// Which part of the board is seen, and how large. All lengths are device pixels,
// so that a cell's edges are sharp.

const CLOSE = 48 // CSS pixels that a cell has at most
const SLACK = 0.35 // of the view may lie beside the board, so that no cell stays under the map

export function createView (columns, rows) {
  let width = 1
  let height = 1
  let ratio = 1 // device pixels for a CSS pixel
  let scale = 1 // device pixels for a cell
  let x = 0 // where the board's corner is
  let y = 0
  let fitted = true

  const least = () => Math.min(width / columns, height / rows)
  const most = () => Math.max(CLOSE * ratio, least())

  // A board that is smaller than the view stays in its middle, a larger one about fills it.
  const hold = (at, board, space) => {
    if (board <= space) return (space - board) / 2
    const slack = Math.min(SLACK * space, board - space)
    return Math.min(slack, Math.max(space - board - slack, at))
  }

  const settle = () => {
    x = Math.round(hold(x, columns * scale, width))
    y = Math.round(hold(y, rows * scale, height))
  }

  const fit = () => {
    fitted = true
    scale = least()
    settle()
  }

  const zoom = (factor, aboutX = width / 2, aboutY = height / 2) => {
    const next = Math.min(most(), Math.max(least(), scale * factor))
    const changed = next !== scale
    x = aboutX - (aboutX - x) * next / scale
    y = aboutY - (aboutY - y) * next / scale
    scale = next
    fitted = next <= least()
    settle()
    return changed
  }

  return {
    fit,
    zoom,

    /** Whether the whole board is in view. */
    get whole () { return fitted },

    get scale () { return scale },
    get ratio () { return ratio },
    get x () { return x },
    get y () { return y },
    get width () { return width },
    get height () { return height },

    /** CSS pixels that a cell has. */
    get cell () { return scale / ratio },

    /** The size of the canvas; what was in its middle stays there. */
    resize (w, h, r) {
      const middle = [(width / 2 - x) / scale, (height / 2 - y) / scale]
      if (!fitted) scale *= r / ratio
      width = w
      height = h
      ratio = r
      if (fitted) return fit()
      scale = Math.min(most(), Math.max(least(), scale))
      x = width / 2 - middle[0] * scale
      y = height / 2 - middle[1] * scale
      settle()
    },

    pan (dx, dy) {
      x += dx
      y += dy
      settle()
    },

    /** Shows a cell in the middle. */
    centre (column, row) {
      x = width / 2 - (column + 0.5) * scale
      y = height / 2 - (row + 0.5) * scale
      settle()
    },

    /** The cell at a point; outside of the board it is undefined, or the nearest one if that is wanted. */
    at (px, py, nearest) {
      const column = Math.floor((px - x) / scale)
      const row = Math.floor((py - y) / scale)
      if (nearest) return { x: Math.min(columns - 1, Math.max(0, column)), y: Math.min(rows - 1, Math.max(0, row)) }
      if (column >= 0 && row >= 0 && column < columns && row < rows) return { x: column, y: row }
    },

    /** Whether a cell is in view. */
    shows (column, row) {
      const [px, py] = [x + (column + 0.5) * scale, y + (row + 0.5) * scale]
      return px >= 0 && py >= 0 && px <= width && py <= height
    },

    /** Moves as little as it takes to have a cell in view. */
    reveal (column, row) {
      const margin = Math.min(scale, width / 4, height / 4)
      const left = x + column * scale
      const top = y + row * scale
      if (left < margin) x += margin - left
      if (left + scale > width - margin) x -= left + scale - width + margin
      if (top < margin) y += margin - top
      if (top + scale > height - margin) y -= top + scale - height + margin
      settle()
    },

    /** The part of the board that is seen, in shares of its width and height. */
    part () {
      const share = (at, board, space) => [Math.max(0, -at / board), Math.min(1, (space - at) / board)]
      const [left, right] = share(x, columns * scale, width)
      const [top, bottom] = share(y, rows * scale, height)
      return { left, top, right, bottom }
    }
  }
}
