// A signed cookie stops being valid when the server comes back with a new
// secret. Loading the page again gets a new one; what the person sees and has
// clicked stays.

/** At most one renewal in this time, in ms. */
export const PAUSE = 60000

/**
 * @param {object} o
 * @param {() => number} o.backoff  ms until the page may be asked for again after it did not answer
 * @param {() => void} o.renewed    there may be a new cookie: connect
 * @param {() => void} o.refused    the new cookie was refused too
 */
export function createRenewal ({ backoff, renewed, refused }) {
  let last = -Infinity // ms, when the page was last loaded
  let refusals = 0 // renewals since the last success
  let running = false
  let timer

  const run = async () => {
    if (running) return
    clearTimeout(timer)
    running = true
    try {
      const page = await fetch(location.href, { credentials: 'same-origin', cache: 'no-store' })
      if (!page.ok) throw new Error(page.statusText)
    } catch {
      timer = setTimeout(run, backoff()) // the server is away, which is no refusal
      return
    } finally {
      running = false
    }
    last = Date.now()
    refusals++
    renewed()
  }

  return {
    /** The server has refused our cookie. */
    start () {
      clearTimeout(timer)
      if (refusals) refused()
      const wait = PAUSE * 2 ** Math.min(Math.max(refusals - 1, 0), 4) - (Date.now() - last)
      if (wait <= 0) run()
      else timer = setTimeout(run, wait * (1 + Math.random() / 4))
    },

    /** Does not wait longer than it must. */
    hurry () {
      if (Date.now() - last >= PAUSE) run()
    },

    succeeded () {
      refusals = 0
    },

    cancel: () => clearTimeout(timer)
  }
}
