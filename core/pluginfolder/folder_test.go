package pluginfolder_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core/pluginfolder"
)

func TestFolder_Run_AddReplaceRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.put("claps", program("claps", "v1"), 0o755)
		w.watch(w.config())
		w.settled("add claps v1")
		p, _ := w.host.program("claps")
		if p.File != "claps" || p.Kind != pluginfolder.Process || p.SDK != "v1" || p.Path == w.path("claps") {
			t.Errorf("the program is %+v", p)
		}
		w.put("claps", program("claps", "v2, by cp"), 0o755)
		w.settled("replace claps v2, by cp")
		w.move("claps", program("claps", "v3, by mv"), 0o755)
		w.settled("replace claps v3, by mv")
		w.put("list.wasm", string(moduleBytes("list", "v1")), 0o644)
		w.settled("add list v1")
		if p, _ := w.host.program("list"); p.Kind != pluginfolder.WebAssembly {
			t.Errorf("the module is %+v", p)
		}
		w.must(os.Remove(w.path("claps")))
		w.settled("remove claps")
		w.rest(time.Minute)
		w.asked()
		if w.probed.Load() != 4 {
			t.Errorf("%d programs were started to be asked, want 4", w.probed.Load())
		}
		if lines := w.log.about(t, "claps"); lines != nil {
			t.Errorf("warnings: %q", lines)
		}
	})
}

// What only looks like a change is none.
func TestFolder_Run_SameContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.put("claps", program("claps", "v1"), 0o755)
		w.watch(w.config())
		w.settled("add claps v1")
		w.must(os.Chtimes(w.path("claps"), time.Time{}, time.Unix(1, 0)))
		w.settled()
		w.move("claps", program("claps", "v1"), 0o755)
		w.settled()
		w.must(os.Rename(w.path("claps"), w.path("applause")))
		w.settled()
		if got := w.messages()["plugin file has another name"]; got != 1 {
			t.Errorf("the new name was told %d times", got)
		}
		w.put("applause", program("claps", "v2"), 0o755)
		w.settled("replace claps v2")
		w.must(os.Remove(w.path("applause")))
		w.settled("remove claps")
	})
}

// An editor deletes and creates; a release brings a file of another name.
func TestFolder_Run_GoneAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.put("claps-1", program("claps", "v1"), 0o755)
		w.watch(w.config())
		w.settled("add claps v1")
		w.must(os.Remove(w.path("claps-1")))
		w.rest(500 * time.Millisecond)
		w.put("claps-1", program("claps", "v1.1"), 0o755)
		w.settled("replace claps v1.1")
		w.must(os.Remove(w.path("claps-1")))
		w.put("claps-2", program("claps", "v2"), 0o755)
		w.settled("replace claps v2")
	})
}

func TestFolder_Run_HalfCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.watch(w.config())
		whole := moduleBytes("claps", "v1")
		f, err := os.Create(w.path("claps.wasm"))
		w.must(err)
		defer f.Close()
		for len(whole) > 100 {
			n, err := f.Write(whole[:50])
			w.must(err)
			whole = whole[n:]
			w.rest(1700 * time.Millisecond)
			w.asked()
		}
		if lines := w.log.about(t, "claps.wasm"); lines != nil || w.probed.Load() > 0 {
			t.Errorf("too early: it was asked %d times, and %q logged", w.probed.Load(), lines)
		}
		w.rest(time.Minute)
		w.asked()
		w.refused("claps.wasm", "the WebAssembly module has ", " bytes of at least ")
		_, err = f.Write(whole)
		w.must(err)
		w.settled("add claps v1")
	})
}

// A script has no end to be seen: it is taken when it rests.
func TestFolder_Run_SlowScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.watch(w.config())
		f, err := os.OpenFile(w.path("claps"), os.O_CREATE|os.O_WRONLY, 0o755)
		w.must(err)
		defer f.Close()
		for _, part := range strings.SplitAfter(strings.TrimSpace(program("claps", "v1")), "\n") {
			w.rest(700 * time.Millisecond)
			w.asked()
			_, err := f.WriteString(part)
			w.must(err)
		}
		w.settled("add claps v1")
	})
}

func TestFolder_Run_Clash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.put("b", program("claps", "of b"), 0o755)
		w.put("a", program("claps", "of a"), 0o755)
		w.put("c", program("lightbulb", "of c"), 0o755)
		w.watch(w.config())
		w.settled("add claps of a")
		w.rest(time.Minute)
		w.refused("b", `a is the feature "claps" too`)
		w.refused("c", `presence itself has a feature "lightbulb"`)
		w.put("aa", program("claps", "of aa"), 0o755) // one that runs is not put out
		w.settled()
		w.must(os.Remove(w.path("a")))
		w.settled("replace claps of aa")
		w.put("aa", program("applause", "of aa"), 0o755)
		w.settled("add applause of aa", "remove claps", "add claps of b")
	})
}

// A name that is too close to another's waits until that is gone, and is in nobody's way
// when it is the file's own.
func TestFolder_Run_TooClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.put("a", program("claps", "of a"), 0o755)
		w.watch(w.config())
		w.settled("add claps of a")
		w.put("b", program("claps-two", "of b"), 0o755)
		w.put("c", program("lightbulb-two", "of c"), 0o755)
		w.rest(time.Minute)
		w.refused("b", `its name "claps-two" is too close to that of the feature "claps"`)
		w.refused("c", `its name "lightbulb-two" is too close to that of the feature "lightbulb"`)
		w.must(os.Remove(w.path("a")))
		w.settled("remove claps", "add claps-two of b")
		w.put("b", program("claps", "of b"), 0o755)
		w.settled("remove claps-two", "add claps of b")
	})
}

// A bad new version never takes the old one down.
func TestFolder_Run_BadVersions(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(w *world)
		want   string // the reason
	}{
		{"Error", func(w *world) { w.put("claps", "#!/bin/false\nerror=no manifest after 10s\n", 0o755) }, "it does not start as a feature: no manifest after 10s"},
		{"Manifest", func(w *world) { w.put("claps", program("Clap!", "v2"), 0o755) }, `manifest of "Clap!": name "Clap!": want lower-case`},
		{"NotExecutable", func(w *world) { w.put("claps", program("claps", "v2"), 0o644) }, "it is a program and not executable"},
		{"Clash", func(w *world) { w.put("claps", program("other", "v2"), 0o755) }, `other is the feature "other" too`},
		{"BuiltIn", func(w *world) { w.put("claps", program("lightbulb", "v2"), 0o755) }, `presence itself has a feature "lightbulb"`},
		{"Host", func(w *world) { w.put("claps", program("claps", "that dies"), 0o755) }, "it cannot take over: out of memory"},
		{"HostAdd", func(w *world) { w.put("claps", program("new", "that dies"), 0o755) }, "it cannot be added: no place"},
		{"Empty", func(w *world) { w.put("claps", "", 0o755) }, "it is empty"},
		{"LinkToNothing", func(w *world) {
			w.must(os.Remove(w.path("claps")))
			w.must(os.Symlink("nothing", w.path("claps")))
		}, "it is a symbolic link to nothing"},
		{"TooLarge", func(w *world) { w.put("claps", program("claps", strings.Repeat("x", 1000)), 0o755) }, "at most 1000 are allowed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.host.refuse = map[string]error{
					"replace claps that dies": errors.New("out of memory"),
					"add new that dies":       errors.New("no place"),
				}
				w.put("claps", program("claps", "v1"), 0o755)
				w.put("other", program("other", "v1"), 0o755)
				cfg := w.config()
				cfg.MaxSize = 1000
				w.watch(cfg)
				w.settled("add claps v1", "add other v1")
				before, _ := w.host.program("claps")
				tt.change(w)
				w.rest(11 * time.Minute)
				w.refused("claps", tt.want)
				asked := slices.Compact(w.host.take()) // what may pass is tried again
				if p, _ := w.host.program("claps"); p.Digest != before.Digest || len(asked) > 1 {
					t.Errorf("the host was asked %q and runs %s, want %s", asked, p.Digest, before.Digest)
				}
				if _, err := os.Stat(before.Path); err != nil {
					t.Errorf("the copy that runs: %v", err)
				}
				w.must(os.RemoveAll(w.path("claps")))
				w.put("claps", program("claps", "v3"), 0o755)
				w.settled("replace claps v3")
			})
		})
	}
}

// What does not start at first may have come at a bad time.
func TestFolder_Run_Retry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.put("claps", "#!/bin/false\nerror=bad time\nfeature=claps\n", 0o755)
		cfg := w.config()
		probe := cfg.Probe
		var good atomic.Bool
		cfg.Probe = func(ctx context.Context, p pluginfolder.Program) (pluginfolder.Description, error) {
			d, err := probe(ctx, p)
			if good.Load() {
				d.Manifest.Name, d.Manifest.Title, err = "claps", "T", nil
			}
			return d, err
		}
		w.watch(cfg)
		w.settled()
		if w.probed.Load() != 1 {
			t.Errorf("started %d times, want 1", w.probed.Load())
		}
		w.rest(31 * time.Second)
		if w.probed.Load() != 2 {
			t.Errorf("started %d times after half a minute, want 2", w.probed.Load())
		}
		w.rest(2 * time.Hour)
		if w.probed.Load() < 10 || w.probed.Load() > 2*6+6 {
			t.Errorf("started %d times in two hours, want about every ten minutes", w.probed.Load())
		}
		w.refused("claps", "it does not start as a feature: bad time")
		w.host.take()
		good.Store(true)
		w.rest(10 * time.Minute)
		w.asked("add claps")
	})
}

func TestFolder_Run_ProbeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.put("claps", program("claps", "v1"), 0o755)
		cfg := w.config()
		cfg.Probe = func(ctx context.Context, _ pluginfolder.Program) (pluginfolder.Description, error) {
			<-ctx.Done()
			return pluginfolder.Description{}, errors.New("killed")
		}
		w.watch(cfg)
		w.rest(33 * time.Second)
		w.refused("claps", "no answer after 30s: killed")
		w.rest(30 * time.Second) // it waits again: Run ends all the same
		w.stop()
		w.refused("claps")
	})
}

func TestFolder_Run_Executable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.put("claps", program("claps", "v1"), 0o644)
		w.put("claps.wasm", "not WebAssembly", 0o644)
		w.watch(w.config())
		w.settled()
		w.rest(time.Minute)
		w.refused("claps", "not executable")
		w.refused("claps.wasm", "does not begin as WebAssembly does")
		w.must(os.Chmod(w.path("claps"), 0o755))
		w.settled("add claps v1")
	})
}

func TestFolder_Run_Junk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 3000 {
			w.put(fmt.Sprintf("junk-%d.txt", i), "junk", 0o644)
		}
		for _, name := range []string{".hidden", "claps~", "claps.swp", "claps.tmp", "claps.part", "#claps#"} {
			w.put(name, program("claps", "unfinished"), 0o755)
		}
		w.must(os.Mkdir(w.path("folder"), 0o755))
		w.must(syscall.Mkfifo(w.path("pipe"), 0o777))
		w.put("claps", program("claps", "v1"), 0o755)
		registry := prometheus.NewRegistry()
		cfg := w.config()
		cfg.Registerer = registry
		w.watch(cfg)
		w.settled("add claps v1")
		w.rest(time.Minute)
		told := 0
		for _, line := range w.log.lines(t) {
			if line["level"] != "DEBUG" {
				told++
			}
		}
		if told != 7 { // five about names, one about the folder, and the feature's
			t.Errorf("%d lines were logged, want 7", told)
		}
		want := map[string]float64{"ignored": 3007, "running": 1, "refused": 0, "waiting": 0}
		if diff := cmp.Diff(want, files(t, registry)); diff != "" {
			t.Errorf("presence_plugin_files (-want +got):\n%s", diff)
		}
	})
}

// files returns the metric by state.
func files(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "presence_plugin_files" {
		t.Fatalf("Gather = %v, %v", families, err)
	}
	got := map[string]float64{}
	for _, m := range families[0].GetMetric() {
		got[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
	}
	return got
}

// A folder that goes away is no order to end what runs.
func TestFolder_Run_FolderComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.dir = filepath.Join(w.dir, "plugins")
		w.watch(w.config())
		w.settled()
		w.must(os.Mkdir(w.dir, 0o755))
		w.put("claps", program("claps", "v1"), 0o755)
		w.settled("add claps v1")
		w.must(os.Rename(w.dir, w.dir+".away"))
		w.rest(11 * time.Minute)
		w.asked()
		w.must(os.Rename(w.dir+".away", w.dir))
		w.settled()
		w.must(os.Rename(w.dir, w.dir+".old"))
		w.must(os.Mkdir(w.dir, 0o755))
		w.put("claps", program("claps", "v2"), 0o755)
		w.settled("replace claps v2")
		w.must(os.RemoveAll(w.dir))
		write(t, w.dir, "a file", 0o644)
		w.rest(11 * time.Minute)
		w.asked()
		want := map[string]int{
			"plugin folder is missing": 2, "plugin folder is there": 2, "plugin folder cannot be read": 1,
			"plugin added": 1, "plugin replaced": 1,
		}
		if diff := cmp.Diff(want, w.messages()); diff != "" {
			t.Errorf("logged (-want +got):\n%s", diff)
		}
	})
}

// A volume of Kubernetes: every name is a link through one that is swapped.
func TestFolder_Run_ConfigMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		version := func(v string) {
			dir := w.path("..of " + v)
			w.must(os.Mkdir(dir, 0o755))
			write(t, filepath.Join(dir, "claps"), program("claps", v), 0o755)
			write(t, filepath.Join(dir, "list.wasm"), string(moduleBytes("list", "stays")), 0o644)
			w.must(os.Symlink("..of "+v, w.path("..data_tmp")))
			w.must(os.Rename(w.path("..data_tmp"), w.path("..data")))
		}
		version("v1")
		w.must(os.Symlink("..data/claps", w.path("claps")))
		w.must(os.Symlink("..data/list.wasm", w.path("list.wasm")))
		w.watch(w.config())
		w.settled("add claps v1", "add list stays")
		version("v2")
		w.must(os.RemoveAll(w.path("..of v1")))
		w.settled("replace claps v2")
	})
}

func TestFolder_Run_Writers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.must(os.Chmod(w.dir, 0o777))
		w.watch(w.config())
		if got := w.messages()["anybody may put programs into the plugin folder"]; got != 1 {
			t.Errorf("it was told %d times, want once", got)
		}
	})
}

func TestOpen_errors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	write(t, file, "no lock", 0o644)
	for _, tt := range []struct {
		name string
		cfg  pluginfolder.Config
		want []string
	}{
		{"Zero", pluginfolder.Config{}, []string{"no Dir", "no Probe", "no Host"}},
		{"File", pluginfolder.Config{Dir: file}, []string{file + " is no folder"}},
		{"Durations", pluginfolder.Config{Dir: dir, Every: -1, Settle: -1, ProbeTimeout: -1, MaxSize: -1}, []string{"Every of -1ns", "Settle of", "ProbeTimeout of", "MaxSize of -1"}},
		{"Lock", pluginfolder.Config{Dir: dir, Lock: file}, []string{"no Probe", `line 1: "no lock"; want 64 hexadecimal digits`}},
		{"NoLock", pluginfolder.Config{Dir: dir, Lock: file + "2"}, []string{"file2: no such file"}},
		{"Staging", pluginfolder.Config{Dir: dir, Staging: file, Host: &host{}, Probe: (&world{}).probe}, []string{"make a folder for private copies"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := pluginfolder.Open(tt.cfg)
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("Open = %v, want %q in it", err, want)
				}
			}
		})
	}
}
