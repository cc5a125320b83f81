package board

import "github.com/global-presence/presence/plugins"

// palette are the colours of the board. The first is that of a cell that nobody has
// painted.
//
// Hues are those of M. Okabe and K. Ito, "Color Universal Design" (2008), seven colours
// that people with any kind of colour vision tell apart, here called by the nearest
// everyday name; each comes in a light and a dark shade, mixed with white (55 %) and
// black (62 %) in linear light. Greys and browns are ours. Within 32 colours no choice
// keeps all pairs apart for every eye, which is why each has a name.
var palette = []plugins.Colour{
	{Name: "white", RGB: "#ffffff"},
	{Name: "black", RGB: "#000000"},
	{Name: "charcoal", RGB: "#333333"},
	{Name: "dark grey", RGB: "#595959"},
	{Name: "grey", RGB: "#888888"},
	{Name: "light grey", RGB: "#bbbbbb"},
	{Name: "pale grey", RGB: "#dddddd"},
	{Name: "light orange", RGB: "#f4dbc4"},
	{Name: "orange", RGB: "#e69f00"},
	{Name: "dark orange", RGB: "#956600"},
	{Name: "light sky blue", RGB: "#cae1f5"},
	{Name: "sky blue", RGB: "#56b4e9"},
	{Name: "dark sky blue", RGB: "#357497"},
	{Name: "light green", RGB: "#c4dacf"},
	{Name: "green", RGB: "#009e73"},
	{Name: "dark green", RGB: "#006548"},
	{Name: "light yellow", RGB: "#f8f3c8"},
	{Name: "yellow", RGB: "#f0e442"},
	{Name: "dark yellow", RGB: "#9c9427"},
	{Name: "light blue", RGB: "#c4cfe1"},
	{Name: "blue", RGB: "#0072b2"},
	{Name: "dark blue", RGB: "#004872"},
	{Name: "light red", RGB: "#edcbc4"},
	{Name: "red", RGB: "#d55e00"},
	{Name: "dark red", RGB: "#8a3a00"},
	{Name: "light pink", RGB: "#ead1dd"},
	{Name: "pink", RGB: "#cc79a7"},
	{Name: "dark pink", RGB: "#844c6b"},
	{Name: "cream", RGB: "#f6e3c5"},
	{Name: "tan", RGB: "#c8a27a"},
	{Name: "brown", RGB: "#8a5a36"},
	{Name: "dark brown", RGB: "#4a2c1a"},
}
