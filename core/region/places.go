package region

type place struct {
	name     string
	lat, lon float64 // degrees
}

// places holds the regions that Fly.io offers, and below them those that it
// offered before, since their codes still say where something runs, and those that
// only let visitors in, which the header Fly-Region may name.
//
// Source: the table of https://fly.io/docs/reference/regions/, as it stood on
// 2026-08-07 in github.com/superfly/docs, commit 5c22c8ce; for the others the same
// file's history, for the last three its commit ef2125a1. Positions are those of
// the cities, to a tenth of a degree.
var places = map[Code]place{
	"ams": {"Amsterdam, Netherlands", 52.4, 4.9},
	"arn": {"Stockholm, Sweden", 59.3, 18.1},
	"bom": {"Mumbai, India", 19.1, 72.9},
	"cdg": {"Paris, France", 48.9, 2.4},
	"dfw": {"Dallas, United States", 32.8, -96.8},
	"ewr": {"Secaucus, United States", 40.8, -74.1},
	"fra": {"Frankfurt, Germany", 50.1, 8.7},
	"gru": {"São Paulo, Brazil", -23.6, -46.6},
	"iad": {"Ashburn, United States", 39.0, -77.5},
	"jnb": {"Johannesburg, South Africa", -26.2, 28.0},
	"lax": {"Los Angeles, United States", 34.1, -118.2},
	"lhr": {"London, United Kingdom", 51.5, -0.1},
	"nrt": {"Tokyo, Japan", 35.7, 139.7},
	"ord": {"Chicago, United States", 41.9, -87.6},
	"sin": {"Singapore", 1.3, 103.8},
	"sjc": {"San Jose, United States", 37.3, -121.9},
	"syd": {"Sydney, Australia", -33.9, 151.2},
	"yyz": {"Toronto, Canada", 43.7, -79.4},

	"atl": {"Atlanta, United States", 33.7, -84.4},
	"bog": {"Bogotá, Colombia", 4.7, -74.1},
	"bos": {"Boston, United States", 42.4, -71.1},
	"den": {"Denver, United States", 39.7, -105.0},
	"eze": {"Ezeiza, Argentina", -34.9, -58.5},
	"gdl": {"Guadalajara, Mexico", 20.7, -103.3},
	"gig": {"Rio de Janeiro, Brazil", -22.9, -43.2},
	"hkg": {"Hong Kong", 22.3, 114.2},
	"maa": {"Chennai, India", 13.1, 80.3},
	"mad": {"Madrid, Spain", 40.4, -3.7},
	"mia": {"Miami, United States", 25.8, -80.2},
	"otp": {"Bucharest, Romania", 44.4, 26.1},
	"phx": {"Phoenix, United States", 33.4, -112.1},
	"qro": {"Querétaro, Mexico", 20.6, -100.4},
	"scl": {"Santiago, Chile", -33.4, -70.7},
	"sea": {"Seattle, United States", 47.6, -122.3},
	"waw": {"Warsaw, Poland", 52.2, 21.0},
	"yul": {"Montreal, Canada", 45.5, -73.6},

	"dxb": {"Dubai, United Arab Emirates", 25.2, 55.3},
	"ist": {"Istanbul, Turkey", 41.0, 29.0},
	"mel": {"Melbourne, Australia", -37.8, 145.0},
}
