package plugintest_test

import (
	"context"
	"fmt"
	"html/template"
	"strings"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// book is a guest book that uses every kind of state, as a feature should.
type book struct{}

var _ plugins.Feature = book{}

func (book) Manifest() plugins.Manifest {
	return plugins.Manifest{
		Name: "book", Title: "Guest book", Personal: true,
		State: []plugins.Field{
			{Name: "title", Kind: plugins.Register},
			{Name: "visits", Kind: plugins.Counter},
			{Name: "notes", Kind: plugins.List, Cap: 3},
			{Name: "people", Kind: plugins.Presence, By: plugins.ByRegion},
			{Name: "mine", Kind: plugins.Presence, By: plugins.ByUser},
			{Name: "waves", Kind: plugins.Volatile},
			{Name: "sites", Kind: plugins.Sites},
		},
		Watches: []plugins.Watch{{Keys: "book:*:title", Event: "retitled", Room: "*"}},
		Events: []plugins.EventType{
			{Name: "note", Fields: []plugins.Param{
				{Name: "text", Type: plugins.Text, Min: 1, Max: 80},
				{Name: "colour", Type: plugins.Choice, Choices: []string{"red", "blue"}, Optional: true},
			}},
			{Name: "rename", Fields: []plugins.Param{{Name: "title", Type: plugins.Text}}},
			{Name: "visit", Fields: []plugins.Param{
				{Name: "by", Type: plugins.Int, Min: -3, Max: 3}, {Name: "loud", Type: plugins.Bool},
			}},
			{Name: "wave"},
		},
	}
}

func (book) Handle(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
	switch ev.Name {
	case "note":
		return []plugins.Mutation{plugins.Push("notes", ev.Fields.Text("text"))}, nil
	case "rename":
		if strings.TrimSpace(ev.Fields.Text("title")) == "" {
			return []plugins.Mutation{plugins.Unset("title")}, nil
		}
		return []plugins.Mutation{plugins.Set("title", ev.Fields.Text("title"))}, nil
	case "visit":
		if ev.Fields.Int("by") == 0 {
			return nil, plugins.Refuse("Nothing would change.")
		}
		return []plugins.Mutation{plugins.Add("visits", ev.Fields.Int("by"))}, nil
	case "retitled":
		value, exists := ev.Fields["value"]
		if !exists {
			return []plugins.Mutation{plugins.Unset("title")}, nil
		}
		return []plugins.Mutation{plugins.Set("title", value)}, nil
	case "wave":
		return []plugins.Mutation{plugins.Signal("waves", ev.Person.User)}, nil
	}
	return nil, fmt.Errorf("unknown event %q", ev.Name)
}

var pages = template.Must(template.New("").Parse(`
{{define "book-title"}}<h3 id="book-title" title="{{.}}">{{.}}</h3>{{end}}
{{define "book-visits"}}<p id="book-visits">{{.}}</p>{{end}}
{{define "book-notes"}}<ul id="book-notes">{{range .}}<li id="book-{{.ID}}"><a href="{{.Value}}">{{.Value}}</a></li>{{end}}</ul>{{end}}
{{define "book-people"}}<ul id="book-people">{{range .}}<li>{{.Key}} {{.People}} {{.Tabs}}</li>{{end}}</ul>{{end}}
{{define "book-sites"}}<ul id="book-sites">{{range .}}<li>{{.Name}} {{.Region}} {{.CutOff}} {{.Pings}}</li>{{end}}</ul>{{end}}
{{define "book-mine"}}<p id="book-mine">{{.}}</p>{{end}}
{{define "book-wave"}}<p id="book-wave">{{.}}</p>{{end}}
`))

func fragment(id string, data any) plugins.Fragment {
	var b strings.Builder
	if err := pages.ExecuteTemplate(&b, id, data); err != nil {
		panic(err) // a fault in the templates above
	}
	return plugins.Fragment{ID: id, HTML: b.String()}
}

func mine(g plugins.Group) plugins.Fragment {
	f := fragment("book-mine", g.Tabs)
	f.Audience.User = g.Key
	return f
}

func (book) Render(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
	var out []plugins.Fragment
	if v.Personal() {
		own := plugins.Group{Key: v.Viewer.User}
		for _, g := range v.State.Presence["mine"] {
			own = g
		}
		return append(out, mine(own)), nil
	}
	if v.Changed("title") {
		out = append(out, fragment("book-title", v.State.Registers["title"].Value))
	}
	if v.Changed("visits") {
		f := fragment("book-visits", v.State.Counters["visits"])
		f.Patch = []dom.Operation{dom.SetProperty("#book-visits", "textContent", v.State.Counters["visits"])}
		out = append(out, f)
	}
	if v.Changed("notes") {
		out = append(out, fragment("book-notes", v.State.Lists["notes"]))
	}
	if v.Changed("people") {
		out = append(out, fragment("book-people", v.State.Presence["people"]))
	}
	if v.Changed("sites") {
		out = append(out, fragment("book-sites", v.State.Sites["sites"]))
	}
	wave := ""
	seen := map[string]bool{}
	for _, c := range v.Changes {
		switch {
		case c.Field == "waves":
			wave = c.Value
		case c.Field == "mine" && !seen[c.Group]:
			seen[c.Group] = true
			own := plugins.Group{Key: c.Group}
			for _, g := range v.State.Presence["mine"] {
				if g.Key == c.Group {
					own = g
				}
			}
			out = append(out, mine(own))
		}
	}
	if v.Changed("waves") {
		out = append(out, fragment("book-wave", wave))
	}
	return out, nil
}
