// What the person paints: shown at once, sent in batches, taken back if refused.
//
// The server's cells are kept beside what is shown, so that taking back shows what
// is true by then, and not what was there before.
import { MAX_CELLS, format } from './cells.js'

const MANY = 1024 // cells that may wait to be sent
const PAUSE = 60 // ms between two events: the server takes 50 a second of a tab, of which 20 are its pointer's
const ECHO = 3000 // ms in which a paint that was taken must show in what the server says

/**
 * @param {object} o
 * @param {object} o.tokens  of createTokens
 * @param {(fields, ref: number) => void} o.send
 * @param {(index: number, colour: number) => void} o.show
 * @param {(sentence: string, ms?: number) => void} o.say  why nothing was painted, and for how long
 */
export function createPainter ({ width, tokens, send, show, say }) {
  let base = new Uint8Array(0) // what the server says
  let waiting = [] // paints to be sent
  let flight // {ref, paints}: the event without an answer
  let ref = 0
  let sentAt = -Infinity // ms
  let sending
  let timer
  const shown = new Map() // index → the person's newest paint of it: {index, colour, sent, over, until}

  const drop = paint => {
    if (shown.get(paint.index) !== paint) return // painted over
    shown.delete(paint.index)
    show(paint.index, base[paint.index])
  }

  const next = () => {
    if (flight || sending) return
    const pause = sentAt + PAUSE - Date.now()
    if (pause > 0 && pause <= PAUSE) {
      sending = setTimeout(() => {
        sending = undefined
        next()
      }, pause)
      return
    }
    waiting = waiting.filter(p => shown.get(p.index) === p)
    if (!waiting.length) return
    const colour = waiting[0].colour
    const most = tokens.limited ? Math.min(MAX_CELLS, Math.floor(tokens.burst)) : MAX_CELLS
    let n = 0
    while (n < most && waiting[n]?.colour === colour) n++
    const paints = waiting.splice(0, n)
    for (const p of paints) p.sent = true
    flight = { ref: ++ref, paints }
    sentAt = Date.now()
    send({ cells: format(paints.map(p => p.index), width), colour: String(colour) }, ref)
  }

  // What was taken but not shown by now is on its way, unless somebody painted it in
  // the same moment: then theirs was later.
  const sweep = () => {
    timer = undefined
    const now = Date.now()
    for (const p of shown.values()) {
      if (p.until > now) continue
      if (!p.over) base[p.index] = p.colour
      drop(p)
    }
    expect()
  }
  const expect = () => {
    let soon = Infinity
    for (const p of shown.values()) soon = Math.min(soon, p.until)
    if (soon < Infinity && !timer) timer = setTimeout(sweep, Math.max(0, soon - Date.now()))
  }

  return {
    /** How many cells are shown that the server has not said yet. */
    open: () => shown.size,

    /** Whether there is a board to paint on. */
    ready: () => base.length > 0,

    /**
     * Takes the server's whole board. It may hold what was sent, and something newer
     * on top, of which nothing is said again.
     */
    load (colours) {
      base = colours
      for (const p of shown.values()) if (p.sent) p.over = true
    },

    /** All cells as they are to be shown, the person's paints on top: a copy. */
    picture () {
      const all = base.slice()
      for (const p of shown.values()) all[p.index] = p.colour
      return all
    },

    /** Takes what the server says of one cell, and says what to show. */
    server (index, colour) {
      base[index] = colour
      const p = shown.get(index)
      if (!p) return colour
      if (p.until === Infinity && !(p.sent && p.colour === colour)) {
        p.over = p.sent
        return p.colour
      }
      shown.delete(index)
      return colour
    },

    /** Paints a cell, or says why not. */
    paint (index, colour) {
      if ((shown.get(index)?.colour ?? base[index]) === colour) return true
      if (waiting.length >= MANY) {
        say('Too much is waiting for the connection.')
        return false
      }
      if (!tokens.take()) {
        say('', tokens.wait())
        return false
      }
      const paint = { index, colour, sent: false, over: false, until: Infinity }
      shown.set(index, paint)
      waiting.push(paint)
      show(index, colour)
      return true
    },

    /** Sends what waits. Called after each movement, so that one event takes all of it. */
    flush: next,

    /** Takes the answer to the event ref; a refusal comes with its reason. */
    answer (of, ok, reason) {
      if (flight?.ref !== of) return
      const { paints } = flight
      flight = undefined
      if (ok) {
        for (const p of paints) {
          p.until = Date.now() + ECHO
          if (base[p.index] === p.colour) drop(p)
        }
        expect()
      } else {
        paints.forEach(drop)
        say(reason)
      }
      next()
    },

    stop () {
      clearTimeout(timer)
      clearTimeout(sending)
    }
  }
}
