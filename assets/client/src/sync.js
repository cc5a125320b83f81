// What the page shows, told to the server after every connect so that it can
// send what changed meanwhile.
import { size } from './message.js'

/** How many fragments the server looks at. */
export const MAX_FRAGMENTS = 512

/** How many bytes their ids and revisions may take in the frame; the server closes beyond 64 KiB. */
export const MAX_BYTES = 60000

/**
 * The revisions of all [data-live-rev][id], as {id: rev}, for one sync: what it
 * does not name the server takes for missing from the page, and sends. Of very
 * many these are the host's own, by which it knows the sections, and then the first.
 * So many bytes of the frame are taken already.
 */
export function fragments (taken = 0) {
  const revs = {}
  let bytes = taken
  const host = document.querySelectorAll('[data-live-rev][id^=page_]')
  const features = document.querySelectorAll('[data-live-rev][id]:not([id^=page_])')
  for (const el of [...host, ...features].slice(0, MAX_FRAGMENTS)) {
    const one = { [el.getAttribute('id')]: el.getAttribute('data-live-rev') }
    bytes += size(JSON.stringify(one)) // JSON in JSON, as in the frame
    if (bytes > MAX_BYTES) break
    Object.assign(revs, one)
  }
  return revs
}

/** The positions of the boards on the page, as {id: position}, of those that are loaded. */
export function boards () {
  const positions = {}
  for (const el of document.querySelectorAll('live-board[id]')) {
    if (typeof el.position === 'string') positions[el.id] = el.position
  }
  return positions
}
