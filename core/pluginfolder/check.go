package pluginfolder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Check writes all that loading a file would check, a line each, and what to do about
// what is wrong. It starts the program once, and needs neither a Host nor a Dir. The
// error counts what is wrong.
func Check(ctx context.Context, cfg Config, file string, w io.Writer) error {
	cfg.Dir = filepath.Dir(file)
	if err := checkDir(cfg.Dir); err != nil {
		return err
	}
	in, done, err := inspection(cfg)
	if err != nil {
		return err
	}
	defer done()
	if _, err := os.Lstat(file); err != nil {
		return err
	}
	var werr error
	line := func(mark, subject, sentence string) {
		_, err := fmt.Fprintf(w, "%s  %-8s  %s\n", mark, subject, printable(sentence))
		werr = errors.Join(werr, err)
	}
	in.told = func(subject, sentence string) { line("ok  ", subject, sentence) }
	r := unfinishedName(filepath.Base(file))
	if r == nil {
		_, r = in.inspect(ctx, file, nil, nil)
	}
	if r == nil || werr != nil {
		return werr
	}
	faults := strings.Split(strings.TrimSpace(r.err.Error()), "\n")
	for _, fault := range faults {
		line("BAD ", r.subject, fault)
	}
	if r.mend != "" {
		line("    ", "", "→ "+r.mend)
	}
	return errors.Join(werr, fmt.Errorf("%s does not run here: %s", file, count(len(faults), "fault", "faults")))
}
