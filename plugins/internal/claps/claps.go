// Package claps counts applause.
package claps

import (
	"context"
	"html/template"
	"strings"

	"github.com/global-presence/presence/plugins"
)

// Claps is the feature.
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
