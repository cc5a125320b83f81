// The controls around the board: palette, tools, what is left to paint, and what is
// said to the person.
import { count } from '../words.js'
import { h, text } from '../dom.js'
import { HELP } from './keys.js'

const SAID = 8000 // ms that a sentence stays
const SAME = 3000 // ms in which a reason is not said again

const radio = (name, value, checked, change) => h('input', { type: 'radio', name, value, checked, change })

/**
 * @param {object} o
 * @param {string} o.id
 * @param {{name: string, rgb: string}[]} o.palette
 * @param {object} o.tokens  of createTokens
 * @param {boolean} o.past   whether there is a replay
 * @param {object} o.on      colour(n), mode(paints), zoom(factor), fit(), replay()
 */
export function createPanel ({ id, palette, tokens, past, on }) {
  const name = h('span', { class: 'board-colour' })
  const colours = palette.map((c, i) => {
    const input = radio(id + '-colour', i, false, () => on.colour(i))
    const swatch = h('span', { class: 'board-swatch' })
    swatch.style.setProperty('--swatch', c.rgb)
    return { input, label: h('label', { title: c.name }, input, swatch, h('span', { class: 'board-hidden' }, c.name)) }
  })
  const chooser = h('fieldset', { class: 'board-palette' },
    h('legend', {}, 'Colour: ', name), h('div', { class: 'board-swatches' }, ...colours.map(c => c.label)))

  const paint = radio(id + '-mode', 'paint', true, () => on.mode(true))
  const move = radio(id + '-mode', 'move', false, () => on.mode(false))
  const modes = h('fieldset', { class: 'board-modes' },
    h('legend', { class: 'board-hidden' }, 'A drag'), h('label', {}, paint, 'Paint'), h('label', {}, move, 'Move'))
  const button = (label, symbol, click, more) => h('button', { type: 'button', class: 'board-button', 'aria-label': label, click, ...more }, symbol)
  const again = past && button('Replay the last hour', 'Replay', on.replay, { 'aria-pressed': 'false' })

  const ring = h('span', { class: 'board-ring', 'aria-hidden': 'true' })
  const left = h('span')
  const budget = h('p', { class: 'board-left', hidden: !tokens.limited }, ring, left)
  const readout = h('p', { class: 'board-readout' })
  const said = h('p', { class: 'board-said', role: 'status' })
  const spoken = h('p', { class: 'board-hidden', role: 'status' })
  const help = h('p', { id: id + '-help' }, HELP, ' Ctrl and the wheel, or two fingers, zoom.')

  let timer
  let saidAt = -Infinity
  let saidWhy
  let budgetTimer

  const panel = {
    tools: h('div', { class: 'board-tools' }, modes,
      button('Zoom out', '−', () => on.zoom(1 / 1.5)), button('Zoom in', '+', () => on.zoom(1.5)),
      button('Show the whole board', 'All', on.fit), ...(again ? [again] : []), budget),
    below: h('div', { class: 'board-below' }, said, readout, spoken, chooser,
      h('details', { class: 'board-help' }, h('summary', {}, 'Keys'), help)),

    /** Shows which colour is chosen. */
    colour (n) {
      colours[n].input.checked = true
      text(name, palette[n].name)
    },

    mode (paints) {
      (paints ? paint : move).checked = true
    },

    /** Shows whether the past is played; the button takes the focus if that would be lost. */
    replaying (yes, focus) {
      again?.setAttribute('aria-pressed', yes)
      if (focus) again?.focus()
    },

    /** What is under the pointer, which is read by nobody aloud. */
    readout: sentence => text(readout, sentence),

    /** What is under the keyboard's cursor, aloud. */
    speak: sentence => text(spoken, sentence),

    /** Why something was refused, aloud; sentences of one reason not too often. */
    say (sentence, why = sentence) {
      const now = Date.now()
      if (why === saidWhy && now - saidAt < SAME) return
      saidAt = now
      saidWhy = why
      text(said, sentence)
      clearTimeout(timer)
      timer = setTimeout(text, SAID, said, '')
    },

    /** Takes a sentence away that is not true any more, whatever it was about or only one reason's. */
    unsay (why) {
      if (why && why !== saidWhy) return
      saidWhy = undefined
      text(said, '')
    },

    /** Shows how much may be painted, and goes on until that is all. */
    budget () {
      clearTimeout(budgetTimer)
      if (!tokens.limited) return
      const n = tokens.left()
      ring.style.setProperty('--full', Math.min(1, Math.max(0, n / tokens.burst)).toFixed(3))
      text(left, n + 1e-9 >= 1 ? `${count(Math.floor(n + 1e-9), 'cell')} left` : `Next cell in ${Math.ceil(tokens.wait() / 1000)} s`)
      if (n + 1e-9 >= 1) panel.unsay('tokens')
      if (n < tokens.burst) budgetTimer = setTimeout(panel.budget, 100)
    },

    stop () {
      clearTimeout(timer)
      clearTimeout(budgetTimer)
    }
  }
  return panel
}
