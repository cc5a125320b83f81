package plugintest_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
	"github.com/global-presence/presence/plugins/plugintest"
)

func TestMain(m *testing.M) { plugintest.Main(m, book{}) }

func TestRun(t *testing.T) {
	plugintest.Run(t, book{},
		plugintest.States(plugins.State{Counters: map[string]int64{"visits": -1}}),
		plugintest.Events(plugins.Event{Name: "wave", Person: plugins.Person{User: "someone"}}),
	)
}

func TestRun_InAProcess(t *testing.T) {
	plugintest.Run(t, plugintest.Process(t, "book"))
}

func TestRun_NothingToDo(t *testing.T) {
	plugintest.Run(t, faulty{manifest: func() plugins.Manifest {
		return plugins.Manifest{Name: "book", Title: "Still life"}
	}, render: func(context.Context, plugins.View) ([]plugins.Fragment, error) { return nil, nil }})
}

// faulty is book with one thing done differently.
type faulty struct {
	book
	manifest func() plugins.Manifest
	handle   func(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error)
	render   func(context.Context, plugins.View) ([]plugins.Fragment, error)
}

func (f faulty) Manifest() plugins.Manifest {
	if f.manifest != nil {
		return f.manifest()
	}
	return f.book.Manifest()
}

func (f faulty) Handle(ctx context.Context, ev plugins.Event, s plugins.State) ([]plugins.Mutation, error) {
	if f.handle != nil {
		return f.handle(ctx, ev, s)
	}
	return f.book.Handle(ctx, ev, s)
}

func (f faulty) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	if f.render != nil {
		return f.render(ctx, v)
	}
	return f.book.Render(ctx, v)
}

// always is a Handle that answers any event in the same way.
func always(mutations ...plugins.Mutation) faulty {
	return faulty{handle: func(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error) {
		return mutations, nil
	}}
}

// shows is a Render that shows everybody the same in any view.
func shows(id, html string, patch ...dom.Operation) faulty {
	return faulty{
		manifest: func() plugins.Manifest {
			m := book{}.Manifest()
			m.Personal = false
			return m
		},
		render: func(context.Context, plugins.View) ([]plugins.Fragment, error) {
			return []plugins.Fragment{{ID: id, HTML: html, Patch: patch}}, nil
		},
	}
}

// showsMany is a Render of n fragments with the same text.
func showsMany(n int, text string) faulty {
	return faulty{render: func(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
		var all []plugins.Fragment
		for i := range n {
			id := fmt.Sprintf("book-%d", i)
			all = append(all, plugins.Fragment{
				ID: id, HTML: fmt.Sprintf("<p id=%q>%s</p>", id, text), Audience: plugins.Audience{User: v.Viewer.User},
			})
		}
		return all, nil
	}}
}

// changed is a Render whose fragments are book's after change.
func changed(change func(plugins.View, []plugins.Fragment) []plugins.Fragment) faulty {
	return faulty{render: func(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
		fragments, err := book{}.Render(ctx, v)
		return change(v, fragments), err
	}}
}

func TestRun_Finds(t *testing.T) {
	var clock atomic.Int64
	for _, tt := range []struct {
		name    string
		feature plugins.Feature
		check   string // that finds it
		want    string // in what it says
		options []plugintest.Option
	}{
		{name: "InvalidManifest", check: "Manifest", want: "title", feature: faulty{manifest: func() plugins.Manifest {
			return plugins.Manifest{Name: "book"}
		}}},
		{name: "ManifestThatChanges", check: "Manifest", want: "changes from one call", feature: faulty{manifest: func() plugins.Manifest {
			m := book{}.Manifest()
			m.Title = fmt.Sprint(clock.Add(1))
			return m
		}}},
		{name: "UndeclaredField", check: "Handle", want: "no such field", feature: always(plugins.Set("other", "x"))},
		{name: "OperationOfAnotherKind", check: "Handle", want: "does not fit", feature: always(plugins.Set("visits", "x"))},
		{name: "WritesPresence", check: "Handle", want: "does not fit", feature: always(plugins.Push("people", "x"))},
		{name: "LargeValue", check: "Handle", want: "at most 4096", feature: always(plugins.Set("title", strings.Repeat("x", 5000)))},
		{name: "ValueIsNotUTF8", check: "Handle", want: "not UTF-8", feature: always(plugins.Set("title", "\xff"))},
		{name: "TooManyMutations", check: "Handle", want: "at most 64", feature: always(slices.Repeat([]plugins.Mutation{plugins.Add("visits", 1)}, 65)...)},
		{name: "LongSentence", check: "Handle", want: "refuses with", feature: faulty{
			handle: func(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error) {
				return nil, plugins.Refuse(strings.Repeat("No. ", 100))
			},
		}},
		{name: "HandleIsNotPure", check: "Handle", want: "differently", feature: faulty{
			handle: func(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error) {
				return []plugins.Mutation{plugins.Add("visits", clock.Add(1))}, nil
			},
		}},
		{name: "HandleWritesItsInput", check: "Handle", want: "changes the state", feature: faulty{
			handle: func(_ context.Context, _ plugins.Event, s plugins.State) ([]plugins.Mutation, error) {
				if s.Counters != nil {
					s.Counters["visits"]++
				}
				return nil, nil
			},
		}},
		{name: "HandleFails", check: "Changes", want: "disk on fire", feature: faulty{
			handle: func(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error) {
				return nil, errors.New("disk on fire")
			},
		}},
		{name: "AuthorsEventFails", check: "Handle", want: `unknown event "dance"`, feature: book{}, options: []plugintest.Option{
			plugintest.Events(plugins.Event{Name: "dance"}), plugintest.States(plugins.State{}),
		}},
		{name: "HandlePanics", check: "Handle", want: "panic", feature: faulty{
			handle: func(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error) { panic("boom") },
		}},

		{name: "BrokenHTML", check: "Render", want: "<b>", feature: shows("book-x", `<p id="book-x"><b></p>`)},
		{name: "WrongID", check: "Render", want: "book-x", feature: shows("book-x", `<p id="book-y"></p>`)},
		{name: "IDOfAnother", check: "Render", want: "light-x", feature: shows("light-x", `<p id="light-x"></p>`)},
		{name: "Script", check: "Render", want: "script", feature: shows("book-x", `<p id="book-x"><script></script></p>`)},
		{name: "LargeFragment", check: "Render", want: "at most 32768", feature: shows("book-x", `<p id="book-x">`+strings.Repeat("x", 33_000)+`</p>`)},
		{name: "FragmentTwice", check: "Render", want: "twice", feature: changed(func(_ plugins.View, f []plugins.Fragment) []plugins.Fragment {
			return append(f, f...)
		})},
		{name: "TooManyFragments", check: "Render", want: "more than 256 fragments", feature: showsMany(257, "")},
		{name: "LargeCorner", check: "Render", want: "more than 262144 bytes", feature: showsMany(9, strings.Repeat("x", 32_000))},
		{name: "TextIsNotEscaped", check: "Render", want: `fragment "book-x"`, feature: faulty{
			render: func(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
				return []plugins.Fragment{{
					ID: "book-x", HTML: `<p id="book-x">` + v.State.Registers["title"].Value + `</p>`,
					Audience: plugins.Audience{User: v.Viewer.User},
				}}, nil
			},
		}},
		{name: "AttributeIsNotEscaped", check: "Render", want: `fragment "book-x"`, feature: faulty{
			render: func(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
				title := strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(v.State.Registers["title"].Value)
				return []plugins.Fragment{{
					ID: "book-x", HTML: `<p id="book-x" title="` + title + `"></p>`,
					Audience: plugins.Audience{User: v.Viewer.User},
				}}, nil
			},
		}},
		{name: "PatchIsNotEscaped", check: "Changes", want: `fragment "book-title": patch: operation innerHtml`, feature: changed(func(v plugins.View, fragments []plugins.Fragment) []plugins.Fragment {
			for i, f := range fragments {
				if f.ID == "book-title" {
					fragments[i].Patch = []dom.Operation{dom.InnerHTML("#book-title", v.State.Registers["title"].Value)}
				}
			}
			return fragments
		})},
		{name: "PatchOfAnother", check: "Render", want: "not book's", feature: shows("book-x", `<p id="book-x"></p>`, dom.SetValue("#light", "x"))},
		{name: "PatchOfMany", check: "Render", want: "want one that changes one element", feature: shows("book-x", `<p id="book-x"></p>`, dom.SetValue("#book-x p", "x"))},
		{name: "PatchOfThePage", check: "Render", want: "reload", feature: shows("book-x", `<p id="book-x"></p>`, dom.Reload())},
		{name: "PatchClicks", check: "Render", want: "cannot be broadcast", feature: shows("book-x", `<p id="book-x"></p>`, dom.DispatchEvent("#book-x", "click", dom.Value{}))},
		{name: "FaultyPatch", check: "Render", want: "patch", feature: shows("book-x", `<p id="book-x"></p>`, dom.Operation{})},
		{name: "PersonalForOneTab", check: "Render", want: "audience", feature: changed(func(v plugins.View, fragments []plugins.Fragment) []plugins.Fragment {
			for i := range fragments {
				if v.Personal() { // the user's, but not in all their tabs
					fragments[i].Audience.Session = "ebd43e2t2v2t53va"
				}
			}
			return fragments
		})},
		{name: "PersonalForEverybody", check: "Render", want: "audience", feature: changed(func(_ plugins.View, fragments []plugins.Fragment) []plugins.Fragment {
			for i := range fragments {
				fragments[i].Audience = plugins.Audience{}
			}
			return slices.CompactFunc(fragments, func(a, b plugins.Fragment) bool { return a.ID == b.ID })
		})},
		{name: "RenderIsNotPure", check: "Render", want: "differently", feature: changed(func(_ plugins.View, fragments []plugins.Fragment) []plugins.Fragment {
			for i, f := range fragments {
				fragments[i].HTML = strings.Replace(f.HTML, ">", fmt.Sprintf("><i>%d</i>", clock.Add(1)), 1)
			}
			return fragments
		})},
		{name: "RenderWritesItsInput", check: "Render", want: "changes the state", feature: changed(func(v plugins.View, fragments []plugins.Fragment) []plugins.Fragment {
			delete(v.State.Registers, "title")
			return fragments
		})},
		{name: "RenderFails", check: "Changes", want: "disk on fire", feature: faulty{
			render: func(context.Context, plugins.View) ([]plugins.Fragment, error) {
				return nil, errors.New("disk on fire")
			},
		}},
		{name: "LeavesOutAChange", check: "Changes", want: `leave out fragment "book-visits"`, feature: changed(func(v plugins.View, fragments []plugins.Fragment) []plugins.Fragment {
			if v.Changes == nil {
				return fragments
			}
			return slices.DeleteFunc(fragments, func(f plugins.Fragment) bool { return f.ID == "book-visits" })
		})},
		{name: "LeavesOutAChangeOfSites", check: "Changes", want: `leave out fragment "book-sites"`, feature: changed(func(v plugins.View, fragments []plugins.Fragment) []plugins.Fragment {
			if v.Changes == nil {
				return fragments
			}
			return slices.DeleteFunc(fragments, func(f plugins.Fragment) bool { return f.ID == "book-sites" })
		})},
		{name: "KeyEventFails", check: "Changes", want: "unknown event", feature: faulty{
			handle: func(ctx context.Context, ev plugins.Event, s plugins.State) ([]plugins.Mutation, error) {
				if ev.Name == "retitled" {
					return nil, errors.New("unknown event")
				}
				return book{}.Handle(ctx, ev, s)
			},
		}},
		{name: "RenderWritesSites", check: "Render", want: "changes the state", feature: changed(func(v plugins.View, fragments []plugins.Fragment) []plugins.Fragment {
			for i := range v.State.Sites["sites"] {
				v.State.Sites["sites"][i].Pings = nil
				v.State.Sites["sites"][i].Name = "mine"
			}
			return fragments
		})},
		{name: "ShowsChangesDifferently", check: "Changes", want: "in a render of everything", feature: changed(func(v plugins.View, fragments []plugins.Fragment) []plugins.Fragment {
			for i, f := range fragments {
				if v.Changes != nil && f.ID == "book-notes" {
					fragments[i].HTML = `<ul id="book-notes"></ul>`
				}
			}
			return fragments
		})},
		{name: "ShowsOnePersonDifferently", check: "Changes", want: `fragment "book-mine"`, feature: changed(func(v plugins.View, fragments []plugins.Fragment) []plugins.Fragment {
			for i, f := range fragments {
				if v.Changes != nil && f.ID == "book-mine" {
					fragments[i].HTML = `<p id="book-mine">?</p>`
				}
			}
			return fragments
		})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			said := failure(t, plugintest.Checks(tt.feature, tt.options...)[tt.check])
			if !strings.Contains(said, tt.want) {
				t.Errorf("the check %s says %q, want %q in it", tt.check, said, tt.want)
			}
		})
	}
}

// A change of a list names the item that was added, as a host does.
func TestRun_ChangesNameItems(t *testing.T) {
	var named atomic.Int64
	plugintest.Run(t, changed(func(v plugins.View, fragments []plugins.Fragment) []plugins.Fragment {
		for _, c := range v.Changes {
			if c.Field != "notes" {
				if c.ID != "" {
					t.Errorf("change %+v is of no list and has an id", c)
				}
				continue
			}
			if c.ID == "" {
				t.Errorf("change %+v of a list has no id", c)
			}
			for _, item := range v.State.Lists["notes"] {
				if item.ID == c.ID {
					named.Add(1)
					if item.Value != c.Value {
						t.Errorf("change %+v names the item %+v", c, item)
					}
				}
			}
		}
		return fragments
	}))
	if named.Load() == 0 {
		t.Error("no change names an item of its list")
	}
}

// What is for one tab has no counterpart in a render for its user, which is not
// asked for then.
func TestRun_FragmentForOneTab(t *testing.T) {
	f := faulty{render: func(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
		if v.Personal() {
			return nil, errors.New("nobody may ask")
		}
		fragments, err := book{}.Render(ctx, v)
		for i := range fragments {
			if a := &fragments[i].Audience; a.User != "" {
				a.Session = "tab"
			}
		}
		return fragments, err
	}}
	plugintest.Checks(f)["Changes"](t)
}

func TestRun_FindsDeadlinePassed(t *testing.T) {
	stop := make(chan struct{})
	said := failure(t, plugintest.Checks(faulty{
		render: func(context.Context, plugins.View) ([]plugins.Fragment, error) { <-stop; return nil, nil },
	})["Deadline"])
	close(stop)
	if !strings.Contains(said, "still at work") {
		t.Errorf("the check says %q", said)
	}
}

func TestEscaped(t *testing.T) {
	for _, tt := range []struct{ markup, want string }{
		{`<p title="&lt;x-canary&gt;">&lt;x-canary> x-canary=1</p>`, ""},
		{`<p title='" x-canary="'></p>`, ""},
		{`<p><x-canary></p>`, "the element <x-canary>"},
		{`<p></X-CANARY></p>`, "the element <x-canary>"},
		{`<p title="" x-canary=""></p>`, "the attribute x-canary of <p>"},
		{`<br title='' x-canary=''/>`, "the attribute x-canary of <br>"},
	} {
		err := plugintest.Escaped(tt.markup)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("Escaped(%s) = %v, want %q", tt.markup, err, tt.want)
		}
	}
}

// failure runs a check that must fail and returns what it says.
func failure(t *testing.T, run func(rapid.TB)) string {
	t.Helper()
	for name, value := range map[string]string{"rapid.nofailfile": "true", "rapid.shrinktime": "0s"} {
		before := flag.Lookup(name).Value.String()
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := flag.Set(name, before); err != nil {
				t.Error(err)
			}
		}()
	}
	tb := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(tb)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("the check does not return")
	}
	if !tb.failed {
		t.Error("the check finds nothing")
	}
	return tb.said.String()
}

// recorder is a test that may fail without failing the test around it.
type recorder struct {
	rapid.TB
	said   strings.Builder
	failed bool
}

func (r *recorder) Log(args ...any)                   { fmt.Fprintln(&r.said, args...) }
func (r *recorder) Logf(format string, args ...any)   { fmt.Fprintf(&r.said, format+"\n", args...) }
func (r *recorder) Error(args ...any)                 { r.Log(args...); r.Fail() }
func (r *recorder) Errorf(format string, args ...any) { r.Logf(format, args...); r.Fail() }
func (r *recorder) Fatal(args ...any)                 { r.Log(args...); r.FailNow() }
func (r *recorder) Fatalf(format string, args ...any) { r.Logf(format, args...); r.FailNow() }
func (r *recorder) Skip(args ...any)                  { r.Log(args...); runtime.Goexit() }
func (r *recorder) Fail()                             { r.failed = true }
func (r *recorder) FailNow()                          { r.failed = true; runtime.Goexit() }
func (r *recorder) Failed() bool                      { return r.failed }
