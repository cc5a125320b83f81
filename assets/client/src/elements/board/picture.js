// The board as a bitmap of one pixel a cell, drawn only where it changed.

const MANY = 4096 // changed cells from which on the whole bitmap is written at once

/** @param {{name: string, rgb: string}[]} palette */
export function createPicture (width, height, palette) {
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  const context = canvas.getContext('2d', { alpha: false })
  const rgba = new Uint32Array(256) // a colour that nobody knows is black
  const little = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1
  rgba.fill(little ? 0xff000000 : 0x000000ff)
  palette.forEach(({ rgb }, i) => {
    const c = parseInt(rgb.slice(1), 16)
    rgba[i] = little ? 0xff000000 | (c & 255) << 16 | (c & 0xff00) | c >> 16 : c << 8 | 255
  })
  let colours = new Uint8Array(width * height) // what is shown
  let dirty = []
  let whole = true

  const writeAll = () => {
    const image = context.createImageData(width, height)
    const pixels = new Uint32Array(image.data.buffer)
    for (let i = 0; i < pixels.length; i++) pixels[i] = rgba[colours[i]]
    context.putImageData(image, 0, 0)
  }

  return {
    canvas,

    get colours () { return colours },

    /** Shows all of these from now on, without a copy. */
    load (all) {
      colours = all
      whole = true
    },

    /** Shows one cell in a colour; false if that was shown already. */
    put (index, colour) {
      if (colours[index] === colour) return false
      colours[index] = colour
      if (whole) return true
      if (dirty.length === MANY) whole = true
      else dirty.push(index)
      return true
    },

    /**
     * Writes what has changed to the bitmap.
     *
     * @returns {{left, top, right, bottom} | undefined} the cells in which it lies, right and bottom excluded
     */
    flush () {
      if (whole) {
        whole = false
        dirty = []
        writeAll()
        return { left: 0, top: 0, right: width, bottom: height }
      }
      if (!dirty.length) return
      let [left, top, right, bottom, last] = [width, height, 0, 0, -1]
      dirty.sort((a, b) => colours[a] - colours[b]) // to change the brush seldom
      for (const i of dirty) {
        const x = i % width
        const y = (i - x) / width
        if (colours[i] !== last) context.fillStyle = palette[last = colours[i]]?.rgb || '#000000'
        context.fillRect(x, y, 1, 1)
        left = Math.min(left, x)
        right = Math.max(right, x + 1)
        top = Math.min(top, y)
        bottom = Math.max(bottom, y + 1)
      }
      dirty = []
      return { left, top, right, bottom }
    }
  }
}
