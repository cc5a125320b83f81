package hosted_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine/keydb/hosted"
)

// newLog returns a log of level, message and line alone.
func newLog(t *testing.T, level slog.Level) (*record, *slog.Logger) {
	t.Helper()
	r := &record{tb: t}
	return r, slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

func TestLines_levels(t *testing.T) {
	r, log := newLog(t, slog.LevelDebug)
	l := hosted.NewLines(log, "5ecret")
	for _, piece := range []string{
		"23215:23231:S 24 Nov 2026 01:51:58.987 # User requested", " shutdown...\n",
		"5181:M 24 Nov 2026 02:00:39.279 * Ready to accept connections\r\n\n",
		"5181:C 24 Nov 2026 02:00:39.279 - a detail\n5181:M 24 Nov 2026 02:00:39.279 . more\n",
		"5181:M 24 Nov 2026 02:00:39.279 # Error condition on socket for SYNC: Connection refused\n",
		"1:M 24 Nov 2026 02:00:39.279 # == CRITICAL == This server is sending an error to its AOF-loading-client: 'Command must be sent from a master' after processing the command 'rreplay'\n",
		"5181:signal-handler (1795485642) Received SIGTERM scheduling shutdown...\n",
		"epoll_ctl failed: No such file or directory\n",
		"5181:M 24 Nov 2026 02:00:39.279 # WARNING overcommit_memory is set to 0! Background save may fail under low memory condition.\n",
		"5181:M 24 Nov 2026 02:00:39.279 # something new\n",
		"5181:M 24 Nov 2026 02:00:39.279 * Asynchronous AOF fsync is taking too long (disk is busy?).\n",
		"5181:M 24 Nov 2026 02:00:39.279 # Error writing to the AOF file: No space left on device\n",
		"5181:M 24 Nov 2026 02:00:39.279 # Can't save in background: fork: Cannot allocate memory\n",
		">>> 'requirepass \"5ecret\"'\n",
		"bytes that are \xff no text\n",
		"a last line",
	} {
		if n, err := l.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("Write = %d, %v; want %d", n, err, len(piece))
		}
	}
	l.Flush()
	want := strings.TrimLeft(`
level=DEBUG msg="keydb server says" line="User requested shutdown..."
level=DEBUG msg="keydb server says" line="Ready to accept connections"
level=DEBUG msg="keydb server says" line="a detail"
level=DEBUG msg="keydb server says" line=more
level=DEBUG msg="keydb server says" line="Error condition on socket for SYNC: Connection refused"
level=DEBUG msg="keydb server says" line="== CRITICAL == This server is sending an error to its AOF-loading-client: 'Command must be sent from a master' after processing the command 'rreplay'"
level=DEBUG msg="keydb server says" line="5181:signal-handler (1795485642) Received SIGTERM scheduling shutdown..."
level=DEBUG msg="keydb server says" line="epoll_ctl failed: No such file or directory"
level=INFO msg="keydb server says" line="WARNING overcommit_memory is set to 0! Background save may fail under low memory condition."
level=WARN msg="keydb server says" line="something new"
level=WARN msg="keydb server says" line="Asynchronous AOF fsync is taking too long (disk is busy?)."
level=ERROR msg="keydb server says" line="Error writing to the AOF file: No space left on device"
level=ERROR msg="keydb server says" line="Can't save in background: fork: Cannot allocate memory"
level=WARN msg="keydb server says" line=">>> 'requirepass \"***\"'"
level=WARN msg="keydb server says" line="bytes that are � no text"
level=WARN msg="keydb server says" line="a last line"
`, "\n")
	if diff := cmp.Diff(want, r.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

// The cause of a server's end is what it said of that, and not what it said last.
func TestLines_reason(t *testing.T) {
	const loud, low = "5181:M 24 Nov 2026 02:00:39.279 # ", "5181:M 24 Nov 2026 02:00:39.279 * "
	for _, tt := range []struct{ name, said, want string }{
		{"Nothing", "\n\n", ""},
		{"Unrelated", low + "Background AOF rewrite finished successfully\n" + loud + "Error condition on socket for SYNC: Connection refused\n", ""},
		{"Warnings", loud + "one\n" + low + "saved\n" + loud + "two\n", "one / two"},
		{"Fault", loud + "one\n" + loud + "Out Of Memory allocating 16 bytes!\n" + loud + "two\n=== a stack ===\n" + low + "bye\n", "Out Of Memory allocating 16 bytes!"},
		{
			"Settings", loud + "one\n*** FATAL CONFIG FILE ERROR ***\nat line 5\n>>> 'foo'\nBad directive\n",
			"*** FATAL CONFIG FILE ERROR *** / at line 5 / >>> 'foo' / Bad directive",
		},
	} {
		l := hosted.NewLines(slog.New(slog.DiscardHandler), "")
		fmt.Fprint(l, tt.said)
		l.Flush()
		if got := l.Reason(); got != tt.want {
			t.Errorf("%s: Reason = %q, want %q", tt.name, got, tt.want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		l := hosted.NewLines(slog.New(slog.DiscardHandler), "")
		fmt.Fprint(l, loud+"long ago\n")
		time.Sleep(time.Hour) // the bubble's clock
		fmt.Fprint(l, loud+"just now\n")
		if got := l.Reason(); got != "just now" {
			t.Errorf("Reason = %q, want what was said just now", got)
		}
	})
}

// What is repeated is told of at once, each minute with a count, and when it comes
// again after a silence; what is left at the end is told of then.
func TestLines_repeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, log := newLog(t, slog.LevelInfo)
		l := hosted.NewLines(log, "")
		say := func(text string) { fmt.Fprintf(l, "5181:M 24 Nov 2026 02:00:39.279 # %s\n", text) }
		for i := range 150 { // each second
			say(fmt.Sprintf("Unable to AUTH to MASTER: try %d of %040x", i, 7*i))
			time.Sleep(time.Second)
		}
		say("No space left on device")
		time.Sleep(10 * time.Minute)
		say("Unable to AUTH to MASTER: try 1 of 00000000000000000000000000000000000000aa")
		say("No space left on device")
		say("No space left on device")
		say("WARNING overcommit_memory is set to 0!")
		time.Sleep(10 * time.Minute)
		say("WARNING overcommit_memory is set to 0!")
		l.Flush()
		const names = "0000000000000000000000000000000000000"
		want := `
level=WARN msg="keydb server says" line="Unable to AUTH to MASTER: try 0 of ` + names + `000"
level=WARN msg="keydb server says" line="Unable to AUTH to MASTER: try 60 of ` + names + `1a4" repeated=60
level=WARN msg="keydb server says" line="Unable to AUTH to MASTER: try 120 of ` + names + `348" repeated=60
level=ERROR msg="keydb server says" line="No space left on device"
level=WARN msg="keydb server says" line="Unable to AUTH to MASTER: try 1 of ` + names + `0aa" repeated=29 again_after=10m1s
level=ERROR msg="keydb server says" line="No space left on device" again_after=10m0s
level=INFO msg="keydb server says" line="WARNING overcommit_memory is set to 0!"
level=ERROR msg="keydb server says" line="No space left on device" repeated=1
`
		if diff := cmp.Diff(strings.TrimLeft(want, "\n"), r.String()); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}

// However much else the server writes, a fault is told of.
func TestLines_faultInFlood(t *testing.T) {
	r, log := newLog(t, slog.LevelDebug)
	l := hosted.NewLines(log, "")
	for i := range 5000 {
		fmt.Fprintf(l, "5181:M 24 Nov 2026 02:00:39.279 * detail %d\na stack's line %d\n", i, i)
	}
	fmt.Fprint(l, "5181:M 24 Nov 2026 02:00:39.279 # Fail to fsync the AOF file: Input/output error.\n")
	if want := `level=ERROR msg="keydb server says" line="Fail to fsync the AOF file: Input/output error."`; !strings.Contains(r.String(), want) {
		t.Error("the log does not tell of the fault")
	}
	if strings.Count(r.String(), "a stack's line") < 200 {
		t.Error("details take the place of warnings")
	}
}

func TestLines_flood(t *testing.T) {
	r, log := newLog(t, slog.LevelInfo)
	l := hosted.NewLines(log, "")
	const lines = 100_000
	for i := range lines {
		fmt.Fprintf(l, "line %d %s\n", i, strings.Repeat("x", 100))
	}
	l.Flush()
	logged, dropped := strings.Count(r.String(), "keydb server says"), 0
	for line := range strings.Lines(r.String()) {
		if _, n, ok := strings.Cut(line, "lines_dropped="); ok {
			dropped += mustAtoi(t, strings.TrimSpace(n))
		}
	}
	if logged < 200 || logged > lines/2 || logged+dropped != lines {
		t.Errorf("%d lines logged and %d told of as dropped, want a few hundred and %d together", logged, dropped, lines)
	}
	if got := len(l.Reason()); got > 4*200 {
		t.Errorf("Reason of %d bytes", got)
	}
}

func TestLines_longLine(t *testing.T) {
	_, log := newLog(t, slog.LevelInfo)
	l := hosted.NewLines(log, "")
	for range 100 {
		fmt.Fprint(l, strings.Repeat("x", 1000))
	}
	l.Flush()
	if got := len(l.Reason()); got != 4<<10 {
		t.Errorf("a line of 100,000 bytes is kept as %d, want 4096", got)
	}
}

func TestParseLinks(t *testing.T) {
	const text = "# Replication\r\nrole:active-replica\r\nmaster_global_link_status:down\r\nconnected_masters:1\r\n" +
		"master_host:10.0.0.2\r\nmaster_port:6379\r\nmaster_link_status:up\r\nmaster_last_io_seconds_ago:1\r\n" +
		"master_1_host:fdaa:0:1::3\r\nmaster_1_port:6380\r\nmaster_1_link_status:down\r\n" +
		"master_2_host:by.hand\r\nmaster_2_port:6379\r\nmaster_2_link_status:up\r\n" +
		"master_3_host:10.0.0.4\r\nmaster_3_port:6379\r\nmaster_3_link_status:up\r\n" +
		"connected_slaves:1\r\nslave0:ip=10.0.0.2,port=6379,state=online\r\nmaster_replid:451d\r\n"
	want := map[netip.AddrPort]bool{
		netip.MustParseAddrPort("10.0.0.2:6379"):      true,
		netip.MustParseAddrPort("[fdaa:0:1::3]:6380"): false,
		netip.MustParseAddrPort("10.0.0.4:6379"):      true,
	}
	got := hosted.ParseLinks(text)
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("ParseLinks (-want +got):\n%s", diff)
	}
	if got := hosted.ParseLinks("# Replication\r\nrole:master\r\n"); len(got) != 0 {
		t.Errorf("ParseLinks of a master = %v, want none", got)
	}
}
