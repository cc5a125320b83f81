package wan

// measured is the median round trip, in milliseconds, from a region to each of those
// above it, in their order.
//
// Source: Microsoft, "Azure network round-trip latency statistics", the medians of
// the 30 days up to 2026-07-30, of the Azure region at or nearest to the city
// (learn.microsoft.com/azure/networking/azure-network-latency; articles/networking
// in github.com/MicrosoftDocs/azure-docs), the mean of both directions. Farthest
// from their cities are the figures of dfw (San Antonio), arn (Gävle) and bom (Pune).
var measured = []struct {
	code string
	rtt  []int
}{
	{"ams", nil},
	{"arn", []int{26}},
	{"bom", []int{140, 160}},
	{"cdg", []int{12, 36, 134}},
	{"dfw", []int{118, 136, 233, 112}},
	{"fra", []int{11, 28, 140, 12, 123}},
	{"gru", []int{185, 201, 304, 190, 139, 197}},
	{"iad", []int{84, 100, 200, 88, 36, 94, 118}},
	{"jnb", []int{166, 187, 130, 159, 244, 166, 321, 220}},
	{"lhr", []int{11, 31, 141, 10, 112, 16, 180, 78, 164}},
	{"nrt", []int{234, 252, 122, 230, 129, 236, 262, 162, 249, 230}},
	{"ord", []int{100, 120, 216, 105, 38, 110, 138, 20, 234, 97, 148}},
	{"sin", []int{169, 190, 53, 162, 201, 166, 330, 224, 177, 167, 72, 210}},
	{"sjc", []int{146, 161, 218, 146, 35, 152, 169, 68, 272, 140, 108, 52, 170}},
	{"syd", []int{264, 286, 144, 256, 162, 266, 295, 202, 328, 261, 104, 186, 95, 140}},
	{"yyz", []int{90, 108, 201, 88, 53, 97, 129, 18, 230, 81, 160, 18, 222, 69, 202}},
}
