// How the connection is doing, for CSS and for people: <html data-live="connected">
// and the text of every [data-live-status].

/** How long, in ms, a lost connection stays untold: most are back by then. */
export const PATIENCE = 300

/**
 * Starts as "connecting"; the others are "connected", "away" (connected, but the
 * region's store is away), "disconnected" and "rejected".
 */
export function createStatus () {
  let wanted
  let timer

  const show = state => {
    document.documentElement.setAttribute('data-live', state)
    for (const el of document.querySelectorAll('[data-live-status]')) {
      const text = el.getAttribute('data-live-status-' + state) || ''
      if (el.textContent !== text) el.textContent = text
    }
  }

  const set = state => {
    if (state === wanted) return
    wanted = state
    clearTimeout(timer)
    if (state === 'disconnected') timer = setTimeout(show, PATIENCE, state)
    else show(state)
  }

  set('connecting')
  return { set, state: () => wanted }
}
