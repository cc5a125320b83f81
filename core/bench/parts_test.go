package bench_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/global-presence/presence/core/bench"
)

func TestHistogram(t *testing.T) {
	var h bench.Histogram
	if got := h.Quantile(0.5); got != 0 {
		t.Errorf("the median of nothing is %v, want 0", got)
	}
	var all []time.Duration
	for i := range 100_000 {
		d := time.Duration(i*i) * 7 // up to 70 s
		h.Add(d)
		all = append(all, d)
	}
	h.Add(-time.Second) // a clock that was set
	for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[min(len(all)-1, int(q*float64(len(all))))]
		got := h.Quantile(q)
		if got < want-want/32-1 || got > want+want/32+1 {
			t.Errorf("quantile %v is %v, want %v, give or take one in 32", q, got, want)
		}
	}
}

func TestReadNumber(t *testing.T) {
	for _, tt := range []struct {
		name, marker, message string
		want                  int64 // -1: none
	}{
		{"Text", "", `{"operations":[{"operation":"setProperty","selector":"#counter-total","name":"textContent","value":"1017"},{"operation":"setAttribute","selector":"#counter-total","name":"data-live-rev","value":"2nq5"}]}`, 1017},
		{"Element", "", `{"html":"<output id=\"counter-total\" data-live-rev=\"3f9c\">12</output>"}`, 12},
		{"Negative", "", `{"selector":"#counter-total","name":"textContent","value":"−3"}`, -1},
		{"Revision", "", `{"operation":"setAttribute","selector":"#counter-total","name":"data-live-rev","value":"77"}`, -1},
		{"Ack", "", `{"operation":"dispatchEvent","name":"live:ack","detail":{"id":"abcdefgh1"}}`, -1},
		{"Object", "k7qf2mzr", `{"identifier":"…","message":{"k7qf2mzr":17,"pad":"x"}}`, 17},
		{"InText", "k7qf2mzr", `{"message":"{\"k7qf2mzr\": 18,\"pad\":\"x\"}"}`, 18},
		{"Another", "k7qf2mzr", `{"message":{"othermark":17}}`, -1},
		{"Cut", "k7qf2mzr", `{"message":{"k7qf2mzr":`, -1},
		{"TooLong", "k7qf2mzr", `{"k7qf2mzr":1234567890123456789}`, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := bench.ReadNumber(tt.marker, tt.message); ok != (tt.want >= 0) || ok && got != tt.want {
				t.Errorf("number is %d, %v; want %d", got, ok, tt.want)
			}
		})
	}
}

// Whatever a server sends is a frame, the beginning of one, or an error.
func FuzzNextFrame(f *testing.F) {
	f.Add([]byte{0x81, 2, 'h', 'i', 0x89, 0})
	f.Add([]byte{0x81, 126, 0, 3, 'a', 'b', 'c'})
	f.Add([]byte{0x81, 127, 0, 0, 0, 0, 0, 0, 0, 1, 'a'})
	f.Add([]byte{0x81, 127, 0xFF, 0, 0, 0, 0, 0, 0, 1, 'a'})
	f.Add([]byte{0x81, 127, 0, 0})
	f.Add([]byte{0xC1, 0})
	f.Add([]byte{0x01, 0})
	f.Add([]byte{0x81, 0x80, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		payload, size, err := bench.NextFrame(b, true)
		switch {
		case err != nil && size != 0, size > len(b):
			t.Fatalf("%v: %d bytes, %v", b, size, err)
		case size > 0:
			if !bytes.HasSuffix(b[:size], payload) {
				t.Fatalf("%v: payload %v is not the end of its %d bytes", b, payload, size)
			}
			for i := range size { // what is not whole is waited for
				if _, n, err := bench.NextFrame(b[:i], true); n != 0 || err != nil {
					t.Fatalf("%v: the first %d bytes make a frame of %d, %v", b, i, n, err)
				}
			}
		}
	})
}

func TestAccepted(t *testing.T) {
	for answer, want := range map[string]string{
		"": "false <nil>",
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover": "true <nil>",
		"permessage-deflate": "false the server answers",
		"x-other":            "false the server answers",
	} {
		ok, err := bench.Accepted(answer)
		if got := fmt.Sprint(ok, " ", err); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s, want %s", answer, got, want)
		}
	}
}

func TestInflate(t *testing.T) {
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, 5)
	if err != nil {
		t.Fatal(err)
	}
	const message = `{"type":"ping","message":"ping ping ping ping"}`
	fmt.Fprint(w, message)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	payload := bytes.TrimSuffix(packed.Bytes(), []byte("\x00\x00\xff\xff"))
	var z bench.Inflater
	for _, tt := range []struct {
		payload []byte
		want    string // or an error
	}{
		{payload, message},
		{payload, message}, // remembered
		{payload[:5], "no compressed message"},
		{payload[:5], "no compressed message"},
		{[]byte("\xff\xff"), "no compressed message"},
		{payload, message},
	} {
		got, err := z.Inflate(tt.payload)
		if err != nil && !strings.Contains(err.Error(), tt.want) || err == nil && got != tt.want {
			t.Errorf("%q: %q, %v; want %q", tt.payload, got, err, tt.want)
		}
	}
}

func TestLoopbacks(t *testing.T) {
	for _, tt := range []struct {
		url     string
		sockets int
		want    int
	}{
		{"ws://127.0.0.1:8080/cable", 1, 1},
		{"ws://127.0.0.1:8080/cable", 1000, 1},
		{"ws://localhost:8080/cable", 1001, 2},
		{"ws://127.0.0.1/cable", 250_000, 250},
		{"ws://[::1]:8080/cable", 5000, 0},
		{"ws://presence.example/cable", 5000, 0},
		{"ws://10.0.0.1/cable", 5000, 0},
	} {
		got := bench.Loopbacks(tt.url, tt.sockets)
		slices.Sort(got)
		if n := len(slices.Compact(got)); n != tt.want {
			t.Errorf("%s, %d sockets: %d different addresses, want %d", tt.url, tt.sockets, n, tt.want)
		}
	}
}

func TestProcessCost(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this needs /proc")
	}
	child := exec.Command("sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo worked; read -r line")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 6)); err != nil { // it has worked
		t.Error(err)
	}
	cpu, children, rss, err := bench.ProcessCost(os.Getpid())
	in.Close()
	_ = child.Wait() // read fails at the end of its input
	if err != nil || children <= 0 || rss < 1<<20 || cpu < 0 {
		t.Errorf("this process has used %v s, those below it %v s, and %d bytes, %v; want some of all", cpu, children, rss, err)
	}
	if _, _, _, err := bench.ProcessCost(1 << 30); err == nil {
		t.Error("a process that is not there costs nothing, want an error")
	}
}

func TestRaiseFiles(t *testing.T) {
	if err := bench.RaiseFiles(1); err != nil {
		t.Errorf("one socket: %v", err)
	}
	if err := bench.RaiseFiles(1 << 40); runtime.GOOS == "linux" && (err == nil || !strings.Contains(err.Error(), "ulimit -n")) {
		t.Errorf("2^40 sockets: %v, want an error that says what to do", err)
	}
}

// BenchmarkTake is what the generator does for a message after it has read it: one op is
// one message of the counter.
func BenchmarkTake(b *testing.B) {
	t := bench.NewTaker()
	b.ReportAllocs()
	text := `{"identifier":"{\"channel\":\"Live\",\"room\":\"bench\",\"feature\":\"counter\"}","message":{"cableReady":true,"version":"5.0.6","operations":[` +
		`{"operation":"setProperty","selector":"#counter-total","name":"textContent","value":"0000000"},{"operation":"setAttribute","selector":"#counter-total","name":"data-live-rev","value":"1i1zie7mjw3y3"}]}}`
	frame := textFrame(1, text)
	digits := bytes.Index(frame, []byte("0000000"))
	n := 0
	for b.Loop() {
		n++
		if n%100_000 == 0 {
			t.Restart(int64(n))
		}
		for i, v := digits+6, n; i >= digits; i, v = i-1, v/10 {
			frame[i] = '0' + byte(v%10)
		}
		if err := t.Take(frame); err != nil {
			b.Fatal(err)
		}
	}
}
