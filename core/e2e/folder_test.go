package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pluginDir is a folder of features that a server watches.
type pluginDir struct {
	*server
	dir string
}

// startWithFolder starts a server with an empty folder.
func startWithFolder(tb testing.TB, args ...string) pluginDir {
	tb.Helper()
	dir := tb.TempDir()
	return pluginDir{startServer(tb, append([]string{"--plugins=" + dir}, args...)...), dir}
}

// path is a file in the folder.
func (d pluginDir) path(name string) string { return filepath.Join(d.dir, name) }

// copy copies a file into the folder as cp does, over the one that may be there.
func (d pluginDir) copy(file, name string) {
	d.tb.Helper()
	d.copyPart(file, name, 0, 1)
}

// copyPart writes the part of a file from one share of its length to another, as
// somebody's slow copy would, over what is there.
func (d pluginDir) copyPart(file, name string, from, to float64) {
	d.tb.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		d.tb.Fatal(err)
	}
	flags := os.O_WRONLY | os.O_CREATE
	if from == 0 {
		flags |= os.O_TRUNC
	} else {
		flags |= os.O_APPEND
	}
	out, err := os.OpenFile(d.path(name), flags, 0o755)
	if err != nil {
		d.tb.Fatal(err)
	}
	n := float64(len(content))
	if _, err := out.Write(content[int(n*from):int(n*to)]); err != nil {
		d.tb.Fatal(err)
	}
	if err := out.Close(); err != nil {
		d.tb.Fatal(err)
	}
}

// remove takes a file out of the folder.
func (d pluginDir) remove(name string) {
	d.tb.Helper()
	if err := os.Remove(d.path(name)); err != nil {
		d.tb.Fatal(err)
	}
}

// logged returns the lines of the log that have all parts.
func (d pluginDir) logged(parts ...string) (found []string) {
	for line := range strings.Lines(d.out.String()) {
		all := true
		for _, p := range parts {
			all = all && strings.Contains(line, p)
		}
		if all {
			found = append(found, line)
		}
	}
	return found
}

// waitLogged waits for the nth line of the log that has all parts.
func (d pluginDir) waitLogged(n int, parts ...string) {
	d.tb.Helper()
	waitFor(d.tb, "the log to say "+strings.Join(parts, " … "), func() (string, bool) {
		found := d.logged(parts...)
		return strings.Join(found, ""), len(found) >= n
	})
}

const (
	tallySection = `document.querySelectorAll('#tally').length`
	addTally     = `#tally-form button`
)

// TestFolder: a file that is copied into the folder of a running server is on the pages
// that are open; another version takes over, what goes is gone, and what comes back has
// its state. No page is loaded again, and no socket is opened again.
func TestFolder(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"process", "wasm"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			first, second := tally(t, kind, "Tally", "1"), tally(t, kind, "Tally in tens", "10")
			d := startWithFolder(t)
			d.worries = []string{"plugin file is not whole"}
			a, b := newPerson(t).open(d.url), newPerson(t).open(d.url)
			pages := []*tab{a, b}
			for _, page := range pages {
				page.mark()
				page.watch("counter")
			}
			shows := func(title, button, total string) {
				t.Helper()
				for _, page := range pages {
					page.waitText("#page_title-tally", title)
					page.waitText(addTally, button)
					page.waitText("#tally-total", total)
					page.waitText("#page_rest-tally", "")
				}
			}

			d.copyPart(first, "tally", 0, 0.5)
			d.waitLogged(1, "plugin file is not whole", "file=tally")
			waitValue(a, tallySection, 0)
			d.copyPart(first, "tally", 0.5, 1)
			shows("Tally", "Add 1", "0")
			a.click(addTally)
			shows("Tally", "Add 1", "1")

			d.copyPart(second, "tally", 0, 0.5)
			d.waitLogged(2, "plugin file is not whole", "file=tally")
			b.click(addTally)
			shows("Tally", "Add 1", "2") // the one before goes on
			d.copyPart(second, "tally", 0.5, 1)
			shows("Tally in tens", "Add 10", "2")
			b.click(addTally)
			shows("Tally in tens", "Add 10", "12")

			d.remove("tally")
			for _, page := range pages {
				waitValue(page, tallySection, 0)
			}
			a.click(addOne) // what else is there does not notice
			b.waitCount(1)
			d.copy(first, "tally")
			shows("Tally", "Add 1", "12")
			a.click(addTally)
			shows("Tally", "Add 1", "13")
			a.waitIdle()

			for _, page := range pages {
				page.checkMark()
				page.waitText("[data-live-message]", "")
				if got := eval[[]string](page, `states`); len(got) > 0 {
					t.Errorf("connection became %q, want no change", got)
				}
				if got := page.heard.opened(); got != 1 {
					t.Errorf("page opened %d sockets, want the first one only", got)
				}
			}
		})
	}
}

// TestFolder_lock: a file with another digest than the lock has for it changes nothing
// on the page, and is one line in the log.
func TestFolder_lock(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"process", "wasm"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			first, second := tally(t, kind, "Tally", "1"), tally(t, kind, "Tally in tens", "10")
			staged := filepath.Join(t.TempDir(), "tally")
			if err := os.Symlink(first, staged); err != nil {
				t.Fatal(err)
			}
			lines, err := exec.CommandContext(t.Context(), program(t), "plugins", "digest", staged).Output()
			if err != nil {
				t.Fatal(err)
			}
			lock := filepath.Join(t.TempDir(), "lock")
			if err := os.WriteFile(lock, lines, 0o644); err != nil {
				t.Fatal(err)
			}
			d := startWithFolder(t, "--plugins-lock="+lock)
			d.worries = []string{"plugin file refused"}
			a := newPerson(t).open(d.url)
			a.mark()
			d.copy(first, "tally")
			a.waitText("#tally-total", "0")
			a.click(addTally)
			a.waitText("#tally-total", "1")

			d.copy(second, "tally")
			d.copy(second, "other")
			d.waitLogged(1, "plugin file refused", "file=tally", "and line 1 of "+lock+" wants ", "presence plugins digest ", "tally")
			d.waitLogged(1, "plugin file refused", "file=other", "presence plugins digest ", "other")
			a.click(addTally)
			a.waitText("#tally-total", "2")
			a.waitText("#page_title-tally", "Tally")
			waitValue(a, tallySection, 1)
			d.remove("other")
			d.copy(first, "tally")
			a.click(addTally)
			a.waitText("#tally-total", "3")
			a.waitIdle()
			a.checkMark()
			if got := d.logged("file=tally", "level=WARN"); len(got) != 1 {
				t.Errorf("the log has\n%swant one line", strings.Join(got, ""))
			}
			if got := a.heard.opened(); got != 1 {
				t.Errorf("page opened %d sockets, want the first one only", got)
			}
		})
	}
}
