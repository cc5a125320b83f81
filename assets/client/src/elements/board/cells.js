// Cells as they travel, and the cells between two points.

/** How many cells one event may name: plugins.MaxCells. */
export const MAX_CELLS = 64

/**
 * Reads the cells of a message: base64 of four bytes each, big-endian,
 * index << 8 | colour.
 *
 * @returns {Uint32Array}
 */
export function unpack (text) {
  const bytes = atob(text)
  const cells = new Uint32Array(bytes.length >> 2)
  for (let i = 0, at = 0; i < cells.length; i++) {
    cells[i] = bytes.charCodeAt(at++) << 24 | bytes.charCodeAt(at++) << 16 | bytes.charCodeAt(at++) << 8 | bytes.charCodeAt(at++)
  }
  return cells
}

/** Writes cells, given by index, as an event names them: "1,2 1,3". */
export const format = (indices, width) => indices.map(i => `${i % width},${Math.floor(i / width)}`).join(' ')

/** Visits the cells of a straight line, both ends included. */
export function line (x, y, toX, toY, visit) {
  const dx = Math.abs(toX - x)
  const dy = -Math.abs(toY - y)
  const stepX = x < toX ? 1 : -1
  const stepY = y < toY ? 1 : -1
  for (let error = dx + dy; ;) {
    visit(x, y)
    if (x === toX && y === toY) return
    const twice = 2 * error
    if (twice >= dy) {
      error += dy
      x += stepX
    }
    if (twice <= dx) {
      error += dx
      y += stepY
    }
  }
}

/**
 * Reads a palette: "name:#rrggbb;…".
 *
 * @returns {{name: string, rgb: string}[]}
 */
export const palette = text => (text || '').split(';').filter(Boolean).map(one => {
  const at = one.lastIndexOf(':')
  return { name: one.slice(0, at), rgb: one.slice(at + 1) }
})
