// What the server says of a board: a snapshot to begin with, then what changes.
//
// A snapshot may be some seconds old and come from another binary. Its position
// says what is in it; the server is told it by the sync and answers, in order with
// all later changes, with every cell that is newer. A change whose number does not
// follow the last one, or a lost connection, leads to another sync.
import { unpack } from './cells.js'

const ANSWER = 6000 // ms that a sync may take, roughly, before it is asked for again
const SOON = 500 // ms within which pages ask when the store is back
const SLOW = 60000 // ms: the longest pause between two syncs or loads
const STALLED = 30000 // ms that a snapshot may take
const CALM = 60000 // ms after which a reload does not count as one after another

/**
 * @param {object} o
 * @param {string} o.url      of the snapshot
 * @param {number} o.size     how many cells there are
 * @param {() => void} o.sync asks the binder for a sync
 * @param {(colours: Uint8Array) => void} o.loaded
 * @param {(cells: Uint32Array) => void} o.changed  index << 8 | colour, each
 * @param {(state: 'loading' | 'live' | 'failed') => void} o.state
 */
export function createFeed ({ url, size, sync, loaded, changed, state }) {
  let position = null // of the snapshot that is shown
  let version = null // number of the newest change, null before the answer to a sync
  let up = false
  let request // of the snapshot that is on its way
  let loads = 0 // since there was calm
  let syncs = 0 // since the last answer
  let since = -Infinity // ms, when a load last succeeded
  let timer

  const later = (run, ms) => {
    clearTimeout(timer)
    timer = setTimeout(run, ms * (0.5 + Math.random()))
  }
  const pause = (base, tries) => Math.min(SLOW, base * 2 ** Math.min(tries, 10))

  const ask = () => {
    version = null
    if (!up || position === null) return
    later(ask, pause(ANSWER, syncs++))
    sync()
  }

  const load = async () => {
    clearTimeout(timer)
    request?.abort()
    const mine = request = new AbortController()
    position = version = null
    state('loading')
    const stalled = setTimeout(() => { // such as on a network that is gone
      mine.abort()
      failed()
    }, STALLED)
    const failed = () => {
      if (request !== mine) return
      request = undefined
      state('failed')
      later(load, pause(1000, loads++))
    }
    try {
      const answer = await fetch(url, { credentials: 'same-origin', cache: 'no-cache', signal: mine.signal })
      const at = answer.headers.get('Live-Position')
      if (!answer.ok || at === null) throw new Error(`${url}: ${answer.status}`)
      const colours = new Uint8Array(await answer.arrayBuffer())
      if (colours.length !== size) throw new Error(`${url}: ${colours.length} cells`)
      if (mine.signal.aborted) return
      request = undefined
      since = Date.now()
      syncs = 0
      position = at
      loaded(colours)
      ask()
    } catch {
      failed()
    } finally {
      clearTimeout(stalled)
    }
  }

  // All pages of a room may be told to at once.
  const reload = () => {
    if (position === null) return // it is on its way, or will be
    version = position = null
    if (Date.now() - since > CALM) loads = 0
    later(load, loads ? pause(1000, loads) : 200)
    loads++
  }

  return {
    /** What the page has at least: a position, or null. */
    get position () { return position },

    /** Whether all that the server says is shown. */
    live: () => version !== null,

    /** @param {boolean} connected whether the page is now */
    start (connected) {
      up = connected
      load()
    },

    /**
     * Takes a message: {from, to, cells}, {to, cells} as the answer to a sync, or
     * {reload: true}. Now and then it says at which position we are then.
     */
    take ({ from, to, cells, at, reload: again }) {
      if (again) return reload()
      if (position === null) return // the next sync will ask
      const answer = from == null
      if (!answer && from !== version) return version !== null && ask()
      if (version === null) {
        clearTimeout(timer)
        syncs = 0
        version = to
        state('live')
      }
      version = to
      if (at) position = at
      changed(unpack(cells))
    },

    /** The binder has just told the server our position. */
    connected () {
      up = true
      if (position === null) {
        if (!request) load()
      } else {
        version = null
        syncs = 0
        later(ask, pause(ANSWER, syncs++))
      }
    },

    /** The region's store is back: what could not be had may be tried soon. */
    hurry () {
      if (!up || version !== null || request) return
      loads = syncs = 0
      later(position === null ? load : ask, SOON)
    },

    lost () {
      up = false
      version = null
      if (position !== null) clearTimeout(timer)
    },

    stop () {
      clearTimeout(timer)
      request?.abort()
      request = undefined
      position = version = null
    }
  }
}
