// The demo's page follows the regions: it shows what the server says of them and
// lights a link when a change sets out on it.

const root = document.documentElement
const still = matchMedia('(prefers-reduced-motion: reduce)')
const patience = 400 // ms that changes may travel before the page says so
const silence = 25_000 // ms without a word from the server, which says one each 10 s
let last, timer, late = false
let doubt // ends the patience with a server that says nothing

const say = (element, text) => { if (element.textContent !== text) element.textContent = text }
const all = (selector, value) => document.querySelectorAll(`[${selector}="${value}"]`)

// spark runs along a link as fast as the change itself, and leaves a glow.
function spark (link, way, delay) {
  for (const group of all('data-link', link.sites.join(' '))) {
    const [, glow, ...sparks] = group.children
    glow.animate({ opacity: [0.9, still.matches ? 0.9 : 0] }, { duration: 900, easing: 'ease-out' })
    if (still.matches) continue
    const ends = [{ strokeDashoffset: 16, opacity: 1 }, { strokeDashoffset: -100, opacity: 1 }]
    sparks[way].animate(way ? ends.reverse() : ends, { duration: Math.max(delay, 50) })
  }
}

// A change that arrives in time is not worth a word.
function showVerdict () {
  const verdict = document.querySelector('.verdict')
  const { state, sentence } = last.verdict
  if (state === 'travelling' && verdict.dataset.verdict === 'agree' && !late) {
    timer ??= setTimeout(() => { late = true; showVerdict() }, patience)
    return
  }
  clearTimeout(timer)
  timer = undefined
  late = false
  verdict.dataset.verdict = state
  say(verdict.querySelector('[data-sentence]'), sentence)
}

// What was so when the demo was last heard of need not be so any more.
function showGone () {
  root.dataset.demo = 'gone'
  clearTimeout(timer)
  timer = undefined
  late = false
  const verdict = document.querySelector('.verdict')
  verdict.dataset.verdict = 'gone'
  say(verdict.querySelector('[data-sentence]'), 'The demo does not answer.')
  for (const sentence of document.querySelectorAll('.region [data-sentence]')) say(sentence, 'Not known.')
  for (const way of document.querySelectorAll('.ways li')) say(way, '')
}

function showRegion (region) {
  const section = document.getElementById('region-' + region.site)
  section.dataset.cut = region.cut
  for (const node of all('data-node', region.site)) node.dataset.cut = region.cut
  say(section.querySelector('[data-sentence]'), region.sentence)
  section.querySelectorAll('.ways li').forEach((way, i) => say(way, region.ways[i]))
  const form = section.querySelector('form')
  form.action = region.cut ? '/heal' : '/cut'
  say(form.querySelector('button'), region.cut ? form.dataset.wordsHeal : form.dataset.wordsCut)
}

function showLink (link, before) {
  const name = link.sites.join(' ')
  for (const group of all('data-link', name)) group.dataset.cut = link.cut
  for (const label of all('data-label', name)) { say(label, link.label); label.dataset.cut = link.cut }
  if (!before || link.cut) return
  link.ways.forEach((way, i) => {
    const released = before.cut && before.ways[i].waiting > 0
    if (released || way.sent > before.ways[i].sent) spark(link, i, way.delay)
  })
}

function show (status) {
  if (last && last.start !== status.start) return location.reload()
  const before = last
  last = status
  showVerdict()
  status.regions.forEach(showRegion)
  status.links.forEach((link, i) => showLink(link, before?.links[i]))
}

// A server that hangs, or a network that swallows, closes no connection.
function heard () {
  clearTimeout(doubt)
  doubt = setTimeout(showGone, silence)
  root.dataset.demo = 'live'
}

const events = new EventSource('/events')
events.onopen = heard
events.onerror = () => { clearTimeout(doubt); showGone() }
events.onmessage = e => { heard(); show(JSON.parse(e.data)) }

// Without script a form loads the page again, and the frames with it.
addEventListener('submit', async e => {
  e.preventDefault()
  const button = e.submitter
  if (button.ariaBusy === 'true') return
  button.ariaBusy = 'true'
  const form = new URLSearchParams(new FormData(e.target))
  const answer = await fetch(e.target.action, { method: 'POST', body: form, headers: { Accept: 'application/json' } }).catch(() => undefined)
  button.ariaBusy = null
  if (answer && !answer.ok) say(e.target.closest('section').querySelector('[data-sentence]'), await answer.text())
})
