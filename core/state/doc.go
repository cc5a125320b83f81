// Package state holds the kinds of state and their merges. It is pure: no I/O,
// no clock, no goroutine.
//
// Every site writes [Cell]s of its own. A [Room] merges the cells of all sites
// into what people see. Merging is idempotent and commutes: any order, any
// repetition and any split of the same cells give the same view.
//
//	kind      one site's cells               merged
//	register  one: value + stamp             the newest of all sites
//	counter   one: the site's total          the sum over all sites
//	list      one an item, keyed by stamp    the newest Cap of all sites
//	presence  one a member, leased           members whose binary lives
//	sites     none: from the beats           what the host hears
//	volatile  none                           –
//
// A Room is not safe for use by several goroutines at once.
package state
