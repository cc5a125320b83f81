// Package element writes the elements that the host ships: a board that people paint,
// the pointers of everybody in a room, reactions that rise, and arcs on a map. A
// feature renders one with a line; the script behind it is the host's, and without
// script there is what HTML alone can do.
//
// Each element is a fragment of its own, whose id is "FEATURE-FIELD": there the host
// finds it when it has something to show. It never changes once it is rendered, so a
// feature renders it only when View.Changes is nil.
//
// The attributes below are the contract with the script (assets/client/src/elements).
// Where one is named "of no use" without script, the element shows nothing until
// then. Times are in milliseconds, numbers are decimal, attributes are absent where
// there is nothing to say.
//
// # live-board
//
//	<live-board id="board-pixels" role="group" aria-label="The board"
//	  data-live="act->board#paint"
//	  data-width="1000" data-height="1000"
//	  data-palette="white:#ffffff;light grey:#cccccc"
//	  data-src="/r/home/board.bin" data-png="/r/home/board.png"
//	  data-cell="/r/home/board/cell" data-replay="/r/home/board/replay"
//	  data-rate="10" data-burst="60">
//	  <figure class="board-still"><img src="/r/home/board.png" width="1000" height="1000"
//	    alt="…" loading="lazy" decoding="async"><figcaption><a href="…">…</a></figcaption></figure>
//	  <form class="board-form" method="post" action="/rooms/home/board/paint"
//	    data-live="submit->board#paint">…x, y, colour…</form>
//	</live-board>
//
//	data-live      where it sends what is painted: act with the fields cells
//	               ("1,2 1,3", at most 64) and colour (a place in the palette)
//	data-width     how many cells there are, and data-height the same downwards
//	data-palette   name, ":" and "#rrggbb" of each colour in the palette's order,
//	               with ";" between. No name holds ":" or ";"
//	data-src       the board as it is, byte for byte: one a cell, row by row
//	data-png       the board as a picture; "?scale=1" to "?scale=8"
//	data-cell      tells of one cell, with "?x=1&y=2": JSON
//	               {"colour":3,"painted":true,"at":"2026-11-24T05:06:07Z",
//	               "site":"lhr-2","region":"lhr","by":"k7qf2","known":true}
//	data-replay    the last hour
//	data-rate      how many cells a person may paint in a second
//	data-burst     how many at once before that counts
//
// Its children are for pages without script and are hidden by the script when it has
// begun. Where a browser runs scripts the style sheet hides the picture at once, so
// that nothing loads it:
//
//	@media (scripting: enabled) { .board-still img { display: none } }
//
// # live-cursors
//
//	<live-cursors id="cursors-at" data-live="act->cursors#move" data-live-latest></live-cursors>
//
// The element sends act with the fields x and y, from 0 to 10000, and tap ("true")
// for a touch, and without fields when the person's pointer is gone. It is of no use
// without script.
//
// A value is "ID NAME COLOUR REGION X Y", with " tap" behind for a touch, or "ID"
// alone for a pointer that is gone: "ab3kz7qp #k7qf2 4 lhr 120 9999". No part holds a
// space. COLOUR is 0 to 11 as in the class "colour-4". The room sees the same values,
// so a page gets its own back as well: it knows them by the places that it has sent.
//
// # live-burst
//
//	<live-burst id="reactions-burst" data-reactions="thumb:👍;heart:❤️">
//	  <form method="post" action="/rooms/home/reactions/send" data-live="submit->reactions#send"
//	    role="group" aria-label="Reactions">
//	    <button type="submit" name="kind" value="thumb" aria-label="Thumbs up">👍</button>
//	  </form>
//	</live-burst>
//
// A value is the kind alone: "thumb". data-reactions says which symbol rises for it; a
// kind that is not named there is passed over. The buttons are the feature's event like
// any other form: the script of the element has nothing to do with them.
//
// # live-globe
//
//	<live-globe id="globe-traffic" data-of="globe-dots"></live-globe>
//
// Arcs are drawn over the SVG whose id is data-of, in its coordinates, or without
// data-of over the first SVG inside the element. A value is "lhr 3": so many events
// were taken at a site since the last one. Where sites are and how far apart is read
// when a value comes, so the map may change as any fragment does:
//
//	<circle data-site="lhr" cx="480" cy="170" data-rtt="ams:8.4 iad:76" …></circle>
//
// data-rtt holds the round trips from that site, as [RoundTrips] writes them. It is of
// no use without script.
package element
