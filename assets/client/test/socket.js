// A WebSocket whose server is the test.
export class FakeSocket {
  static CONNECTING = 0
  static OPEN = 1
  static CLOSING = 2
  static CLOSED = 3
  static all = []
  static get last () { return FakeSocket.all.at(-1) }

  readyState = 0
  protocol = ''
  sent = []
  #listeners = []

  constructor (url, protocols) {
    Object.assign(this, { url, protocols })
    FakeSocket.all.push(this)
  }

  addEventListener (type, listener) { this.#listeners.push([type, listener]) }
  send (text) { this.sent.push(JSON.parse(text)) }
  close () { if (this.readyState < 2) this.readyState = 2 }

  #tell (type, event = {}) {
    for (const [t, listener] of this.#listeners) if (t === type) listener(event)
    this['on' + type]?.(event)
  }

  // The far side.
  accept () {
    this.protocol = 'actioncable-v1-json'
    this.readyState = 1
    this.#tell('open')
    this.say({ type: 'welcome' })
  }

  confirm () {
    const { identifier } = this.sent.findLast(s => s.command === 'subscribe')
    this.say({ identifier, type: 'confirm_subscription' })
  }

  say (frame) { this.#tell('message', { data: JSON.stringify(frame) }) }

  cut () {
    this.readyState = 3
    this.#tell('close')
  }
}
