// The one script of the page: ActionCable, CableReady and the binder.
import { adapters, createConsumer } from '@rails/actioncable'
import { perform } from 'cable_ready/javascript/cable_ready.js'
import MissingElement from 'cable_ready/javascript/missing_element.js'
import { shouldMorphCallbacks } from 'cable_ready/javascript/morph_callbacks.js'
import { createBinder } from './binder.js'
import { createConnection } from './connection.js'
import { createStatus } from './status.js'

// Fragments are escaped on the server. This lets them in where a page enforces
// Trusted Types.
window.trustedTypes?.createPolicy?.('default', { createHTML: html => html })

// CableReady focuses again what had the focus before each operation. For <body>,
// which nobody can focus, that costs one layout an operation.
document.body.focus = () => {}

MissingElement.set('ignore')

const status = createStatus()
let binder

const root = document.documentElement
const params = { room: root.getAttribute('data-live-room') }
const only = root.getAttribute('data-live-only') // a page that shows one feature
if (only) params.feature = only

const connection = createConnection({ adapters, createConsumer }, params, {
  connected () {
    status.set('connected')
    binder.connected()
  },
  lost () {
    if (status.state() !== 'rejected') status.set('disconnected')
    binder?.lost()
  },
  received (message) {
    if (!message?.cableReady) return
    perform(message.operations)
    binder.refresh()
  },
  rejected () {
    status.set('rejected')
    binder.rejected()
  },
  refused: () => status.set('rejected')
})

binder = createBinder(connection.subscription)
shouldMorphCallbacks.push((operation, from, to) => !binder.keeps(from, to))
binder.listen()

// Whether the region's store is there. Who has just connected is told only if not.
document.addEventListener('live:store', e => {
  if (e.target !== document || !connection.connected()) return
  status.set(e.detail.away ? 'away' : 'connected')
  if (!e.detail.away) binder.hurry()
})

Object.defineProperty(window, 'live', {
  value: Object.freeze({ pending: binder.pending, connected: connection.connected })
})
