package hosted_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

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
level=INFO msg="keydb server says" line="User requested shutdown..."
level=DEBUG msg="keydb server says" line="Ready to accept connections"
level=DEBUG msg="keydb server says" line="a detail"
level=DEBUG msg="keydb server says" line=more
level=WARN msg="keydb server says" line="Error condition on socket for SYNC: Connection refused"
level=DEBUG msg="keydb server says" line="== CRITICAL == This server is sending an error to its AOF-loading-client: 'Command must be sent from a master' after processing the command 'rreplay'"
level=INFO msg="keydb server says" line="5181:signal-handler (1795485642) Received SIGTERM scheduling shutdown..."
level=WARN msg="keydb server says" line=">>> 'requirepass \"***\"'"
level=WARN msg="keydb server says" line="bytes that are � no text"
level=WARN msg="keydb server says" line="a last line"
`, "\n")
	if diff := cmp.Diff(want, r.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestLines_reason(t *testing.T) {
	const loud = "5181:M 24 Nov 2026 02:00:39.279 # "
	for _, tt := range []struct{ name, said, want string }{
		{"Nothing", "\n\n", "it says nothing"},
		{"Last", loud + "one\n" + loud + "two\n", "two"},
		{
			"Settings", loud + "one\n*** FATAL CONFIG FILE ERROR ***\nat line 5\n>>> 'foo'\nBad directive\n",
			"*** FATAL CONFIG FILE ERROR *** / at line 5 / >>> 'foo' / Bad directive",
		},
		{"After", "a stack\n" + loud + "one\nof it\n", "one / of it"},
	} {
		l := hosted.NewLines(slog.New(slog.DiscardHandler), "")
		fmt.Fprint(l, tt.said)
		l.Flush()
		if got := l.Reason(); got != tt.want {
			t.Errorf("%s: Reason = %q, want %q", tt.name, got, tt.want)
		}
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
