package bus_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// startTabs starts a bus whose feature tells people how many tabs they have. What one
// person sees takes that long to render.
func startTabs(t *testing.T, took time.Duration) *node {
	t.Helper()
	n := startNode(t, startEngine(t, memory.Config{}))
	n.demo.setRender(func(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
		var fs []plugins.Fragment
		for _, g := range v.State.Presence["mine"] {
			if v.Viewer.User == "" || v.Viewer.User == g.Key {
				fs = append(fs, plugins.Fragment{
					ID: "demo-tabs", HTML: fmt.Sprintf(`<p id="demo-tabs">%s: %d tabs</p>`, g.Key, g.Tabs), Audience: plugins.Audience{User: g.Key},
				})
			}
		}
		if v.Viewer.User != "" {
			<-time.After(took)
		}
		return fs, nil
	})
	own := manifest
	own.Personal = true
	own.State = []plugins.Field{{Name: "mine", Kind: plugins.Presence, By: plugins.ByUser}}
	n.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: own})
	return n
}

// rendersFor returns how often something was rendered for one person.
func (d *demo) rendersFor(user string) (renders int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, v := range d.views {
		if v.Viewer.User == user {
			renders++
		}
	}
	return renders
}

// joinAs puts a tab into the room and waits until that is shown.
func (n *node) joinAs(t *testing.T, user, session string) {
	t.Helper()
	p := person(user)
	p.Session = session
	if err := n.Join("home", p); err != nil {
		t.Fatal(err)
	}
	settle()
}

// shownBy returns the HTML of operations.
func shownBy(ops []dom.Operation) string {
	var all []string
	for _, op := range ops {
		all = append(all, op.HTML())
	}
	return strings.Join(all, "\n")
}

// TestBus_Sync_personalOnce: what one person sees is rendered once for all their tabs,
// also when these come at the same moment.
func TestBus_Sync_personalOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startTabs(t, 50*time.Millisecond)
		n.joinAs(t, "ann", "a1")
		var answered atomic.Int64
		for range 10 {
			n.Sync("home", "", person("ann"), map[string]string{"demo-tabs": "old"}, func(ops ...dom.Operation) {
				if strings.Contains(shownBy(ops), "ann: 1 tabs") {
					answered.Add(1)
				}
			})
		}
		settle()
		if answered.Load() != 10 {
			t.Errorf("%d of 10 tabs have their answer", answered.Load())
		}
		if got := n.demo.rendersFor("ann"); got != 1 {
			t.Errorf("%d renders for ten tabs of one person, want 1", got)
		}
	})
}

// TestBus_Sync_personalInCrowd: what one person sees is not rendered again since others
// come and go meanwhile, and it is where they themselves do.
func TestBus_Sync_personalInCrowd(t *testing.T) {
	for _, tt := range []struct {
		name, user string
		renders    int
		want       string
	}{
		{"Others", "bob", 1, "ann: 1 tabs"},
		{"Self", "ann", 2, "ann: 2 tabs"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := startTabs(t, 250*time.Millisecond)
				n.joinAs(t, "ann", "a1")
				var answer atomic.Value
				n.Sync("home", "", person("ann"), map[string]string{"demo-tabs": "old"}, func(ops ...dom.Operation) { answer.Store(shownBy(ops)) })
				synctest.Wait()
				n.joinAs(t, tt.user, "another")
				<-time.After(time.Second)
				if got := n.demo.rendersFor("ann"); got != tt.renders {
					t.Errorf("%d renders for ann, want %d", got, tt.renders)
				}
				if got := strip(n.page(t)); !strings.Contains(got, tt.want) {
					t.Errorf("ann's page has %s, want %s", got, tt.want)
				}
				if got, _ := answer.Load().(string); !strings.Contains(got, tt.want) {
					t.Errorf("the answer is %s, want %s", got, tt.want)
				}
			})
		})
	}
}
