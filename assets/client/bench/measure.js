// What the measuring page can be asked: each function returns figures in ms.
const round = n => Math.round(n * 100) / 100
const pick = (sorted, share) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))])
const summary = times => {
  const sorted = [...times].sort((a, b) => a - b)
  return { median: pick(sorted, 0.5), p95: pick(sorted, 0.95), most: round(sorted.at(-1)) }
}
const frame = () => new Promise(resolve => requestAnimationFrame(resolve))
const tell = (id, name, detail) => document.getElementById(id).dispatchEvent(new CustomEvent(name, { bubbles: true, detail }))

let version = 0
const cells = n => {
  let text = ''
  for (let i = 0; i < n; i++) {
    const index = Math.floor(Math.random() * 1e6)
    text += String.fromCharCode(index >> 16, index >> 8 & 255, index & 255, Math.floor(Math.random() * 32))
  }
  return btoa(text)
}
const paint = text => tell('board-pixels', 'live:cells', { from: version, to: ++version, cells: text })

// Runs act once a frame. The element asks for its frame within act, between two of ours,
// so that what it does there is timed as well.
async function frames (n, act) {
  const [took, drew, gaps] = [[], [], []]
  let last = await frame()
  for (let i = 0; i < n; i++) {
    let before
    const first = new Promise(resolve => requestAnimationFrame(() => { before = performance.now(); resolve() }))
    const start = performance.now()
    act(i)
    took.push(performance.now() - start)
    const second = new Promise(resolve => requestAnimationFrame(now => { drew.push(performance.now() - before); resolve(now) }))
    await first
    const now = await second
    gaps.push(now - last)
    last = now
  }
  const all = gaps.reduce((a, b) => a + b, 0)
  return { act: summary(took), draw: summary(drew), frame: summary(gaps), fps: round(1000 * n / all) }
}

const canvas = () => document.querySelector('.board-canvas')
const wheel = deltaY => canvas().dispatchEvent(new WheelEvent('wheel', { deltaY, ctrlKey: true, cancelable: true, clientX: canvas().getBoundingClientRect().left + 300, clientY: canvas().getBoundingClientRect().top + 200 }))
const press = key => canvas().dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))

window.measure = {
  ready: async () => {
    while (document.getElementById('board-pixels').position == null) await frame()
    tell('board-pixels', 'live:cells', { to: version, cells: '' })
    await frame()
    await frame()
  },

  /** Cells of a whole frame, each frame. */
  apply (n) {
    const texts = Array.from({ length: 60 }, () => cells(n))
    return frames(120, i => paint(texts[i % 60]))
  },

  idle: () => frames(120, () => {}),

  pan: async () => {
    press('0')
    for (let i = 0; i < 6; i++) press('+')
    document.querySelectorAll('.board-modes input')[1].click()
    const box = canvas().getBoundingClientRect()
    const at = (type, x) => canvas().dispatchEvent(new PointerEvent(type, { pointerId: 1, pointerType: 'pen', clientX: box.left + x, clientY: box.top + 200, button: 0, buttons: 1, bubbles: true }))
    canvas().setPointerCapture = () => {}
    at('pointerdown', 300)
    const figures = await frames(120, i => at('pointermove', 300 + 150 * Math.sin(i / 10)))
    at('pointerup', 300)
    return figures
  },

  zoom: async () => {
    press('0')
    return frames(120, i => wheel(i % 60 < 30 ? -40 : 40))
  },

  fit: async () => {
    press('0')
    await frame()
  },

  /** A hundred pointers, each told twenty times a second. */
  cursors: () => {
    let i = 0
    const told = []
    const timer = setInterval(() => {
      i++
      const start = performance.now()
      tell('cursors-at', 'live:signals', {
        values: Array.from({ length: 100 }, (_, n) => `id${n} #n${n} ${n % 12} lhr ${5000 + Math.round(4500 * Math.sin(n + i / 9))} ${5000 + Math.round(4500 * Math.cos(2 * n + i / 11))}`)
      })
      told.push(performance.now() - start)
    }, 50)
    return frames(180, () => {}).then(({ draw, frame, fps }) => ({ told: summary(told), draw, frame, fps })).finally(() => clearInterval(timer))
  },

  /** Comes near, paints a few cells by keyboard and points at one. */
  near: async () => {
    press('0')
    for (let i = 0; i < 9; i++) press('+')
    press('9')
    for (const key of [' ', 'ArrowRight', 'ArrowRight', 'ArrowDown', 'ArrowDown']) press(key)
    canvas().dispatchEvent(new KeyboardEvent('keyup', { key: ' ' }))
    measure.show()
    await new Promise(resolve => setTimeout(resolve, 900))
  },

  replay: async () => {
    document.querySelector('.board-tools [aria-pressed]').click()
    await new Promise(resolve => setTimeout(resolve, 1500))
  },

  show: async () => {
    tell('cursors-at', 'live:signals', { values: ['a #k7qf2 4 lhr 3000 2000', 'b #me3k2 10 nrt 6000 3000 tap'] })
    tell('reactions-burst', 'live:signals', { values: ['thumb', 'thumb', 'heart'] })
    tell('globe-traffic', 'live:signals', { values: ['lhr 1'] })
    await new Promise(resolve => setTimeout(resolve, 500))
  }
}
