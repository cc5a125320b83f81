// Command tally is the feature of the tests of the plugin folder: a number that every
// click raises, and a door at which it counts who comes and goes. A linker's -X main.title
// and -X main.step make versions of it.
package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
	"github.com/global-presence/presence/plugins/serve"
)

var (
	title = "Tally"
	step  = "1" // what a click adds
)

func init() { serve.Register(tally{}) }

func main() { serve.Main() }

type tally struct{}

// Manifest implements [plugins.Feature].
func (tally) Manifest() plugins.Manifest {
	return plugins.Manifest{
		Name: "tally", Title: title,
		State: []plugins.Field{
			{Name: "total", Kind: plugins.Counter}, {Name: "mark", Kind: plugins.Register},
			{Name: "came", Kind: plugins.Counter}, {Name: "went", Kind: plugins.Counter},
		},
		Events: []plugins.EventType{{
			Name: "add", Rate: 50,
			// A click with a mark can be told from others where it is shown.
			Fields: []plugins.Param{{Name: "mark", Type: plugins.Int, Optional: true}},
		}},
		Joins: "came", Leaves: "went",
	}
}

// Handle implements [plugins.Feature].
func (tally) Handle(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
	if ev.Name != "add" { // of those at the door
		return []plugins.Mutation{plugins.Add(ev.Name, 1)}, nil
	}
	n, err := strconv.ParseInt(step, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("main.step: %w", err)
	}
	changes := []plugins.Mutation{plugins.Add("total", n)}
	if mark := ev.Fields.Text("mark"); mark != "" {
		changes = append(changes, plugins.Set("mark", mark))
	}
	return changes, nil
}

// Render implements [plugins.Feature].
func (tally) Render(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
	total := strconv.FormatInt(v.State.Counters["total"], 10)
	fragments := []plugins.Fragment{
		text("total", total, v),
		text("mark", v.State.Registers["mark"].Value, v),
		text("door", fmt.Sprintf("%d came, %d went", v.State.Counters["came"], v.State.Counters["went"]), v),
	}
	if v.Changes != nil {
		return fragments, nil
	}
	return append(fragments, plugins.Fragment{ID: "tally-form", HTML: `<form id="tally-form" method="post" action="` +
		plugins.EscapeHTML(v.Action("add")) + `" data-live="submit->tally#add"><button>Add ` + plugins.EscapeHTML(step) + `</button></form>`}), nil
}

// text is an output that only its text changes in.
func text(name, value string, v plugins.View) plugins.Fragment {
	f := plugins.Fragment{ID: "tally-" + name, HTML: `<output id="tally-` + name + `">` + plugins.EscapeHTML(value) + `</output>`}
	if v.Changes != nil {
		f.Patch = []dom.Operation{dom.SetProperty("#tally-"+name, "textContent", value)}
	}
	return f
}
