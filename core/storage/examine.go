package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/hosted"
	"github.com/global-presence/presence/core/settings"
)

// Examine writes what is right and wrong with the store that s asks for, a line each
// and how to mend it below. The error counts what is wrong.
func Examine(ctx context.Context, s settings.Store, machine string, w io.Writer) error {
	if s.Engine == "memory" {
		kept := "in its memory alone, and gone when it stops"
		if s.Data != "" {
			kept = "in its memory and in " + s.Data
		}
		_, err := fmt.Fprintf(w, "The engine is memory: one region in one process, whose state is %s. There is no store to examine; --keydb names one.\n", kept)
		return err
	}
	cfg := KeyDB(s, Options{})
	if s.KeyDB == settings.Hosted {
		var err error
		if cfg, err = hostedKeyDB(s, machine); err != nil {
			return err
		}
	}
	marks := map[keydb.Level]string{keydb.OK: "ok  ", keydb.Warn: "warn", keydb.Bad: "BAD "}
	count := map[keydb.Level]int{}
	findings := keydb.Examine(ctx, cfg)
	width := 0
	for _, f := range findings {
		width = max(width, len(f.Subject))
	}
	for _, f := range findings {
		count[f.Level]++
		if _, err := fmt.Fprintf(w, "%s  %-*s  %s\n", marks[f.Level], width, f.Subject, f.Sentence); err != nil {
			return err
		}
		if f.Mend != "" {
			if _, err := fmt.Fprintf(w, "%s  %s  → %s\n", "    ", strings.Repeat(" ", width), f.Mend); err != nil {
				return err
			}
		}
	}
	if count[keydb.Bad] > 0 {
		text := "the store is not fit for use: " + lines(count[keydb.Bad]) + " bad"
		if n := count[keydb.Warn]; n > 0 {
			text += fmt.Sprintf("; warnings: %d", n)
		}
		return errors.New(text)
	}
	return nil
}

// lines says how many lines are something.
func lines(n int) string {
	if n == 1 {
		return "1 line is"
	}
	return fmt.Sprintf("%d lines are", n)
}

// hostedKeyDB returns how to reach the KeyDB that a server with these settings runs
// at this moment.
func hostedKeyDB(s settings.Store, machine string) (keydb.Config, error) {
	server, err := hosted.New(hostedConfig(s, Options{}))
	if err != nil {
		return keydb.Config{}, fmt.Errorf("--keydb hosted: %w", err)
	}
	name, err := hosted.Identity(s.Data, hosted.Names{Site: s.Site, Region: s.Region, Machine: machine})
	if err != nil {
		return keydb.Config{}, fmt.Errorf("--keydb hosted: %w", err)
	}
	return keydb.Config{URL: server.URL(), Site: name, Region: s.Region, Hosted: true}, nil
}
