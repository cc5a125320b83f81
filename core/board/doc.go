// Package board turns boards into bytes for browsers: a snapshot that a page decodes by
// itself, a picture, and a film of the last hour. It knows nothing of rooms and stores.
//
// # Snapshot
//
// A snapshot is the cells' places in the palette, one byte each, row by row, under a
// Content-Encoding that browsers undo. No filter of our own comes before it: over half
// full boards of 1,000 × 1,000 cells (see boardtest) Brotli at its best level was
// smaller than PNG (−17 %), lossless WebP (−3 %) and zstd -19 (−5 %), and of the filters
// tried the best, strips of 16 rows read by columns, gained 4 % more.
//
// That level takes 1.8 s of one core for such a board; the quick one takes 14 ms and is
// a quarter larger. Since a page says of which position its snapshot is, and is told
// what has changed since, a snapshot may be old. So the quick one is served at once, and
// the best one as soon as it is made and for as long as little has changed since.
// (Measured on 2 shared cores; `go test ./core/board -run '^$' -bench .`)
package board
