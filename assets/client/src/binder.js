// The binder joins the page's elements to the features: what a person does goes
// up as an event, what the server answers is shown at the element.
import { mark, unmark } from './busy.js'
import { MAX_FRAME, Refusal, describe, frameSize, size, uid } from './message.js'
import { createNotices } from './notice.js'
import { createPlace } from './place.js'
import { createQueue } from './queue.js'
import { continuous, match } from './spec.js'
import { boards, fragments } from './sync.js'
import { createTiming } from './timing.js'

const EVENTS = 'click submit change input keydown focusin focusout pointerdown toggle'
const SILENT = ['toggle', 'scroll', 'focus', 'blur'] // these do not bubble, so they are caught on their way down
const FULL = 'Too many clicks are waiting for the connection.'
const LARGE = 'That is too much to send at once.'
const BARRED = 'This page was not let in.'
const WRONG = 'Something went wrong.'

/**
 * @param {{identifier: string, perform: (action: string, data: object) => boolean}} subscription
 */
export function createBinder (subscription) {
  const tabId = uid()
  const notices = createNotices()
  const timing = createTiming()
  const edits = new WeakMap() // form → how many times somebody changed a field
  let full = [] // places of the elements that were told so
  let barred = false
  let up = false

  const queue = createQueue({
    send: message => subscription.perform('event', message),
    settle (entry, status, detail) {
      unmark(entry, queue.values())
      const el = entry.place.find()
      if (status === 'ok') {
        for (const e of [el, ...full.map(p => p.find())]) notices.clear(e)
        full = []
        reset(entry)
      }
      tell(el, status, entry.message.target, { ...detail, ref: entry.ref }, status !== 'ok' && entry.place)
    },
    wait (entry, status, detail) {
      const el = entry.place.find()
      tell(el, status, entry.message.target, { ...detail, ref: entry.ref, again: true }, status === 'unavailable' && detail.error && entry.place)
    }
  })

  const say = (el, place, sentence) => notices.show(el, place, sentence || WRONG)

  // An element of ours that tells the person itself prevents the sentence.
  const tell = (el, status, target, detail, place) => {
    const event = new CustomEvent('live:' + status, { bubbles: true, cancelable: true, detail: { ...detail, target } })
    if ((el || document).dispatchEvent(event) && place) say(el, place, detail.error)
  }

  const reset = ({ form, edited }) => {
    const f = form?.deref()
    if (f?.isConnected && f.hasAttribute('data-live-reset') && edits.get(f) === edited) f.reset()
  }

  const refuse = (el, place, status, target, error, ref) => tell(el, status, target, { error, ref }, place)

  const send = (el, event, target) => {
    const place = createPlace(el, target)
    const latest = el.hasAttribute('data-live-latest')
    if (latest && !up) return // the next one will say more
    const ref = event.type === 'act' ? event.detail?.ref : undefined
    notices.clear(el)
    if (barred) return refuse(el, place, 'forbidden', target, BARRED, ref)
    let message
    try {
      message = describe(el, event, target, tabId)
    } catch (e) {
      if (!(e instanceof Refusal)) throw e
      return refuse(el, place, 'invalid', target, e.message, ref)
    }
    if (frameSize(subscription.identifier, message) > MAX_FRAME) return refuse(el, place, 'invalid', target, LARGE, ref)
    if (latest) return subscription.perform('event', { ...message, latest }) // nobody waits for the answer
    const form = event.type === 'submit' && event.target
    const entry = { message, place, ref, quiet: event.type === 'act', disable: el.hasAttribute('data-live-disable') }
    if (form) Object.assign(entry, { form: new WeakRef(form), edited: edits.get(form) })
    if (continuous(event.type)) {
      const old = queue.take(e => e.message.target === target && e.message.event === event.type && e.place.is(el))
      if (old) entry.waited = { at: old.at, tries: old.tries, busy: old.busy, held: old.held }
    }
    if (queue.add(entry)) return mark([entry])
    if (continuous(event.type)) return // the next one will say more
    refuse(el, place, 'dropped', target, FULL, ref)
    if (!full.some(p => p.is(el))) full.push(place)
  }

  const handle = event => {
    if (event.type === 'submit') timing.flush(event.target)
    const found = match(event)
    if (!found) return
    const { el, target } = found
    if (event.type === 'click' && el.tagName === 'A' && elsewhere(event)) return
    if (event.type === 'submit' || (event.type === 'click' && leads(el))) event.preventDefault()
    if (el.getAttribute('aria-disabled') === 'true') return
    if (queue.values().some(e => e.disable && e.place.is(el))) return
    const question = el.getAttribute('data-live-confirm')
    if (question && !confirm(question)) return
    timing.schedule(el, target, event.type, () => send(el, event, target))
  }

  return {
    /** How many events wait for an answer. */
    pending: queue.size,

    /** Begins to listen, for the types in <html data-live-events="click submit"> or the usual ones. */
    listen () {
      const types = document.documentElement.getAttribute('data-live-events') || EVENTS
      for (const type of new Set(['act', ...types.trim().split(/\s+/)])) document.addEventListener(type, handle, SILENT.includes(type))
      document.addEventListener('input', e => {
        const form = e.target.form
        if (form) edits.set(form, (edits.get(form) || 0) + 1)
      }, true)
      document.addEventListener('live:sync', () => {
        const grids = boards()
        if (up && Object.keys(grids).length) subscription.perform('sync', { tabId, grids })
      })
      document.addEventListener('live:ack', e => e.target === document && e.detail && queue.ack(e.detail))
    },

    connected () {
      up = true
      const grids = boards()
      subscription.perform('sync', { tabId, frags: fragments(size(JSON.stringify(grids))), grids })
      queue.connected()
      document.dispatchEvent(new CustomEvent('live:connected'))
    },

    lost () {
      const was = up
      up = false
      queue.lost()
      if (was) document.dispatchEvent(new CustomEvent('live:lost'))
    },

    /** The store is back: what it could not take goes again. */
    hurry: queue.hurry,

    /** The room will not have us: nothing that waits can ever be sent. */
    rejected () {
      barred = true
      queue.fail('forbidden', { error: BARRED })
    },

    /** Shows again what operations of the server may have taken away. */
    refresh: () => mark(queue.values()),

    /** Reports whether a morph must leave the element alone, since we wrote its text. */
    keeps: (from, to) =>
      (from.hasAttribute('data-live-status') && to.hasAttribute('data-live-status')) ||
      (notices.holds(from) && (to.hasAttribute('data-live-error') || to.hasAttribute('data-live-message')))
  }
}

// A click by which the person wants a link in another tab or window, or saved.
const elsewhere = e => e.ctrlKey || e.metaKey || e.shiftKey || e.altKey || e.button > 0

// A click that would lead away from the page: a link, or a button that submits.
const leads = el => el.tagName === 'A' || (!!el.form && /^(submit|image)$/.test(el.type))
