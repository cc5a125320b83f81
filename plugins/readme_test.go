package plugins_test

import (
	"context"
	"fmt"
	"html/template"
	"os"
	"strings"
	"testing"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/plugintest"
)

// README.md shows what stands between the next two lines.
// begin

// Claps counts applause.
type Claps struct{}

func (Claps) Manifest() plugins.Manifest {
	return plugins.Manifest{
		Name: "claps", Title: "Applause",
		State:  []plugins.Field{{Name: "total", Kind: plugins.Counter}},
		Events: []plugins.EventType{{Name: "clap", Rate: 5}},
	}
}

func (Claps) Handle(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error) {
	return []plugins.Mutation{plugins.Add("total", 1)}, nil
}

var button = template.Must(template.New("").Option("missingkey=zero").Parse(`<form id="claps-form" method="post"
	action="{{.Action "clap"}}" data-live="submit->claps#clap"><button>Clap ({{.State.Counters.total}})</button></form>`))

func (Claps) Render(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
	var html strings.Builder
	err := button.Execute(&html, v)
	return []plugins.Fragment{{ID: "claps-form", HTML: html.String()}}, err
}

// end

func ExampleFeature() {
	fragments, err := Claps{}.Render(context.Background(), plugins.View{
		Feature: "claps", Room: "home", State: plugins.State{Counters: map[string]int64{"total": 3}},
	})
	fmt.Println(fragments[0].HTML, err)
	// Output:
	// <form id="claps-form" method="post"
	// 	action="/rooms/home/claps/clap" data-live="submit->claps#clap"><button>Clap (3)</button></form> <nil>
}

// TestREADME: the feature in README.md is the one above, and keeps the contract.
func TestREADME(t *testing.T) {
	source, err := os.ReadFile("readme_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(source), "// begin\n\n")
	code, _, _ = strings.Cut(code, "\n// end\n")
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```go\n"+code+"```") {
		t.Errorf("README.md does not show this feature:\n%s", code)
	}
	plugintest.Run(t, Claps{})
}
