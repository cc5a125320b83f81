// A page that shows one feature alone, in a frame on another site's page.
//
// It tells that page how high it is, whenever that changes; embed.js listens there. And
// it looks as that page does, light or dark, whatever the person prefers elsewhere.

/** Does so if this page is one. */
export function fitIn () {
  if (!document.documentElement.hasAttribute('data-live-only') || parent === window) return
  const scheme = location.hash.slice(1)
  if (scheme === 'light' || scheme === 'dark') {
    document.documentElement.style.colorScheme = scheme
    for (const sheet of document.styleSheets) settle(sheet, scheme)
  }
  const tell = () => parent.postMessage({ live: 'height', height: Math.ceil(document.body.getBoundingClientRect().height) }, '*')
  tell()
  if (globalThis.ResizeObserver) new ResizeObserver(tell).observe(document.body)
}

// Decides every question for the preferred scheme, also in rules within rules.
function settle ({ cssRules }, scheme) {
  for (const rule of cssRules) {
    const asked = /^\(prefers-color-scheme: (light|dark)\)$/.exec(rule.media?.mediaText)
    if (asked) rule.media.mediaText = asked[1] === scheme ? 'all' : 'not all'
    if (rule.cssRules) settle(rule, scheme)
  }
}
