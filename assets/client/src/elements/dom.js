// Elements made by script, without markup in text.

const SVG = 'http://www.w3.org/2000/svg'

const fill = (el, attributes, children) => {
  for (const name in attributes) {
    const value = attributes[name]
    if (typeof value === 'function') el.addEventListener(name, value)
    else if (value === true) el.setAttribute(name, '')
    else if (value !== false && value != null) el.setAttribute(name, value)
  }
  el.append(...children)
  return el
}

/** An element with attributes, listeners where the value is a function, and children. */
export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children)

/** The same of an SVG. */
export const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children)

/** Sets the text of an element if it has another one. */
export const text = (el, to) => {
  if (el.textContent !== to) el.textContent = to
}

/** On the document while the person does not want to see others move. */
export const STILL = 'data-live-still'

/** Whether the person does not want to see others move on this page. */
export const still = () => document.documentElement.hasAttribute(STILL)

/** Whether the person asks for less movement, here or of every page. */
export const calm = () => still() || !!globalThis.matchMedia?.('(prefers-reduced-motion: reduce)').matches
