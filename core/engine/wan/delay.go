package wan

import (
	"math"
	"time"

	"github.com/global-presence/presence/core/region"
)

const (
	// near is the delay within a region: two data centres of one city.
	near = 500 * time.Microsecond

	// far is the delay to a region whose place is unknown: the median of those
	// that were measured.
	far = 73 * time.Millisecond

	// fibre is how far light gets in a millisecond in glass, in kilometres.
	fibre = 200

	// detour is how much longer a path takes than light in glass on the great circle:
	// the median of those that were measured. Four fifths of them lie between 1.35 and
	// 2.57; half of the delays that it gives are within 13 % of the measured ones.
	detour = 1.66

	// earth is the radius of the earth in kilometres.
	earth = 6371
)

// Delay returns how long a write takes one way between two regions, by their codes.
//
// Where it was measured it is half of the round trip between the data centres of a
// large cloud in both places (see measured for the source). Otherwise it is the
// length of the great circle at 200 km/ms, the speed of light in glass, times 1.66,
// the factor fitted to the measured ones, and at least 0.5 ms, which is also the
// delay within a region. With a code whose place is unknown it is 73 ms, the median
// of the measured ones.
func Delay(from, to string) time.Duration {
	if from == to {
		return near
	}
	if d, ok := halfRTT(from, to); ok {
		return d
	}
	km, ok := greatCircle(region.Code(from), region.Code(to))
	if !ok {
		return far
	}
	return max(near, time.Duration(km/fibre*detour*float64(time.Millisecond)))
}

// halfRTT returns half of the measured round trip.
func halfRTT(a, b string) (time.Duration, bool) {
	at := map[string]int{}
	for i, m := range measured {
		at[m.code] = i
	}
	i, known := at[a]
	j, alsoKnown := at[b]
	if !known || !alsoKnown {
		return 0, false
	}
	return time.Duration(measured[max(i, j)].rtt[min(i, j)]) * time.Millisecond / 2, true
}

// greatCircle returns the distance in kilometres.
func greatCircle(a, b region.Code) (km float64, ok bool) {
	latA, lonA, knownA := a.Position()
	latB, lonB, knownB := b.Position()
	if !knownA || !knownB {
		return 0, false
	}
	const rad = math.Pi / 180
	cosine := math.Sin(latA*rad)*math.Sin(latB*rad) +
		math.Cos(latA*rad)*math.Cos(latB*rad)*math.Cos((lonA-lonB)*rad)
	return earth * math.Acos(min(1, max(-1, cosine))), true
}
