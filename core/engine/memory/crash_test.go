package memory_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

var (
	crashSeed   = flag.Uint64("seed", 0, "seed of the crash test; 0 chooses one")
	crashRounds = flag.Int("crashes", 10, "how often the crash test kills its child")
)

const (
	crashWriters = 8
	crashKeep    = 5  // items of the list
	crashLog     = 25 // entries, so that the log is trimmed
)

// childVar names the variable that makes the test binary a child: a role and a
// file.
const childVar = "PRESENCE_MEMORY_TEST_CHILD"

// child plays the role that the environment asks for, and ends the process.
func child() {
	role, file, ok := strings.Cut(os.Getenv(childVar), " ")
	if !ok {
		return
	}
	err := map[string]func(string) error{"writes": childWrites, "fills": childFills}[role](file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// startChild starts the test binary as a child. It is killed at the latest when
// the test ends.
func startChild(t *testing.T, role, file string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"="+role+" "+file)
	return cmd
}

// childWrites appends as fast as it can and prints the event of every batch that
// was acknowledged, until it is killed.
func childWrites(file string) error {
	e, err := memory.Open(memory.Config{File: file, LogEntries: crashLog})
	if err != nil {
		return err
	}
	errs := make(chan error, crashWriters)
	go func() { _ = e.Run(context.Background()) }()
	for w := range crashWriters {
		go func() {
			for i := 0; ; i++ {
				event := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				if _, err := e.Append(context.Background(), crashBatch(w, event)); err != nil {
					errs <- err
					return
				}
				fmt.Println(event)
			}
		}()
	}
	return <-errs
}

// crashBatch is one event of writer w.
func crashBatch(w int, event string) engine.Batch {
	cell := func(kind plugins.Kind, field, value string) state.Cell {
		return state.Cell{Room: "home", Feature: "demo", Field: field, Kind: kind, Value: value}
	}
	return engine.Batch{Binary: "child", Events: []string{event}, Changes: []engine.Change{
		{Cell: state.Leave("home", event)},
		engine.Add("home", "demo", fmt.Sprint("by", w), 1),
		{Cell: cell(plugins.Register, fmt.Sprint("last", w), event)},
		{Cell: cell(plugins.List, "latest", event), Cap: crashKeep},
		engine.Add("home", "demo", "all", 1),
	}}
}

// TestEngine_killed kills a process that writes at any instant and checks that
// the file holds every acknowledged batch once and no part of a batch.
func TestEngine_killed(t *testing.T) {
	seed := *crashSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("replay with -seed=%d (the instants depend on the machine too)", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	file := filepath.Join(t.TempDir(), "state.db")
	var before crashed
	acknowledged := 0
	for round := range *crashRounds {
		pid, acked := killed(t, file, round%3 == 2, time.Duration(random.IntN(120_000))*time.Microsecond)
		acknowledged += len(acked)
		after := reopened(t, file)
		after.check(t, before, pid, acked)
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
		before = after
	}
	if *crashRounds >= 3 && acknowledged == 0 {
		t.Error("no round acknowledged anything")
	}
	t.Logf("%d batches acknowledged, %d in the file", acknowledged, before.totals["all"])
}

// killed runs a child and kills it some time after its start or after its first
// acknowledgement. It returns what was acknowledged, in order.
func killed(t *testing.T, file string, early bool, after time.Duration) (pid int, acked []string) {
	t.Helper()
	cmd := startChild(t, "writes", file)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) }
	if early {
		kill()
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if len(acked) == 0 && !early {
			kill()
		}
		acked = append(acked, lines.Text())
	}
	_ = cmd.Wait() // says that it was killed
	if stderr.Len() > 0 {
		t.Fatalf("child: %s", stderr.Bytes())
	}
	return cmd.Process.Pid, acked
}

// crashed is what a file holds after a crash.
type crashed struct {
	cells  map[state.Address]state.Cell
	totals map[string]int // the counters
	log    []engine.Delivery
	last   state.ID
}

func reopened(t *testing.T, file string) crashed {
	t.Helper()
	e, err := memory.Open(memory.Config{File: file, LogEntries: crashLog})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	cells, at, err := e.Load(t.Context(), "home")
	if err != nil {
		t.Fatal(err)
	}
	c := crashed{cells: map[state.Address]state.Cell{}, totals: map[string]int{}, last: at[e.Site()]}
	for _, cell := range cells {
		c.cells[cell.Address()] = cell
		if cell.Kind == plugins.Counter {
			if c.totals[cell.Field], err = strconv.Atoi(cell.Value); err != nil {
				t.Fatal(err)
			}
		}
	}
	if c.last.IsZero() {
		return c
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_ = e.Tail(ctx, nil, func(ds []engine.Delivery) error {
		c.log = append(c.log, ds...)
		if ds[len(ds)-1].ID == c.last {
			cancel()
		}
		return nil
	})
	return c
}

// check compares what the file holds now with what it held before and with what
// the child was told in between.
func (c crashed) check(t *testing.T, before crashed, pid int, acked []string) {
	t.Helper()
	if c.last.Compare(before.last) < 0 {
		t.Errorf("last id %s, was %s", c.last, before.last)
	}
	inLog := map[string]int{}
	var pushed []state.Cell
	view := map[state.Address]state.Cell{}
	for _, d := range c.log {
		if len(d.Cells) != 4*len(d.Events) {
			t.Errorf("entry %s has %d durable cells of %d events, want 4 each", d.ID, len(d.Cells), len(d.Events))
		}
		for _, e := range d.Events {
			inLog[e]++
		}
		for _, cell := range d.Cells {
			view[cell.Address()] = cell
			if cell.Kind == plugins.List {
				pushed = append(pushed, cell)
			}
		}
	}

	sum := 0
	for w := range crashWriters {
		by := fmt.Sprint("by", w)
		sum += c.totals[by]
		mine := slices.DeleteFunc(slices.Clone(acked), func(e string) bool { return !strings.HasPrefix(e, fmt.Sprintf("%d-%d-", pid, w)) })
		// One more may be in the file than the writer was told of.
		added := c.totals[by] - before.totals[by]
		if added != len(mine) && added != len(mine)+1 {
			t.Errorf("writer %d: %d batches in the file, %d acknowledged", w, added, len(mine))
		}
		// What the log holds of the writer is the last of what was taken, once each.
		held := 0
		for i := added - 1; i >= 0; i-- {
			n := inLog[fmt.Sprintf("%d-%d-%d", pid, w, i)]
			if n > 1 || n == 1 && held != added-1-i {
				t.Errorf("writer %d: event %d is %d times in the log, %d later ones are", w, i, n, held)
			}
			held += n
		}
		if held < added && len(c.log) < crashLog {
			t.Errorf("writer %d: %d of %d events in a log of %d entries that was not trimmed", w, held, added, len(c.log))
		}
	}
	if c.totals["all"] != sum {
		t.Errorf("sum of the writers' counters = %d, want %d: a batch was applied in part", sum, c.totals["all"])
	}

	// The log and the state agree.
	for a, cell := range view {
		if got, there := c.cells[a]; cell.Kind != plugins.List && (!there || got != cell) {
			t.Errorf("state of %v = %+v, log says %+v", a, got, cell)
		}
	}
	var items []state.Cell
	for _, cell := range c.cells {
		if cell.Kind == plugins.List {
			items = append(items, cell)
		}
	}
	slices.SortFunc(items, func(a, b state.Cell) int { return a.Stamp.Compare(b.Stamp) })
	if len(pushed) > crashKeep {
		pushed = pushed[len(pushed)-crashKeep:]
	}
	if diff := cmp.Diff(pushed, items); diff != "" {
		t.Errorf("items (-log +state):\n%s", diff)
	}
}
