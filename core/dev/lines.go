package dev

import (
	"log/slog"
	"strings"
	"time"
)

// lines puts those lines of the log that are about one feature into the journal.
type lines struct {
	journal *journal
	mark    string // the attribute that such a line has
}

// of returns a handler for the lines about a feature.
func (l lines) of(feature string) slog.Handler {
	l.mark = " feature=" + feature + " "
	return slog.NewTextHandler(l, &slog.HandlerOptions{
		Level: slog.LevelInfo,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey { // the page has its own
				return slog.Attr{}
			}
			return a
		},
	})
}

// Write takes one line, as a handler of package slog writes it.
func (l lines) Write(p []byte) (int, error) {
	line := strings.TrimSuffix(string(p), "\n")
	if padded := line + " "; strings.Contains(padded, l.mark) {
		l.journal.addLine(Line{At: time.Now(), Text: clip(strings.TrimSpace(strings.Replace(padded, l.mark, " ", 1)))})
	}
	return len(p), nil
}
