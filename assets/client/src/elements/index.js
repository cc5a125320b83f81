// The second script of the page: the elements that plugins/element writes. They
// talk to the binder, in the first script, by DOM events only.
//
//   up    act {fields, ref} on an element with data-live="act->feature#event";
//         live:sync, to be told what a board lacks
//   down  live:cells, live:signals, the outcomes live:ok, live:invalid, … with the ref;
//         live:connected and live:lost on the document
import { LiveBoard } from './board/board.js'
import { LiveBurst } from './burst.js'
import { LiveCursors } from './cursors.js'
import { fitIn } from './frame.js'
import { LiveGlobe } from './globe.js'

const ELEMENTS = { 'live-board': LiveBoard, 'live-burst': LiveBurst, 'live-cursors': LiveCursors, 'live-globe': LiveGlobe }

for (const name in ELEMENTS) if (!customElements.get(name)) customElements.define(name, ELEMENTS[name])

fitIn()
