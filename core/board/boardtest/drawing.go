// Package boardtest draws boards as crowds draw them, for tests and benchmarks.
package boardtest

import (
	"math"
	"math/rand/v2"
)

// Drawing returns a board of width times height cells in 32 colours, of which about
// half is painted: the same for the same seed.
//
// It is put together from what people paint on shared canvases: flags (stripes and
// crosses), figures of pixel art (mirrored blobs with an outline, some repeated as a
// pattern), words in a font of 3 by 5 cells, filled areas with ragged edges, gradients
// in bands, maze-like ornaments, scribbles, and on top of all the single stray cells of
// people who disturb: one in forty painted cells.
func Drawing(seed uint64, width, height int) []byte {
	d := drawing{r: rand.New(rand.NewPCG(seed, 1)), w: width, h: height, c: make([]byte, width*height)}
	total := width * height
	for d.painted < total/2 {
		d.one()
	}
	for range d.painted / 40 {
		d.set(d.r.IntN(width), d.r.IntN(height), d.colour())
	}
	return d.c
}

type drawing struct {
	r       *rand.Rand
	w, h    int
	c       []byte
	painted int
}

func (d *drawing) set(x, y int, colour byte) {
	if x < 0 || y < 0 || x >= d.w || y >= d.h {
		return
	}
	i := y*d.w + x
	if d.c[i] == 0 && colour != 0 {
		d.painted++
	}
	if d.c[i] != 0 && colour == 0 {
		d.painted--
	}
	d.c[i] = colour
}

func (d *drawing) colour() byte { return byte(1 + d.r.IntN(31)) }

func (d *drawing) one() {
	x, y := d.r.IntN(d.w), d.r.IntN(d.h)
	switch d.r.IntN(10) {
	case 0, 1:
		d.flag(x, y)
	case 2, 3, 4:
		d.figures(x, y)
	case 5:
		d.words(x, y)
	case 6:
		d.area(x, y)
	case 7:
		d.gradient(x, y)
	case 8:
		d.ornament(x, y)
	default:
		d.scribble(x, y)
	}
}

func (d *drawing) flag(x, y int) {
	w, h := 18+d.r.IntN(70), 12+d.r.IntN(45)
	a, b, c := d.colour(), d.colour(), d.colour()
	cross, upright := d.r.IntN(4) == 0, d.r.IntN(2) == 0
	for j := range h {
		for i := range w {
			colour := [3]byte{a, b, c}[3*j/h]
			if upright {
				colour = [3]byte{a, b, c}[3*i/w]
			}
			if cross {
				colour = a
				if abs(i-w/3) <= w/14 || abs(j-h/2) <= h/12 {
					colour = b
				}
			}
			d.set(x+i, y+j, colour)
		}
	}
}

func (d *drawing) figures(x, y int) {
	size := 8 + d.r.IntN(18)
	half := (size + 1) / 2
	skin, detail, line := d.colour(), d.colour(), byte(6)
	shape := make([]byte, size*size)
	for j := range size {
		for i := range half {
			dx, dy := float64(half-i)/float64(half), float64(j-size/2)/float64(size/2)
			r := math.Hypot(dx, dy) + 0.25*d.r.Float64()
			colour := byte(0)
			switch {
			case r < 0.55 && d.r.IntN(5) == 0:
				colour = detail
			case r < 0.8:
				colour = skin
			case r < 1:
				colour = line
			}
			shape[j*size+i], shape[j*size+size-1-i] = colour, colour
		}
	}
	across, down := 1, 1
	if d.r.IntN(3) == 0 {
		across, down = 1+d.r.IntN(6), 1+d.r.IntN(3)
	}
	for n := range across * down {
		for k, colour := range shape {
			if colour != 0 {
				d.set(x+(n%across)*(size+1)+k%size, y+(n/across)*(size+1)+k/size, colour)
			}
		}
	}
}

func (d *drawing) words(x, y int) {
	ink, paper, boxed := d.colour(), d.colour(), d.r.IntN(2) == 0
	letters := 4 + d.r.IntN(22)
	if boxed {
		for j := -2; j < 7; j++ {
			for i := -2; i < 4*letters+1; i++ {
				d.set(x+i, y+j, paper)
			}
		}
	}
	for n := range letters {
		glyph := glyphs[d.r.IntN(len(glyphs))]
		for k := range 15 {
			if glyph>>(14-k)&1 == 1 {
				d.set(x+4*n+k%3, y+k/3, ink)
			}
		}
	}
}

// glyphs are letters of 3 by 5 cells, a bit each, from the top left.
var glyphs = []uint16{
	0b010101111101101, 0b110101110101110, 0b011100100100011, 0b110101101101110, 0b111100110100111, 0b111100110100100,
	0b011100101101011, 0b101101111101101, 0b111010010010111, 0b001001001101010, 0b101101110101101, 0b100100100100111,
	0b101111111101101, 0b110101101101101, 0b010101101101010, 0b110101110100100, 0b011100010001110, 0b111010010010010,
	0b101101101101111, 0b101101101101010, 0b101101111111101, 0b101101010101101, 0b000000000000000,
}

func (d *drawing) area(x, y int) {
	r, colour := 6+d.r.IntN(50), d.colour()
	for j := -r; j <= r; j++ {
		reach := int(math.Sqrt(float64(r*r-j*j))) + d.r.IntN(4)
		for i := -reach; i <= reach; i++ {
			d.set(x+i, y+j, colour)
		}
	}
}

func (d *drawing) gradient(x, y int) {
	w, h, first := 20+d.r.IntN(80), 20+d.r.IntN(60), 1+d.r.IntN(26)
	for j := range h {
		for i := range w {
			band := 6 * j / h
			if 6*j%h > h/2 && (i+j)%2 == 0 { // dithered
				band++
			}
			d.set(x+i, y+j, byte(first+min(band, 5)))
		}
	}
}

func (d *drawing) ornament(x, y int) {
	w, h, step := 15+d.r.IntN(60), 15+d.r.IntN(40), 3+d.r.IntN(4)
	a, b := d.colour(), d.colour()
	for j := range h {
		for i := range w {
			colour := a
			if (i%step == 0) != (j%step == 0) || (i+j)%(2*step) == 0 {
				colour = b
			}
			d.set(x+i, y+j, colour)
		}
	}
}

func (d *drawing) scribble(x, y int) {
	colour, angle := d.colour(), d.r.Float64()*2*math.Pi
	fx, fy := float64(x), float64(y)
	for range 60 + d.r.IntN(400) {
		angle += d.r.NormFloat64() * 0.4
		fx, fy = fx+math.Cos(angle), fy+math.Sin(angle)
		d.set(int(fx), int(fy), colour)
		d.set(int(fx)+1, int(fy), colour)
	}
}

func abs(n int) int { return max(n, -n) }
