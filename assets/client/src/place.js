// An element that may be morphed, replaced or removed while its event is on the
// way. Remembered without being kept alive.
import { names } from './spec.js'

export function createPlace (el, target) {
  const ref = new WeakRef(el)
  const id = el.getAttribute('id')
  const fits = e => e && e.isConnected && names(e, target)

  const place = {
    /** The element, or the one that took its place; undefined when there is none. */
    find () {
      const el = ref.deref()
      if (fits(el)) return el
      const twin = id && document.getElementById(id)
      return fits(twin) ? twin : undefined
    },

    /** The remembered element as it is, in the page or not, and its successor. */
    all: () => [...new Set([ref.deref(), place.find()])].filter(Boolean),

    is: other => !!other && (place.find() === other || ref.deref() === other)
  }
  return place
}
