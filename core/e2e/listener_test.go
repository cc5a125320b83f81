package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// listener is a socket of which everything that it was told is kept.
type listener struct {
	tb testing.TB
	*socket
	ended chan struct{} // closed when nothing more comes
	cause error         // why; to be read after ended

	mu   sync.Mutex
	told []operation // guarded by mu
	acks []ack       // guarded by mu
}

// operation is a change to the page as the wire has it.
type operation struct {
	Operation, Selector, Name, HTML string

	Value  any
	Detail json.RawMessage
}

// listen opens a socket as a visitor and follows a room until the test ends. It returns
// when the server has confirmed that.
func listen(tb testing.TB, v *visitor, room string) *listener {
	tb.Helper()
	l := tryListen(tb, v, room)
	if l == nil {
		tb.FailNow()
	}
	return l
}

// tryListen is listen for any goroutine: when it fails, the test has, and it returns nil.
func tryListen(tb testing.TB, v *visitor, room string) *listener {
	tb.Helper()
	s, err := dial(v, room)
	if err != nil {
		tb.Error(err)
		return nil
	}
	l := &listener{tb: tb, socket: s, ended: make(chan struct{})}
	confirmed := make(chan struct{})
	go func() {
		defer close(l.ended)
		l.cause = l.run(confirmed)
	}()
	tb.Cleanup(l.leave)
	select {
	case <-confirmed:
		return l
	case <-l.ended:
		tb.Errorf("follow %s: %v", room, l.cause)
		return nil
	}
}

// leave ends the connection without a word.
func (l *listener) leave() {
	l.ws.NetConn().Close()
	<-l.ended
}

// run keeps what comes until the connection ends.
func (l *listener) run(confirmed chan<- struct{}) error {
	for {
		_ = l.ws.SetReadDeadline(time.Now().Add(patience)) // a read would fail as well
		_, raw, err := l.ws.ReadMessage()
		if err != nil {
			return err
		}
		if strings.Contains(string(raw), `"type":"confirm_subscription"`) {
			close(confirmed)
		}
		acks, err := acksIn(raw)
		if err != nil {
			return err
		}
		ops, err := operationsIn(raw)
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.acks, l.told = append(l.acks, acks...), append(l.told, ops...)
		l.mu.Unlock()
	}
}

// operationsIn returns the operations in a frame, in their order.
func operationsIn(raw []byte) ([]operation, error) {
	var f struct {
		Type    string
		Message struct{ Operations []operation }
	}
	if err := json.Unmarshal(raw, &f); err != nil && f.Type != "ping" { // whose message is a number
		return nil, fmt.Errorf("frame %s: %w", raw, err)
	}
	return f.Message.Operations, nil
}

// heard returns what the socket was told so far.
func (l *listener) heard() []operation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clip(l.told)
}

// count returns the number of the counter as the socket was told it last.
func (l *listener) count() string {
	shown := "nothing"
	for _, op := range l.heard() {
		if op.Selector == "#counter-total" && op.Name == "textContent" {
			shown = fmt.Sprint(op.Value)
		} else if m := total.FindStringSubmatch(op.HTML); m != nil {
			shown = m[1]
		}
	}
	return shown
}

// waitCount waits until the socket was told a number of the counter, on the one
// connection that it has.
func (l *listener) waitCount(want int) {
	l.tb.Helper()
	waitFor(l.tb, fmt.Sprintf("the counter to show %d", want), func() (string, bool) {
		l.stillThere()
		got := l.count()
		return got, got == fmt.Sprint(want)
	})
}

// stillThere fails the test when the connection has ended.
func (l *listener) stillThere() {
	l.tb.Helper()
	select {
	case <-l.ended:
		l.tb.Fatalf("the socket has ended: %v", l.cause)
	default:
	}
}

// press adds one to the counter and returns when that is taken. As a page does, it sends
// again what cannot be taken yet.
func (l *listener) press(id string) {
	l.tb.Helper()
	send := func() {
		if err := l.add(id); err != nil {
			l.tb.Fatal(err)
		}
	}
	send()
	answers := 0
	waitFor(l.tb, "an ok to "+id, func() (string, bool) {
		l.stillThere()
		l.mu.Lock()
		var own []ack
		for _, a := range l.acks {
			if a.ID == id {
				own = append(own, a)
			}
		}
		l.mu.Unlock()
		if len(own) == answers {
			return fmt.Sprint(own), false
		}
		answers = len(own)
		if own[answers-1].Status != "ok" {
			send()
			return fmt.Sprint(own), false
		}
		return "", true
	})
}
