package plugins_test

import (
	"testing"

	"github.com/global-presence/presence/plugins"
)

func TestWatch_RoomOf(t *testing.T) {
	for _, tt := range []struct{ keys, room, key, want string }{
		{"presence:ticker", "", "presence:ticker", "home"},
		{"presence:ticker", "", "presence:ticker:", ""},
		{"presence:ticker", "lobby", "presence:ticker", "lobby"},
		{"presence:ticker:*", "*", "presence:ticker:product-42", "product-42"},
		{"presence:ticker:*", "*", "presence:ticker:a*b", "a*b"},
		{"presence:ticker:*", "*", "presence:ticker:", ""}, // no room of that name
		{"presence:ticker:*", "", "presence:ticker:x", "home"},
		{"shop:*:stock", "product-*", "shop:42:stock", "product-42"},
		{"shop:*:stock", "product-*", "shop::stock", "product-"},
		{"shop:*:stock", "product-*", "shop:stock", ""}, // the colon cannot be both
		{"shop:*:stock", "product-*", "shop:42:price", ""},
		{"*x", "*", "xx", "x"},
	} {
		w := plugins.Watch{Keys: tt.keys, Event: "e", Room: tt.room}
		if got := w.RoomOf(tt.key); got != tt.want {
			t.Errorf("%+v.RoomOf(%q) = %q, want %q", w, tt.key, got, tt.want)
		}
	}
}
