// What the page shows, told to the server after every connect so that it can
// send what changed meanwhile.

/** How many characters of ids and revisions one sync may carry; with its quotes it stays under MAX_FRAME. */
const MAX_CHARS = 8000

/**
 * The revisions of all [data-live-rev][id], as {id: rev}. A page with very many
 * fragments gives several; a page without any gives one, empty.
 */
export function fragments () {
  const all = [{}]
  let chars = 0
  for (const el of document.querySelectorAll('[data-live-rev][id]')) {
    const id = el.getAttribute('id')
    const rev = el.getAttribute('data-live-rev')
    const more = id.length + rev.length + 10
    if (chars + more > MAX_CHARS && chars) {
      all.push({})
      chars = 0
    }
    chars += more
    all[all.length - 1][id] = rev
  }
  return all
}
