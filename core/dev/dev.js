// The page of presence dev follows what happens inside the feature. Whatever a feature
// or a person wrote is put on the page as text.

const root = document.documentElement
const silence = 25_000 // ms without a word from the server, which says one each 10 s
const keep = { events: 100, renders: 40, lines: 200 }
const $ = selector => document.querySelector(selector)
const part = name => $(`[data-part="${name}"]`)

// h makes an element: text children stay text.
function h (tag, props, ...children) {
  const el = document.createElement(tag)
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === true) el.setAttribute(name, '')
    else if (value !== undefined && value !== false && value !== '') el.setAttribute(name, value)
  }
  el.append(...children.flat().filter(c => c !== undefined && c !== null && c !== ''))
  return el
}

const say = (el, text) => { if (el.textContent !== text) el.textContent = text }
const clock = at => new Date(at).toISOString().slice(11, 23)
const when = at => h('time', { datetime: at, title: 'UTC' }, clock(at))

// What is known, as the server told it.
let start, build, manifest, doubt
let known = { events: [], renders: [], lines: [], rooms: new Map() }

const roomField = $('[data-room]')
const room = () => roomField.value.trim() || 'home'

/* The frames */

function address (person) {
  const host = document.body.dataset[person]
  const name = encodeURIComponent(room())
  // A whole page lets no frame of another host show it, and would not know its person there.
  const path = person === 'host' && $('[data-whole]').checked ? (room() === 'home' ? '/' : `/r/${name}`) : `/embed/${name}/${encodeURIComponent(manifest.name)}`
  return `http://${host.includes(':') ? `[${host}]` : host}:${build.port}${path}`
}

function showFrames (again) {
  const second = $('[data-second]')
  const other = $('[data-other-person]')
  if (other) other.hidden = !second.checked
  const there = !!(build?.running && manifest)
  $('[data-nothing]').hidden = there
  for (const frame of document.querySelectorAll('iframe')) {
    const wanted = there && !(frame.dataset.person === 'other' && !second.checked)
    frame.hidden = !wanted
    const src = wanted ? address(frame.dataset.person) : 'about:blank'
    if (again || (frame.getAttribute('src') ?? 'about:blank') !== src) frame.src = src
  }
  const open = $('[data-open]')
  open.hidden = !there
  if (there) open.href = `http://${document.body.dataset.host}:${build.port}${room() === 'home' ? '/' : '/r/' + encodeURIComponent(room())}`
}

/* The build */

function showBuild () {
  const verdict = $('.verdict')
  verdict.dataset.build = build.state
  say(verdict.querySelector('[data-sentence]'), build.sentence)
  $('.words').hidden = build.state !== 'failed'
  say($('[data-output]'), build.output ?? '')
}

/* Events to send */

const select = (f, values) => h('select', { name: 'f.' + f.name }, (f.optional ? ['', ...values] : values).map(v => h('option', {}, v)))
const typed = (f, value, props) => h('input', { name: 'f.' + f.name, autocomplete: 'off', value: f.optional ? '' : value, ...props })
const inputs = {
  text: f => typed(f, ''),
  int: f => typed(f, '1', { inputmode: 'numeric' }),
  cells: f => typed(f, '0,0'),
  bool: f => select(f, ['true', 'false']),
  choice: f => select(f, f.choices ?? [])
}

function eventForm (event, open) {
  return h('details', { class: 'event', open },
    h('summary', {}, h('code', {}, event.name), h('span', { class: 'soft' }, event.note)),
    h('form', { method: 'post', action: '/send', 'data-event': event.name },
      h('input', { type: 'hidden', name: 'event', value: event.name }),
      event.admin ? h('input', { type: 'hidden', name: 'admin', value: 'yes' }) : '',
      (event.fields ?? []).map(f => h('label', {}, h('span', {}, h('code', {}, f.name), ' ', h('span', { class: 'soft' }, f.note)), inputs[f.type](f))),
      h('div', { class: 'go' },
        event.admin ? '' : h('label', { class: 'tick' }, 'as ', h('select', { name: 'as' }, h('option', { value: 'you' }, 'you'), h('option', { value: 'else' }, 'somebody else'))),
        h('button', {}, 'Send'),
        h('output', {}))))
}

function showManifest () {
  say($('[data-title]'), manifest.title)
  document.title = manifest.name + ' · presence dev'
  const events = manifest.events ?? []
  // A form that stays the same keeps what was typed into it.
  const forms = new Map([...document.querySelectorAll('.event')].map(f => [f.dataset.as, f]))
  part('send').replaceChildren(
    ...events.map((e, i) => {
      const as = JSON.stringify(e)
      const form = forms.get(as) ?? eventForm(e, events.length < 3 || i === 0)
      form.dataset.as = as
      return form
    }),
    ...(events.length ? [] : [h('p', { class: 'soft' }, 'The manifest declares no events.')]),
    ...(manifest.notes ?? []).map(n => h('p', { class: 'soft' }, n)))
}

addEventListener('submit', async e => {
  const form = e.target
  if (!form.dataset.event) return
  e.preventDefault()
  const body = new URLSearchParams(new FormData(form))
  body.set('room', room())
  const declared = manifest.events.find(e => e.name === form.dataset.event)
  for (const f of declared?.fields ?? []) if (f.optional && body.get('f.' + f.name) === '') body.delete('f.' + f.name)
  const out = form.querySelector('output')
  out.dataset.status = ''
  say(out, 'Sending …')
  try {
    const response = await fetch(form.action, { method: 'POST', body })
    if (!response.ok) throw new Error(await response.text())
    const answer = await response.json()
    out.dataset.status = answer.status
    say(out, answer.sentence ? `${answer.status}: ${answer.sentence}` : answer.status)
  } catch (error) {
    out.dataset.status = 'error'
    say(out, 'not sent: ' + error.message)
  }
})

/* The state */

function showState () {
  const state = known.rooms.get(room())
  const fields = new Map((state?.fields ?? []).map(f => [f.name, f]))
  const declared = manifest?.state ?? []
  part('state').replaceChildren(...declared.map(d => {
    const f = fields.get(d.name)
    const kind = h('p', { class: 'called' }, h('code', {}, d.name), ' ', h('span', { class: 'soft' }, d.kind))
    if (!f?.headings) return h('div', { class: 'kept' }, kind)
    if (!f.rows) return h('div', { class: 'kept' }, kind, h('p', { class: 'soft' }, 'Never written.'))
    return h('div', { class: 'kept' }, kind,
      h('div', { class: 'scroll' }, h('table', {},
        h('thead', {}, h('tr', {}, f.headings.map(c => h('th', { scope: 'col' }, c)))),
        h('tbody', {}, f.rows.map(r => h('tr', {}, r.map(c => h('td', {}, c))))))),
      f.more ? h('p', { class: 'soft' }, `and ${f.more} more`) : '')
  }), ...(declared.length ? [] : [h('p', { class: 'soft' }, 'The manifest declares no state.')]))
  count('state', state ? 'as of ' + clock(state.at) : '')
}

const count = (name, text) => say($(`#${name} [data-count]`), text)

/* What happened */

const worrying = line => /^level=(WARN|ERROR)/.test(line.text)
const rows = {
  events: e => h('li', { class: e.error ? 'bad' : e.refusal ? 'refused' : undefined },
    h('p', { class: 'head' }, when(e.at), h('b', {}, e.name), h('span', { class: 'who ' + (e.colour ?? '') }, e.who),
      h('span', { class: 'soft' }, e.took + (e.batch > 1 ? ` for ${e.batch} at once` : ''))),
    (e.fields ?? []).map(f => h('p', {}, h('code', {}, f))),
    e.refusal ? h('p', { class: 'answer' }, 'refused: ' + e.refusal)
      : e.error ? h('p', { class: 'answer' }, 'failed: ' + e.error)
        : h('p', { class: 'answer' }, '→ ', e.mutations ? h('code', {}, e.mutations.join('  ')) : 'nothing changes')),

  renders: r => h('li', { class: r.error ? 'bad' : undefined },
    h('p', { class: 'head' }, when(r.at), h('b', {}, 'for ' + r.for.replace(/^User/, 'user')), h('span', { class: 'soft' }, r.took)),
    h('p', { class: 'soft' }, 'because ', r.why.length ? h('code', {}, r.why.join(', ')) : 'of changes that show nowhere'),
    r.error ? h('p', { class: 'answer' }, 'failed: ' + r.error) : '',
    (r.fragments ?? []).map(f => h('details', { class: f.same ? 'same' : undefined, open: !f.same },
      h('summary', {}, h('code', {}, '#' + f.id), h('span', { class: 'soft' }, f.size + (f.for ? ', for ' + f.for : '') + (f.same ? ', unchanged' : '') + (f.patch ? `, ${f.patch.length} patched` : ''))),
      h('pre', { tabindex: '0' }, f.html),
      (f.patch ?? []).map(p => h('pre', { class: 'patch', tabindex: '0' }, p)))),
    r.error || r.fragments ? '' : h('p', { class: 'soft' }, 'Nobody needs to see this.')),

  lines: l => h('li', { class: worrying(l) ? 'bad' : undefined }, when(l.at), ' ', h('code', {}, l.text))
}
const nothing = { events: 'Nothing yet in this room. Do something on the left, or send an event.', renders: 'Nothing yet in this room.', lines: 'Nothing yet.' }
const here = v => v.room === undefined || v.room === room()

function list (name) {
  let ol = part(name).querySelector('ol')
  if (!ol) part(name).append(ol = h('ol', { class: 'log' }))
  return ol
}

// add puts what is new on top; the rest stays as it is, with what was opened in it.
function add (name, fresh) {
  known[name].push(...fresh)
  const surplus = known[name].splice(0, Math.max(0, known[name].length - keep[name]))
  const ol = list(name)
  ol.querySelector('.none')?.remove()
  ol.prepend(...fresh.slice(-keep[name]).filter(here).reverse().map(v => { const li = rows[name](v); li.dataset.n = v.n; return li }))
  const gone = new Set(surplus.map(v => String(v.n)))
  if (gone.size) for (const li of [...ol.children]) if (gone.has(li.dataset.n)) li.remove()
  if (!ol.children.length) ol.append(h('li', { class: 'none soft' }, nothing[name]))
  count(name, known[name].length ? `${ol.querySelectorAll('[data-n]').length}, newest first` : '')
}

function all () {
  for (const name of Object.keys(rows)) {
    const before = known[name]
    known[name] = []
    list(name).replaceChildren()
    add(name, before)
  }
  showState()
}

function showRooms () {
  const names = new Set(['home', ...known.rooms.keys()])
  $('#rooms').replaceChildren(...[...names].sort().map(n => h('option', { value: n })))
}

/* The stream */

function show (update) {
  if (start && start !== update.start) return location.reload()
  start = update.start
  const look = manifest?.look
  if (update.whole) {
    known = { events: [], renders: [], lines: [], rooms: new Map() }
    for (const name of Object.keys(rows)) list(name).replaceChildren()
  }
  const port = build?.port
  if (update.build) { build = update.build; showBuild() }
  if (update.manifest) { manifest = update.manifest; showManifest() }
  for (const r of update.rooms ?? []) known.rooms.set(r.name, r)
  for (const name of Object.keys(rows)) if (update[name] || update.whole) add(name, update[name] ?? [])
  if ((update.lines ?? []).some(worrying)) $('#lines').open = true
  if (update.rooms || update.whole) showRooms()
  if (update.manifest || update.whole || (update.rooms ?? []).some(r => r.name === room())) showState()
  // Title and style are shown by a page when it is loaded.
  if (update.build || update.manifest) showFrames(look !== undefined && manifest.look !== look && build.port === port)
}

function heard () {
  clearTimeout(doubt)
  doubt = setTimeout(gone, silence)
  root.dataset.dev = 'live'
  $('.gone').hidden = true
}

function gone () {
  root.dataset.dev = 'gone'
  $('.gone').hidden = false
}

const stream = new EventSource('/events')
stream.onopen = heard
stream.onerror = () => { clearTimeout(doubt); gone() }
stream.onmessage = e => { heard(); show(JSON.parse(e.data)) }

/* The controls, kept over a reload */

const asked = new URLSearchParams(location.search)
if (asked.get('room')) roomField.value = asked.get('room')
roomField.addEventListener('change', () => {
  history.replaceState(null, '', room() === 'home' ? '/' : '?room=' + encodeURIComponent(room()))
  all()
  showFrames()
})
for (const box of document.querySelectorAll('[data-second], [data-whole]')) {
  box.addEventListener('change', () => showFrames())
}
if (matchMedia('(max-width: 62rem)').matches && $('[data-second]')) $('[data-second]').checked = false
