// The events that the server has not answered yet.
//
// Each is sent again, under the same id, after every reconnect and whenever the
// server asks for patience, until it is answered, and at once when the server says
// that its store is back; the server knows ids it has seen. Events of one feature keep their order: while one waits or is tried
// again, the later ones of that feature stay behind it.

/** How long an answer may take, in ms, before an open connection is asked again. */
export const ACK_WAIT = 15000

/** How often an event is sent again because the server is busy. */
export const BUSY_TRIES = 4

/** Within which time, in ms, all pages send what they kept once the store is back. */
export const SPREAD = 500

const delay = tries => Math.min(10000, 500 * 2 ** Math.min(tries, 10)) * (0.5 + Math.random())

/**
 * @param {object} o
 * @param {(message) => boolean} o.send    reports whether the socket took it
 * @param {(entry, status, detail) => void} o.settle  called once an entry, last
 * @param {(entry, status, detail) => void} o.wait    called when an entry stays for later
 * @param {number} o.limit                 how many may wait
 */
export function createQueue ({ send, settle, wait, limit = 20 }) {
  const entries = new Map() // by message id, in order of sending
  let up = false
  let timer

  const flush = () => {
    clearTimeout(timer)
    if (!up) return
    const now = Date.now()
    const blocked = new Set()
    let next = Infinity
    for (const entry of entries.values()) {
      const feature = entry.message.target.split('#')[0]
      if (blocked.has(feature)) continue
      if (entry.at <= now) {
        if (!send(entry.message)) return // closed under our hands: connected() will come
        entry.at = now + ACK_WAIT
        entry.held = false
      }
      if (entry.held || entry.tries) blocked.add(feature)
      next = Math.min(next, entry.at)
    }
    if (next < Infinity) timer = setTimeout(flush, next - now)
  }

  const finish = (entry, status, detail) => {
    entries.delete(entry.message.id)
    settle(entry, status, detail)
    flush()
  }

  return {
    /** How many events wait. */
    size: () => entries.size,

    values: () => [...entries.values()],

    /**
     * Adds an event and sends it when it may go. The entry keeps what the caller
     * put into it besides its message.
     *
     * @returns {boolean} false when the queue is full
     */
    add (entry) {
      if (entries.size >= limit) return false
      entries.set(entry.message.id, Object.assign(entry, { at: 0, tries: 0, busy: 0, held: false, ...entry.waited }))
      flush()
      return true
    },

    /** Takes out the first event that is not on its way and for which test is true. */
    take (test) {
      for (const entry of entries.values()) {
        if ((entry.held || !entry.at) && test(entry)) {
          entries.delete(entry.message.id)
          return entry
        }
      }
    },

    /** Everything unanswered goes again, in order. */
    connected () {
      up = true
      flush()
    },

    /** Nothing can be sent, and nothing that was sent may count as arrived. */
    lost () {
      up = false
      clearTimeout(timer)
      for (const entry of entries.values()) if (!(entry.held && entry.busy)) entry.at = 0
    },

    /** What the store could not take may go again: soon, but not from all pages at once. */
    hurry () {
      const soon = Date.now() + Math.random() * SPREAD
      for (const entry of entries.values()) {
        if (entry.busy) continue
        entry.tries = Math.min(entry.tries, 1) // not 0: the later ones of its feature stay behind it
        if (entry.held) entry.at = Math.min(entry.at, soon)
      }
      if (up) flush()
    },

    /** Settles everything with one answer. */
    fail (status, detail) {
      for (const entry of [...entries.values()]) finish(entry, status, detail)
    },

    /** Takes the server's answer: {id, status, error?, retryAfter?}. */
    ack (detail) {
      const entry = entries.get(detail.id)
      if (!entry) return
      const status = detail.status || 'ok'
      const busy = status === 'busy'
      if (status !== 'unavailable' && !(busy && entry.busy < BUSY_TRIES)) return finish(entry, status, detail)
      if (busy) entry.busy++
      entry.at = Date.now() + (busy ? Math.min(Math.max(detail.retryAfter || 1000, 50), 10000) : delay(entry.tries))
      entry.tries++
      entry.held = true
      wait(entry, status, detail)
      flush()
    }
  }
}
