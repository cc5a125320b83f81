// The connection: the official ActionCable consumer, and what it leaves to us.
// It comes back within a second instead of ten, leaves with the page when that
// goes to the back-forward cache, and renews a cookie that is no longer valid.
import { createRenewal } from './renewal.js'

const OPENING = 10000 // ms that a handshake may take
const SILENCE = 4000 // ms: one ping of the server, which are 3 s apart, and some

/**
 * @param {{createConsumer: function, adapters: object}} actioncable
 * @param {{room: string, feature?: string}} params  what to follow: a room, or one feature of it
 * @param {object} on  connected(), lost(), received(message), rejected(), and
 *   refused() for a server that does not accept our cookie, not even a new one
 */
export function createConnection ({ createConsumer, adapters }, params, on) {
  let socket // the newest one
  let up = false
  let stopped = '' // why we do not reconnect: "hidden", "unauthorized", "ended", or ""
  let attempts = 0
  let heard = 0 // ms, when the newest frame came
  let timer

  const down = () => {
    up = false
    on.lost()
  }

  const clear = () => {
    clearTimeout(timer)
    timer = undefined
  }

  const connect = () => {
    clear()
    stopped = ''
    consumer.connect()
  }

  // Jittered, so that a restarted server is not met by everybody at once.
  const backoff = () => Math.min(10000, 400 * 2 ** Math.min(attempts++, 10)) * (0.5 + Math.random())

  const again = () => {
    if (!stopped && !timer) timer = setTimeout(connect, backoff())
  }

  const end = () => {
    stopped = 'ended'
    renewal.cancel()
    consumer.disconnect()
    on.rejected()
  }

  const renewal = createRenewal({ backoff, renewed: connect, refused: () => on.refused() })

  const told = ({ reason, reconnect }) => {
    if (reconnect) return again()
    stopped = reason === 'unauthorized' ? reason : 'ended'
    down()
    if (stopped === 'ended') end()
    else renewal.start()
  }

  // ActionCable tells neither the reason of a disconnect, nor that a handshake
  // was refused, nor that it gave up a silent socket. The socket itself does.
  const watch = s => {
    clear()
    socket = s
    if (up) down()
    s.addEventListener('message', ({ data }) => {
      if (s !== socket) return
      heard = Date.now()
      if (data.length > 500 || !data.includes('"disconnect"')) return
      const frame = JSON.parse(data)
      if (frame.type === 'disconnect') told(frame)
    })
    s.addEventListener('close', () => {
      if (s !== socket) return
      down()
      again()
    })
    setTimeout(() => {
      if (s !== socket || s.readyState !== 0) return
      s.close()
      again()
    }, OPENING)
  }

  const Native = adapters.WebSocket
  adapters.WebSocket = class extends Native {
    constructor (url, protocols) {
      super(url, protocols)
      watch(this)
    }
  }

  // Something changed for the better: try now, not when the backoff says so.
  const wake = () => {
    attempts = 0
    if (stopped === 'unauthorized') renewal.hurry()
    else if (stopped !== 'ended' && !consumer.connection.isActive()) connect()
  }

  const consumer = createConsumer()

  addEventListener('online', () => {
    wake()
    const since = Date.now()
    const s = socket
    // The old socket may look open although its network is gone.
    setTimeout(() => s === socket && s.readyState === 1 && heard < since && consumer.connection.reopen(), SILENCE)
  })
  addEventListener('pagehide', e => {
    if (!e.persisted || stopped) return
    stopped = 'hidden'
    clear()
    consumer.disconnect()
    socket.close() // also while it opens: a live socket keeps the page out of the cache
  })
  addEventListener('pageshow', e => e.persisted && wake())
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && wake())

  const subscription = consumer.subscriptions.create({ channel: 'Live', ...params }, {
    connected () {
      up = true
      attempts = 0
      renewal.succeeded()
      on.connected()
    },
    received: message => on.received(message),
    rejected: end
  })

  return { subscription, connected: () => up }
}
