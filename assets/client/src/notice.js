// Sentences for the person, near what they did.

/**
 * A sentence goes into the [data-live-error] of the element's form, else of its
 * [data-live-feature], else into the page's [data-live-message].
 */
export function createNotices () {
  const owners = new WeakMap() // box → place of the element whose sentence it shows

  return {
    show (el, place, sentence) {
      const box = boxOf(el)
      if (!box) return
      if (!box.hasAttribute('role')) box.setAttribute('role', 'alert')
      box.textContent = sentence
      owners.set(box, place)
    },

    /** Takes the element's own sentence away, or that of an element that is gone. */
    clear (el) {
      const box = boxOf(el)
      const owner = box && owners.get(box)
      if (!owner || (owner.find() && !owner.is(el))) return
      owners.delete(box)
      box.textContent = ''
    },

    /** Reports whether box shows a sentence that a morph should leave alone. */
    holds: box => owners.has(box)
  }
}

function boxOf (el) {
  const error = '[data-live-error]'
  return (el?.closest('form') || el?.form)?.querySelector(error) ||
    el?.closest('[data-live-feature]')?.querySelector(error) ||
    document.querySelector('[data-live-message]')
}
