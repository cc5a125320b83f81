package board

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strconv"

	"github.com/global-presence/presence/plugins"
)

// MaxScale is how many pixels a cell of a picture has, across and down, and
// MaxPixels how many the whole picture.
const (
	MaxScale  = 8
	MaxPixels = 1 << 24
)

// checkScale reports whether a picture may have that many pixels a cell.
func (b Board) checkScale(scale int) error {
	most := MaxScale
	for most > 1 && b.Width*b.Height*most*most > MaxPixels {
		most--
	}
	if scale < 1 || scale > most {
		return fmt.Errorf("scale %d: want 1 to %d for a board of %d × %d cells", scale, most, b.Width, b.Height)
	}
	return nil
}

// encodePNG draws a board.
func encodePNG(b Board, scale int) ([]byte, error) {
	palette := make(color.Palette, len(b.Palette))
	for i, c := range b.Palette {
		rgba, err := parseColour(c)
		if err != nil {
			return nil, err
		}
		palette[i] = rgba
	}
	img := image.NewPaletted(image.Rect(0, 0, b.Width*scale, b.Height*scale), palette)
	for y := range b.Height {
		row := img.Pix[y*scale*img.Stride:][:img.Stride]
		for x := range b.Width {
			c := b.Colours[y*b.Width+x]
			if int(c) >= len(palette) {
				return nil, fmt.Errorf("colour %d of cell %d,%d: the palette has %d", c, x, y, len(palette))
			}
			for i := range scale {
				row[x*scale+i] = c
			}
		}
		for i := 1; i < scale; i++ {
			copy(img.Pix[(y*scale+i)*img.Stride:], row)
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return nil, fmt.Errorf("draw board: %w", err)
	}
	return out.Bytes(), nil
}

func parseColour(c plugins.Colour) (color.RGBA, error) {
	if len(c.RGB) != 7 || c.RGB[0] != '#' {
		return color.RGBA{}, fmt.Errorf("colour %q: want #rrggbb", c.RGB)
	}
	n, err := strconv.ParseUint(c.RGB[1:], 16, 32)
	if err != nil {
		return color.RGBA{}, fmt.Errorf("colour %q: want #rrggbb", c.RGB)
	}
	return color.RGBA{R: uint8(n >> 16), G: uint8(n >> 8), B: uint8(n), A: 0xff}, nil
}
