// data-live-debounce and data-live-throttle, in ms, per element and target.
import { continuous } from './spec.js'

export function createTiming () {
  const waiting = new Set() // {el, target, run, timer}; an entry lives no longer than its timer
  const sentAt = new WeakMap() // element → Map of target → ms

  const find = (el, target) => [...waiting].find(w => w.el === el && w.target === target)

  const later = (el, target, ms, run) => {
    const w = { el, target, run }
    w.timer = setTimeout(() => fire(w), ms)
    waiting.add(w)
  }

  const drop = w => {
    clearTimeout(w.timer)
    waiting.delete(w)
  }

  const fire = w => {
    drop(w)
    if (w.el.isConnected) w.run()
  }

  const throttle = (el, target, ms, type, run) => {
    const times = sentAt.get(el) || new Map()
    sentAt.set(el, times)
    const now = Date.now()
    const go = () => {
      times.set(target, Date.now())
      run()
    }
    const rest = (times.get(target) ?? -Infinity) + ms - now
    if (rest <= 0) return go()
    // A second click within the time is one too many, but of a movement the last
    // position is the one that counts.
    if (continuous(type)) later(el, target, rest, go)
  }

  return {
    /** Calls run now, later or not at all, as el says. */
    schedule (el, target, type, run) {
      const w = find(el, target)
      if (w) drop(w)
      const debounce = +el.getAttribute('data-live-debounce')
      const limit = +el.getAttribute('data-live-throttle')
      if (debounce > 0) later(el, target, debounce, run)
      else if (limit > 0) throttle(el, target, limit, type, run)
      else run()
    },

    /** Runs at once what waits in form, so that it goes before the form does. */
    flush (form) {
      for (const w of [...waiting]) if (w.el.form === form || form.contains(w.el)) fire(w)
    }
  }
}
