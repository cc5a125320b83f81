// One event as it goes up the wire.

/** The most that one event's frame may hold, in bytes: our own bound. The server's, for every frame, is 64 KiB. */
export const MAX_FRAME = 16384

/** A reason not to send, in words for the person. */
export class Refusal extends Error {}

/** A random name: 24 hexadecimal digits. */
export const uid = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), b => b.toString(16).padStart(2, '0')).join('')

/**
 * Describes what happened to el. The form is the submitted one, or for any other
 * event the nearest [data-live-form].
 *
 *   {v: 1, id, tabId, target: "hello#say", event: "submit", url,
 *    dataset: {...}, attrs: {id, name, value, checked}, key?, formData?: "a=1&b=2"}
 *
 * What an element of ours asks for says all there is to say, in {fields: {name:
 * "text"}} of its detail, and so needs neither its data nor a form:
 *
 *   {v: 1, id, tabId, target: "board#paint", event: "act", fields: {...}}
 *
 * An event of which only the newest counts goes up with latest: true, by
 * [data-live-latest], and is not answered.
 *
 * @throws {Refusal} when a file was chosen.
 */
export function describe (el, event, target, tabId) {
  const head = { v: 1, id: uid(), tabId, target, event: event.type }
  if (event.type === 'act') return { ...head, fields: event.detail?.fields || {} }
  const dataset = {}
  for (const name in el.dataset) if (!/^live([A-Z]|$)/.test(name)) dataset[name] = el.dataset[name]
  const message = { ...head, url: location.href, dataset, attrs: attributes(el) }
  if (event.key) message.key = event.key
  const submit = event.type === 'submit'
  const form = submit ? event.target : el.closest('[data-live-form]')
  if (form) message.formData = fields(form, submit, event.submitter)
  return message
}

/** The size in bytes of value as JSON. */
export const size = value => new TextEncoder().encode(JSON.stringify(value)).length

/** The size in bytes of the frame that carries message. */
export const frameSize = (identifier, message) =>
  size({ command: 'message', identifier, data: JSON.stringify({ ...message, action: 'event' }) })

// A form's own id, name and value may be hidden by controls of those names.
function attributes (el) {
  const read = name => el.getAttribute(name) ?? undefined
  const attrs = { id: read('id'), name: read('name') }
  if (el.tagName === 'FORM') return attrs
  if (!/^(password|file)$/.test(el.type) && el.value != null) attrs.value = el.value
  if (el.checked != null) attrs.checked = el.checked
  return attrs
}

function fields (form, submit, submitter) {
  const data = new FormData(form, (submit && submitter) || undefined)
  for (const [name, value] of [...data]) {
    if (typeof value === 'string') continue
    if (value.name || value.size) throw new Refusal('Files cannot be sent here.')
    data.delete(name) // a file field that nobody filled in
  }
  // A password leaves the page when its form is submitted, not while it is typed.
  if (!submit) for (const e of form.querySelectorAll('input[type=password][name]')) data.delete(e.name)
  return new URLSearchParams(data).toString()
}
