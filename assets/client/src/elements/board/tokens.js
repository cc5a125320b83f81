// How much a person may paint just now: as many cells as have come back since, at
// the rate of the event, up to its burst. The server counts too, and decides.

/** rate in cells a second; without one there is no limit. */
export function createTokens (rate, burst) {
  let spent = 0
  let at = Date.now()

  const refill = () => {
    const now = Date.now()
    spent = Math.max(0, spent - Math.max(0, now - at) / 1000 * rate)
    at = now
  }

  return {
    limited: rate > 0,
    burst,

    /** How many cells may be painted now; a share of one is on its way. */
    left () {
      if (!(rate > 0)) return Infinity
      refill()
      return burst - spent
    },

    /** Takes one, if there is one. */
    take () {
      if (!(rate > 0)) return true
      refill()
      if (spent + 1 > burst + 1e-9) return false
      spent++
      return true
    },

    /** ms until the next one. */
    wait () {
      if (!(rate > 0)) return 0
      refill()
      return Math.max(0, (spent + 1 - burst) / rate * 1000)
    },

    /** The server says that there is none for so many ms. */
    none (ms) {
      if (!(rate > 0)) return
      refill()
      spent = Math.max(spent, burst - 1 + ms / 1000 * rate)
    }
  }
}
