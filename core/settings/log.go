package settings

import (
	"io"
	"log/slog"
	"slices"
)

// Log says how the log is written.
type Log struct {
	Format string `name:"log" env:"PRESENCE_LOG" default:"text" placeholder:"FORMAT" help:"Format of the log: text or json (default ${default})."`
	Level  string `name:"log-level" env:"PRESENCE_LOG_LEVEL" default:"info" placeholder:"LEVEL" help:"What is logged: debug, info, warn or error (default ${default})."`
}

// Check reports every wrong setting as a UsageError.
func (l *Log) Check() error {
	var f faults
	l.check(&f)
	return f.err()
}

func (l *Log) check(f *faults) {
	if l.Format != "text" && l.Format != "json" {
		f.bad("log", l.Format, "text or json")
	}
	if _, ok := l.level(); !ok {
		f.bad("log-level", l.Level, "debug, info, warn or error")
	}
}

func (l *Log) level() (level slog.Level, ok bool) {
	ok = slices.Contains([]string{"debug", "info", "warn", "error"}, l.Level) && level.UnmarshalText([]byte(l.Level)) == nil
	return level, ok
}

// Logger returns the logger that the checked settings describe.
func (l *Log) Logger(w io.Writer) *slog.Logger {
	level, _ := l.level()
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
