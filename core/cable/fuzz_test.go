package cable_test

import (
	"strings"
	"testing"

	"github.com/fasthttp/websocket"

	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// FuzzFrame lets a client send any bytes: as the payload of a text frame after a
// subscribe, as that of a compressed one, and as they are in place of frames. All of it ends in frames handled
// or a clean close, never in a panic, and every frame out is valid JSON, which
// client.read checks.
func FuzzFrame(f *testing.F) {
	for _, seed := range []string{
		`{"command":"subscribe","identifier":"{\"channel\":\"Live\",\"room\":\"home\"}"}`,
		`{"command":"subscribe","identifier":"{\"b\":1,\"channel\":\"X\",\"a\":\"<é>\"}"}`,
		`{"command":"unsubscribe","identifier":"{\"channel\":\"Live\",\"room\":\"r\"}"}`,
		`{"command":"message","identifier":"{\"channel\":\"Live\",\"room\":\"r\"}","data":"{\"action\":\"event\",\"id\":\"12345678\",\"target\":\"a#b\",\"dataset\":{\"x\":\"\\ud800\"},\"formData\":\"a=%00&b\"}"}`,
		`{"command":"message","identifier":"{\"channel\":\"Live\",\"room\":\"r\"}","data":"{\"action\":\"sync\",\"frags\":{\"a\":\"b\"}}"}`,
		`{"command":"message","identifier":"{\"channel\":\"Live\",\"room\":\"r\"}","data":"{\"action\":\"sync\",\"frags\":null}"}`,
		`{"command":"subscribe","identifier":"\ud800\u0000"}`,
		"{\"command\":\"subscribe\",\"identifier\":\"\xc3\x28\"}",
		"\x81\x80\x00\x00\x00\x00", "\x89\x80\x00\x00\x00\x00\x8a\x80\x00\x00\x00\x00",
		"\x88\x82\x00\x00\x00\x00\x03\xe8", "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x01\x80\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00",
		"\x81\x05hello", "\xf1\x80\x00\x00\x00\x00", "",
		// Compressed: as payloads, and whole frames.
		deflated(f, subscribe("r")), stored(1, "{}") + stored(0, "{}") + "\x00", stored(0, "{}")[:5], strings.Repeat(stored(1, ""), 20), "\x07\xff",
		deflated(f, strings.Repeat(" ", 1<<20)),
		string(masked(0xC1, deflated(f, subscribe("r")))), string(masked(0x41, "\x00")) + string(masked(0xC0, "\x00")), string(masked(0xC9, "")),
	} {
		f.Add([]byte(seed))
	}
	const room = `{"channel":"Live","room":"r"}`
	f.Fuzz(func(t *testing.T, data []byte) {
		s := runServer(t, cable.Config{
			Compress: 100,
			Handler: &fake{
				event: func(s *cable.Session, _ string, e cable.Event, done func(cable.Ack)) {
					done(cable.Ack{Status: cable.Invalid, Sentence: e.Target})
				},
				sync: func(_ *cable.Session, _ string, shown cable.Shown, reply func(...dom.Operation)) {
					for _, rev := range shown.Revs {
						reply(dom.TextContent("#a", rev))
					}
				},
			},
		})
		c := pipe(t, s, plugins.Person{User: "u"})
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			// Writing fails when the server has closed, which is fine.
			for _, payload := range [][]byte{
				[]byte(`{"command":"subscribe","identifier":` + encode(t, room) + `}`), data,
				[]byte(`{"command":"subscribe","identifier":"\"end\""}`),
			} {
				if c.ws.WriteMessage(websocket.TextMessage, payload) != nil {
					return
				}
			}
		}()
		for f := c.next(); f.Type != "reject_subscription" || f.Identifier != `"end"`; f = c.next() {
			if f.Type == "disconnect" {
				break
			}
		}
		<-sent
		c.ws.Close()

		for _, c := range []struct {
			bytes   []byte
			deflate bool
		}{{data, false}, {data, true}, {masked(0xC1, string(data)), true}} {
			raw := pipeWith(t, s, plugins.Person{User: "u"}, c.deflate)
			go func() {
				_, _ = raw.ws.NetConn().Write(c.bytes) // fails when the server has closed
				raw.ws.Close()
			}()
			raw.drained()
		}
		s.stop() // returns when the server has got rid of all
	})
}
