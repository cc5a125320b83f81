// A replay as it travels: core/board/film.go says what it is to the byte.

const HEAD = 20

/**
 * @param {ArrayBuffer} buffer
 * @param {number} size  how many cells the board has
 * @returns {{from: number, length: number, start: Uint8Array, count: number,
 *   at: Float64Array, index: Uint32Array, colour: Uint8Array}} times in ms, those of the steps since from
 */
export function decode (buffer, size) {
  const view = new DataView(buffer)
  const count = buffer.byteLength >= HEAD ? view.getUint32(16) : 0
  if (buffer.byteLength !== HEAD + size + 9 * count || view.getUint32(0) !== 0x47504631 || view.getUint16(4) * view.getUint16(6) !== size) {
    throw new Error('no film of this board')
  }
  const at = new Float64Array(count)
  const index = new Uint32Array(count)
  const steps = HEAD + size
  for (let i = 0, ms = 0; i < count; i++) {
    at[i] = ms += view.getUint32(steps + 4 * i)
    index[i] = Math.min(size - 1, view.getUint32(steps + 4 * (count + i)))
  }
  return {
    from: view.getUint32(8) * 2 ** 32 + view.getUint32(12),
    length: count ? at[count - 1] : 0,
    start: new Uint8Array(buffer, HEAD, size),
    count,
    at,
    index,
    colour: new Uint8Array(buffer, steps + 8 * count, count)
  }
}
