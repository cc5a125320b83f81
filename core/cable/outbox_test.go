package cable_test

import (
	"testing"
	"testing/synctest"

	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/plugins"
)

// TestLatest_Bytes: what was replaced no longer counts against the outbox's bytes, and
// a message in the place of a smaller one does.
func TestLatest_Bytes(t *testing.T) {
	for name, c := range map[string]struct {
		sizes []int // of messages of one key; those of 10 have none
		want  string
	}{
		"as large as before": {[]int{900, 900, 900, 900}, "end"},
		"larger alone":       {[]int{900, 5000}, "end"},
		"larger":             {[]int{10, 500, 5000}, "too_slow"},
		"smaller":            {[]int{10, 800, 100, 10, 10, 10, 10}, "end"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := runServer(t, cable.Config{OutboxBytes: 1000})
				page := pipe(t, s, plugins.Person{User: "u"})
				page.next()
				page.join("home")
				s.Broadcast(cable.Stream{Room: "home"}, []byte(`"first"`)) // is being written
				synctest.Wait()
				for _, size := range c.sizes {
					key := "light"
					if size == 10 {
						key = ""
					}
					s.BroadcastLatest(cable.Stream{Room: "home"}, key, text(size))
					synctest.Wait()
				}
				if c.want == "too_slow" {
					page.wantDisconnect(`{"type":"disconnect","reason":"too_slow","reconnect":true}`)
				} else {
					s.BroadcastLatest(cable.Stream{Room: "home"}, "light", []byte(`"end"`))
					for string(page.next().Message) != `"end"` {
					}
				}
				page.ws.Close()
			})
		})
	}
}
