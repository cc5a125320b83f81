package dev_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// TestMain lets the test binary be the feature that the tests start.
func TestMain(m *testing.M) {
	if process.Started() {
		name := "lamp"
		if content, err := os.ReadFile("name.txt"); err == nil {
			name = string(content)
		}
		process.Serve(lamp{name})
		return
	}
	code := m.Run()
	if code == 0 {
		// fasthttp and fiber each keep clocks and workers for the whole process.
		if err := goleak.Find(
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
			goleak.IgnoreAnyFunction("github.com/gofiber/fiber/v2/utils.StartTimeStampUpdater.func1.1"),
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp/stackless.funcWorker"),
		); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

// patience is how long a test waits for what should happen soon.
const patience = 2 * time.Minute

// lamp is a feature of any name with a switch and a count of how often it was used.
type lamp struct{ name string }

var _ plugins.Feature = lamp{}

func (l lamp) Manifest() plugins.Manifest {
	return plugins.Manifest{
		Name: l.name, Title: "Lamp",
		State:  []plugins.Field{{Name: "light", Kind: plugins.Register}, {Name: "uses", Kind: plugins.Counter}},
		Events: []plugins.EventType{{Name: "set", Rate: 1000, Fields: []plugins.Param{{Name: "on", Type: plugins.Bool}}}},
	}
}

func (l lamp) Handle(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
	return []plugins.Mutation{plugins.Set("light", ev.Fields.Text("on")), plugins.Add("uses", 1)}, nil
}

func (l lamp) Render(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
	word := "dark"
	if v.State.Registers["light"].Value == "true" {
		word = "bright"
	}
	id := l.name + "-light"
	return []plugins.Fragment{{ID: id, HTML: fmt.Sprintf(`<p id="%s">%s after %d</p>`, id, word, v.State.Counters["uses"])}}, nil
}

// waitFor calls look until it is satisfied. It fails with the last thing that look
// has seen.
func waitFor(tb testing.TB, what string, look func() (saw string, ok bool)) {
	tb.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for {
		saw, ok := look()
		if ok {
			return
		}
		if time.Since(began) > patience {
			tb.Fatalf("waited %v for %s; last saw %s", patience, what, saw)
		}
		<-tick.C
	}
}
