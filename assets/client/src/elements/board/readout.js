// Who painted the cell that is pointed at, from where and when.
import { ago } from '../words.js'

const WAIT = 150 // ms that a pointer rests before the server is asked
const KEPT = 200 // answers
const FRESH = 60000 // ms that an answer is used

/**
 * @param {object} o
 * @param {string} o.url  that answers to ?x=&y=
 * @param {(cell, answer) => void} o.tell
 */
export function createReadout ({ url, width, tell }) {
  const known = new Map() // index → {answer, at}
  let now // the cell that is pointed at
  let request
  let timer

  const leave = () => {
    clearTimeout(timer)
    timer = undefined
    request?.abort()
    request = undefined
  }

  const ask = async cell => {
    timer = undefined
    const mine = request = new AbortController()
    const index = cell.y * width + cell.x
    try {
      const response = await fetch(`${url}${url.includes('?') ? '&' : '?'}x=${cell.x}&y=${cell.y}`, { credentials: 'same-origin', signal: mine.signal })
      if (!response.ok) return
      const answer = await response.json()
      if (mine.signal.aborted) return
      known.set(index, { answer, at: Date.now() })
      if (known.size > KEPT) known.delete(known.keys().next().value)
      tell(cell, answer)
    } catch {
      // It is not known, then.
    }
  }

  return {
    /** A cell {x, y} is pointed at, or undefined. */
    point (cell) {
      if (cell?.x === now?.x && cell?.y === now?.y) return
      now = cell
      leave()
      if (!cell || !url) return
      const old = known.get(cell.y * width + cell.x)
      if (old && Date.now() - old.at < FRESH) tell(cell, old.answer)
      else timer = setTimeout(ask, WAIT, cell)
    },

    /** A cell has changed: what was known of it is not true any more. */
    changed (index) {
      known.delete(index)
      if (!now || now.y * width + now.x !== index) return
      request?.abort()
      timer ||= setTimeout(ask, WAIT * 4, now) // the log needs a moment, too
    },

    /** Everything may have changed. */
    clear: () => known.clear(),

    stop: leave
  }
}

/** The answer in words: "painted by #k7qf2 in lhr 3 minutes ago". */
export function tells ({ painted, known, by, region, at }) {
  if (!painted) return 'never painted'
  const who = known && (by ? `by #${by}` : 'by whoever runs this page')
  const when = Date.parse(at)
  return ['painted', who, region && 'in ' + region, when && ago(Date.now() - when)].filter(Boolean).join(' ')
}
