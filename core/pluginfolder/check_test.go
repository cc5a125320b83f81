package pluginfolder_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/pluginfolder"
)

func TestCheck(t *testing.T) {
	claps := program("claps", "v1")
	for _, tt := range []struct {
		name, file, content string
		mode                os.FileMode
		lock                string
		want, err           string // times are <t>
	}{
		{
			"OK", "claps", claps, 0o755, "",
			"ok    kind      a script\nok    whole     38 bytes\nok    digest    " + digest(claps) + "\nok    starts    in <t>; SDK v1\nok    manifest  \"T\": 0 fields, 0 events\nok    name      claps\n", "",
		},
		{
			"Listed", "claps", claps, 0o755, line("claps", claps),
			"ok    kind      a script\nok    whole     38 bytes\nok    digest    " + digest(claps) + ", as LOCK says\nok    starts    in <t>; SDK v1\nok    manifest  \"T\": 0 fields, 0 events\nok    name      claps\n", "",
		},
		{
			"Unlisted", "claps", claps, 0o755, line("claps", "x"),
			"ok    kind      a script\nok    whole     38 bytes\nBAD   digest    its SHA-256 is " + digest(claps) + ", and line 1 of LOCK wants " + digest("x") + "\n                → if you trust it, put the line of `presence plugins digest FILE` into the lock\n", "FILE does not run here: 1 fault",
		},
		{
			"NotExecutable", "claps", claps, 0o644, "",
			"BAD   kind      it is a program and not executable\n                → run chmod +x on it\n", "FILE does not run here: 1 fault",
		},
		{
			"Manifest", "claps", program("Claps!", "v1") + "manifest\n", 0o755, "",
			"ok    kind      a script\nok    whole     48 bytes\nok    digest    " + digest(program("Claps!", "v1")+"manifest\n") + "\nok    starts    in <t>; SDK v1\n" +
				"BAD   manifest  manifest of \"Claps!\": name \"Claps!\": want lower-case letters, digits and hyphens, starting with a letter, at most 32 characters\n                → mend the manifest and build it again\n", "FILE does not run here: 1 fault",
		},
		{
			"Temporary", "claps.tmp", claps, 0o755, "",
			"BAD   kind      its name ends in .tmp, as copies and unfinished files do\n                → give it another name if it is to run\n", "FILE does not run here: 1 fault",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.put(tt.file, tt.content, tt.mode)
			cfg := w.config()
			if tt.lock != "" {
				cfg.Lock = filepath.Join(t.TempDir(), "lock")
				write(t, cfg.Lock, tt.lock, 0o644)
			}
			var out strings.Builder
			err := pluginfolder.Check(t.Context(), cfg, w.path(tt.file), &out)
			got := regexp.MustCompile(`in \d+(m|µ)?s`).ReplaceAllString(out.String(), "in <t>")
			if cfg.Lock != "" {
				got = strings.NewReplacer(cfg.Lock, "LOCK", w.path(tt.file), "FILE").Replace(got)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Check (-want +got):\n%s", diff)
			}
			text := ""
			if err != nil {
				text = strings.ReplaceAll(err.Error(), w.path(tt.file), "FILE")
			}
			if text != tt.err {
				t.Errorf("Check = %q, want %q", text, tt.err)
			}
		})
	}
}

func TestCheck_missing(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{w.path("no"), w.path("no/no")} {
		if err := pluginfolder.Check(t.Context(), w.config(), path, &strings.Builder{}); err == nil || !os.IsNotExist(err) {
			t.Errorf("Check(%s) = %v, want that there is no such file", path, err)
		}
	}
}
