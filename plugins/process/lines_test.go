package process_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// written returns the records that writing text to a feature's output makes.
func written(text string, chunk int) []map[string]any {
	r := &records{}
	l := process.NewLines(slog.New(&recorder{records: r}).With(slog.String("feature", "echo")), "stderr")
	for len(text) > 0 {
		n := min(chunk, len(text))
		_, _ = io.WriteString(l, text[:n])
		text = text[n:]
	}
	l.Flush()
	return r.all
}

func TestLines(t *testing.T) {
	line := func(level slog.Level, text string) map[string]any {
		return map[string]any{"feature": "echo", "level": level, "msg": "feature writes", "stream": "stderr", "line": text}
	}
	says := func(level slog.Level, text string, attrs ...slog.Attr) map[string]any {
		record := map[string]any{"feature": "echo", "level": level, "msg": "feature says", "text": text}
		if len(attrs) > 0 {
			record["attrs"] = attrs
		}
		return record
	}
	for _, tt := range []struct {
		name, text string
		want       []map[string]any
	}{
		{"Plain", "one\r\n\ntwo\nunfinished", []map[string]any{
			line(slog.LevelInfo, "one"), line(slog.LevelInfo, "two"), line(slog.LevelInfo, "unfinished"),
		}},
		{
			"Slog", `{"time":"2026-01-02T03:04:05Z","level":"WARN","msg":"hot","feature":"other"}` + "\n",
			[]map[string]any{says(slog.LevelWarn, "hot", slog.String("feature", "other"))},
		},
		{
			"Hclog", `{"@level":"trace","@message":"m","@module":"x","@timestamp":"y","n":1}` + "\n",
			[]map[string]any{says(slog.LevelDebug, "m", slog.String("@module", "x"), slog.Float64("n", 1))},
		},
		{"UnknownLevel", `{"level":"loud","msg":"m"}` + "\n", []map[string]any{says(slog.LevelInfo, "m")}},
		{"NotARecord", `{"@message":1}` + "\n{\n[]\n", []map[string]any{
			line(slog.LevelInfo, `{"@message":1}`), line(slog.LevelInfo, "{"), line(slog.LevelInfo, "[]"),
		}},
		{"Panic", "panic: boom\ngoroutine 1\n", []map[string]any{
			line(slog.LevelError, "panic: boom"), line(slog.LevelError, "goroutine 1"),
		}},
		{"NotUTF8", "a\xffb\n", []map[string]any{line(slog.LevelInfo, "a\uFFFDb")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, chunk := range []int{1, 7, 1000} {
				if diff := cmp.Diff(tt.want, written(tt.text, chunk), cmp.Comparer(slog.Value.Equal)); diff != "" {
					t.Errorf("records in chunks of %d (-want +got):\n%s", chunk, diff)
				}
			}
		})
	}
	t.Run("Long", func(t *testing.T) {
		got := written(strings.Repeat("x", 1<<20)+"\nnext\n", 1000)
		if len(got) != 2 || len(got[0]["line"].(string)) != 8<<10 || got[1]["line"] != "next" {
			t.Errorf("%d records, want a cut one and the next", len(got))
		}
	})
	t.Run("Flood", func(t *testing.T) {
		const all = 1_000_000
		got := written(strings.Repeat("flood\n", all), 1<<20)
		if len(got) < 1000 || len(got) > 2000 {
			t.Errorf("%d records of a million lines, want about 1000", len(got))
		}
		var logged, dropped int
		for _, record := range got {
			if n, told := record["lines_dropped"].(int64); told {
				dropped += int(n)
			} else {
				logged++
			}
		}
		if logged+dropped != all {
			t.Errorf("%d lines are logged and %d counted as dropped, want %d together", logged, dropped, all)
		}
	})
}

func TestPlugin_Output(t *testing.T) {
	log, printed := logWith("printed")
	r := startUp(t, "echo", process.Config{Logger: log})
	if o := r.handle(t, plugins.Event{Name: "print", Room: "home"}); o.Err != nil {
		t.Fatal(o.Err)
	}
	<-printed
	pid := r.pid(t) // the host is alive, and so is the feature
	r.stop()
	records := log.Handler().(*recorder).records
	for _, want := range []struct{ name, value string }{
		{"line", "printed"}, {"text", "logged"}, {"line", "raw"}, {"line", `{"@message":1}`}, {"msg", "feature started"},
	} {
		got := records.find(want.name, want.value)
		if got == nil {
			t.Errorf("no record with %s %q", want.name, want.value)
		} else if got["feature"] != "echo" {
			t.Errorf("record with %s %q has feature %v", want.name, want.value, got["feature"])
		}
	}
	if got := records.find("text", "logged"); got != nil && got["level"] != slog.LevelWarn {
		t.Errorf("what the feature logged at Warn has level %v", got["level"])
	}
	if got := records.find("msg", "feature started"); got != nil && got["pid"] != fmt.Sprint(pid) {
		t.Errorf("feature started with pid %v, want %d", got["pid"], pid)
	}
}

func TestPlugin_Output_LastWords(t *testing.T) {
	log, _ := logWith("")
	r := startUp(t, "echo", process.Config{Logger: log})
	r.handle(t, plugins.Event{Name: "last words"})
	r.waitStatus(t, func(s plugins.Status) bool { return !s.Up })
	for _, want := range []string{"first", "last words"} {
		if log.Handler().(*recorder).find("line", want) == nil {
			t.Errorf("no record with line %q", want)
		}
	}
}

func TestHostLog(t *testing.T) {
	var out strings.Builder
	base := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	log := process.NewHostLog(base.With(slog.String("feature", "echo")))
	log.With("a", 1).Named("x").With("b", hclog.Fmt("%d", 2)).Error("broke", "c", 3, "lonely")
	log.StandardLogger(nil).Print("standard")
	var got []map[string]any
	for line := range strings.Lines(out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		delete(m, "time")
		got = append(got, m)
	}
	want := []map[string]any{
		{
			"level": "DEBUG", "msg": "go-plugin", "feature": "echo", "text": "broke", "severity": "error",
			"a": 1., "b": "2", "c": 3., "EXTRA_VALUE_AT_END": "lonely",
		},
		{"level": "INFO", "msg": "feature writes", "feature": "echo", "stream": "go-plugin", "line": "standard"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if name := log.Named("a").Named("b").Name(); name != "a.b" {
		t.Errorf("name %q, want a.b", name)
	}
	off := process.NewHostLog(slog.New(slog.DiscardHandler))
	if off.IsError() || off.GetLevel() != hclog.Off {
		t.Error("a logger that discards says that it does not")
	}
}

// TestLines_pace: who prints a little does not wait; who prints without end does, at 8 MiB
// a second.
func TestLines_pace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := process.NewLines(slog.New(slog.DiscardHandler), "stdout")
		chunk := []byte(strings.Repeat("a line of a flood\n", 32<<10/18))
		write := func(n int) time.Duration {
			began := time.Now()
			for range n {
				if _, err := l.Write(chunk); err != nil {
					t.Fatal(err)
				}
			}
			return time.Since(began)
		}
		if took := write(2); took > 0 {
			t.Errorf("64 KiB after a pause took %v, want no time", took)
		}
		began := time.Now()
		if _, err := l.Write(make([]byte, 8<<20)); err != nil { // at once, as a message of go-plugin's may be
			t.Fatal(err)
		}
		if took := time.Since(began); took < 990*time.Millisecond || took > 1010*time.Millisecond {
			t.Errorf("8 MiB in one piece took %v, want a second", took)
		}
		if took := write(8 << 20 / len(chunk)); took < 990*time.Millisecond || took > 1010*time.Millisecond {
			t.Errorf("8 MiB took %v, want a second", took)
		}
	})
}
