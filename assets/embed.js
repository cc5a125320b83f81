// Puts one live feature of a room where this script stands:
//
//   <script src="https://REGION-HOST/embed.js" data-room="product-42" data-feature="viewers" defer></script>
//
// data-title names it for screen readers, data-scheme="light" or "dark" says what this page
// looks like where that cannot be told by its color-scheme.
//
// It is a frame, so that neither page's styles and scripts reach the other, which is as
// high as what it shows.
(() => {
  const me = document.currentScript
  const { room, feature, title } = me.dataset
  if (!room || !feature) return console.error('embed.js: data-room and data-feature say what to show')
  const origin = new URL(me.src).origin
  const frame = document.createElement('iframe')
  const looks = me.dataset.scheme || getComputedStyle(me.parentElement).colorScheme
  // A page of both follows what the person prefers, as the frame does.
  const scheme = /light.*dark|dark.*light/.test(looks) ? '' : looks.includes('dark') ? 'dark' : 'light'
  frame.src = `${origin}/embed/${encodeURIComponent(room)}/${encodeURIComponent(feature)}${scheme && '#' + scheme}`
  frame.title = title || feature
  frame.loading = 'lazy'
  frame.setAttribute('sandbox', 'allow-scripts allow-same-origin allow-forms')
  Object.assign(frame.style, { display: 'block', width: '100%', height: '4rem', border: '0', colorScheme: scheme || 'normal' })
  addEventListener('message', e => {
    if (e.source !== frame.contentWindow || e.origin !== origin || e.data?.live !== 'height') return
    const height = Number(e.data.height)
    if (height >= 0) frame.style.height = Math.min(height, 4000) + 'px'
  })
  me.after(frame)
})()
