// What an element asks for: data-live="click->lightbulb#set keydown.Enter->chat#say".

const KEYS = { Space: ' ' } // a space separates bindings, so its key has a name

/**
 * Reads a data-live attribute. A binding is `type[.Key]->feature#event`; what
 * does not read so is left out.
 *
 * @returns {{type: string, key: string | undefined, target: string}[]}
 */
export function parse (spec) {
  const bindings = []
  for (const part of (spec || '').trim().split(/\s+/)) {
    const [, type, key, target] = /^([a-z]+)(?:\.(.+?))?->([^#>]+#[^#>]+)$/.exec(part) || []
    if (target) bindings.push({ type, key: KEYS[key] || key, target })
  }
  return bindings
}

/** Reports whether el asks for target, so that a twin of it can be told from a stranger. */
export const names = (el, target) => parse(el.getAttribute('data-live')).some(b => b.target === target)

/**
 * Finds who answers a DOM event: the nearest element, from where it happened
 * upwards, that binds its type and key.
 *
 * @returns {{el: Element, target: string} | undefined}
 */
export function match (event) {
  // Enter that ends a composition belongs to the input method, not to us.
  if (event.isComposing && event.key) return
  for (let el = event.target; el && el.getAttribute; el = el.parentElement) {
    const spec = el.getAttribute('data-live')
    if (!spec) continue
    for (const b of parse(spec)) {
      if (b.type === event.type && (!b.key || b.key === event.key)) return { el, target: b.target }
    }
  }
}

/**
 * Reports whether only the newest event of this type matters, as for a moving
 * pointer: an older one that still waits is replaced, never repeated.
 */
export const continuous = type => /move$|^(input|scroll)$/.test(type)
