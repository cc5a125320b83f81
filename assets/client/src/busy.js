// aria-busy and aria-disabled on the elements whose events are on the way.
//
// The queue knows who is busy; the attributes only show it. Operations of the
// server may take them away, so they are shown again after each.

/** Marks every element with an event in entries: {place, disable, quiet}; not those that show it themselves. */
export function mark (entries) {
  for (const { place, disable, quiet } of entries) {
    if (quiet) continue
    const el = place.find()
    if (!el) continue
    set(el, 'aria-busy')
    if (disable) set(el, 'aria-disabled') // not disabled: that would drop the keyboard's focus
  }
}

/** Clears what entry marked, unless one of the others still needs it. */
export function unmark (entry, others) {
  for (const el of entry.place.all()) {
    const rest = others.filter(o => o.place.is(el))
    if (!rest.length) el.removeAttribute('aria-busy')
    if (entry.disable && !rest.some(o => o.disable)) el.removeAttribute('aria-disabled')
  }
}

const set = (el, name) => {
  if (el.getAttribute(name) !== 'true') el.setAttribute(name, 'true')
}
