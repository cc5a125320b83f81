// Package demo is several regions on one machine: a simulated planet between them,
// a whole server for each, and one page that shows them side by side, where a
// person sees a click travel, cuts a region off and lets it back in.
//
//	:8080  the page                    GET /  POST /cut  POST /heal
//	       what it follows             GET /events  GET /status.json
//	:8081  the first region, as people there see it
//	:8082  the second one, and so on
//
// Everything but the distance is real: each region has its own engine, its own
// log, its own features as processes, and pages that know nothing of the demo.
// The planet's delays are those between the real regions; see package wan.
//
// # What the page says
//
// The page counts what people did, not what binaries tell each other: for each
// region, the events in its log, and how far every other region has read it. That
// all regions agree it says only after it has compared what their stores hold of
// the room.
//
// # Start and stop
//
// [New] takes all addresses. [Demo.Run] starts the planet, then the regions, and
// answers when all of them are ready. When its context ends, the page stops first,
// then the regions with their features, then the planet.
//
// It is for one machine and the people around it: state is gone when it stops, and
// whoever can open the page can cut a region off.
package demo
