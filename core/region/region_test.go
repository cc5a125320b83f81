package region_test

import (
	"errors"
	"math"
	"testing"

	"github.com/global-presence/presence/core/region"
)

// current is the table of https://fly.io/docs/reference/regions/.
var current = []region.Code{
	"ams", "arn", "bom", "cdg", "dfw", "ewr", "fra", "gru", "iad",
	"jnb", "lax", "lhr", "nrt", "ord", "sin", "sjc", "syd", "yyz",
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     region.Code
		err      error
	}{
		{"OK", "ams", "ams", nil},
		{"OKUnknown", "zzz", "zzz", nil},
		{"ErrEmpty", "", "", region.ErrInvalid},
		{"ErrUpper", "AMS", "", region.ErrInvalid},
		{"ErrShort", "am", "", region.ErrInvalid},
		{"ErrLong", "lhr-2", "", region.ErrInvalid},
		{"ErrDigit", "am1", "", region.ErrInvalid},
		{"ErrOneRuneOfThreeBytes", "京", "", region.ErrInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := region.Parse(tt.in)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("Parse(%q) = %q, %v; want %q, %v", tt.in, got, err, tt.want, tt.err)
			}
		})
	}
}

func TestCode_Name(t *testing.T) {
	for _, tt := range []struct {
		code       region.Code
		name, city string
	}{
		{"lhr", "London, United Kingdom", "London"},
		{"gru", "São Paulo, Brazil", "São Paulo"},
		{"sin", "Singapore", "Singapore"},
		{"zzz", "zzz", "zzz"},
		{"", "", ""},
	} {
		if got := tt.code.Name(); got != tt.name {
			t.Errorf("Code(%q).Name() = %q, want %q", tt.code, got, tt.name)
		}
		if got := tt.code.City(); got != tt.city {
			t.Errorf("Code(%q).City() = %q, want %q", tt.code, got, tt.city)
		}
	}
}

func TestCode_Position(t *testing.T) {
	for _, c := range current {
		if _, _, ok := c.Position(); !ok || c.Name() == string(c) {
			t.Errorf("region %q is unknown", c)
		}
	}
	// The distance of two places finds a swapped sign or a swapped pair.
	for _, tt := range []struct {
		a, b region.Code
		km   float64
	}{
		{"lhr", "cdg", 344},
		{"lhr", "syd", 16990},
		{"iad", "sjc", 3860},
		{"gru", "jnb", 7440},
		{"nrt", "lax", 8810},
		{"mel", "syd", 713},
		{"ist", "dxb", 3000},
	} {
		if got := distance(t, tt.a, tt.b); math.Abs(got-tt.km) > tt.km*0.02 {
			t.Errorf("distance of %s and %s is %.0f km, want %.0f", tt.a, tt.b, got, tt.km)
		}
	}
	if lat, lon, ok := region.Code("zzz").Position(); ok || lat != 0 || lon != 0 {
		t.Errorf(`Code("zzz").Position() = %v, %v, %v; want 0, 0, false`, lat, lon, ok)
	}
}

// distance returns the length in kilometres of the great circle between a and b.
func distance(tb testing.TB, a, b region.Code) float64 {
	tb.Helper()
	rad := func(c region.Code) (lat, lon float64) {
		lat, lon, ok := c.Position()
		if !ok {
			tb.Fatalf("region %q is unknown", c)
		}
		return lat * math.Pi / 180, lon * math.Pi / 180
	}
	lat1, lon1 := rad(a)
	lat2, lon2 := rad(b)
	return 6371 * math.Acos(math.Sin(lat1)*math.Sin(lat2)+math.Cos(lat1)*math.Cos(lat2)*math.Cos(lon1-lon2))
}
