package cable

import (
	"log/slog"
	"time"

	"github.com/global-presence/presence/plugins/dom"
)

// operate sends operations to one subscription. A faulty one is the fault of who
// made it: all of them are dropped, with a line in the log.
func (s *Session) operate(sub *subscription, ops ...dom.Operation) {
	if len(ops) == 0 {
		return
	}
	message, err := dom.Message(ops...)
	if err != nil {
		s.server.log.Error("operations dropped", slog.String("session", s.ID()), slog.String("room", sub.room.name), slog.Any("err", err))
		return
	}
	s.reply(sub, message)
}

// ack answers an event, as the operation that the page's binder waits for:
//
//	{"operation":"dispatchEvent","name":"live:ack","detail":{"id":"9f2c51d07ab3","status":"busy","error":"That was too fast. Please wait a moment.","retryAfter":20}}
func (s *Session) ack(sub *subscription, id string, a Ack) {
	detail := append(make([]dom.Member, 0, 4), dom.Text("id", id), dom.Text("status", string(a.Status)))
	if a.Sentence != "" {
		detail = append(detail, dom.Text("error", a.Sentence))
	}
	if a.RetryAfter > 0 {
		ms := (a.RetryAfter + time.Millisecond - 1) / time.Millisecond
		detail = append(detail, dom.Int("retryAfter", int64(ms)))
	}
	s.operate(sub, dom.DispatchEvent("", "live:ack", dom.Object(detail...)))
}
