package converge

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// Complaints compares what the regions show, what the stores hold and what people were
// told, and returns all that is wrong.
func (r *Run) Complaints() []string {
	r.mu.Lock()
	complaints := slices.Clone(r.complaints)
	r.mu.Unlock()
	complain := func(format string, args ...any) {
		complaints = append(complaints, fmt.Sprintf(format, args...))
	}
	var live []string
	for _, name := range r.names {
		live = append(live, r.regions[name].binary)
	}
	for _, room := range rooms {
		want := r.regions[r.names[0]].view(room, live)
		for _, name := range r.names {
			region := r.regions[name]
			if diff := differ(want, region.view(room, live)); diff != "" {
				complain("%s as %s and %s show it (-%[2]s +%[3]s):\n%s", room, r.names[0], name, diff)
			}
			cells, _, err := region.store.Load(context.Background(), room)
			if err != nil {
				complain("%s: Load: %v", name, err)
				continue
			}
			fresh := state.NewRoom(schema())
			fresh.Merge(cells...)
			if diff := differ(want, view(fresh, live)); diff != "" {
				complain("%s as %s shows it and the store of %s holds it (-shown +held):\n%s", room, r.names[0], name, diff)
			}
		}
		r.audit(room, want["left"], want["right"], complain)
	}
	return complaints
}

// differ is cmp.Diff, quick where there is no difference.
func differ(want, got map[string]plugins.State) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got, cmpopts.EquateEmpty())
}

// audit holds what a room shows against what people were told: each acknowledged
// event is in the list once, nothing else is but events whose outcome nobody knew, and
// both counters count just what is in the list.
func (r *Run) audit(room string, left, right plugins.State, complain func(format string, args ...any)) {
	listed := map[string]int{}
	for _, item := range left.Lists["all"] {
		listed[item.Value]++
	}
	r.mu.Lock()
	acked, doubtful := slices.Clone(r.acked[room]), r.doubtful[room]
	r.mu.Unlock()
	n := int64(len(left.Lists["all"]))
	if a, b := left.Counters["count"], right.Counters["count"]; a != n || b != n {
		complain("%s: counters stand at %d and %d with %d events in the list", room, a, b, n)
	}
	if want := painted(left.Lists["all"]); right.Registers["board"].Value != want {
		complain("%s: the board is not what %d events painted", room, n)
	}
	for _, id := range acked {
		if listed[id] != 1 {
			complain("%s: acknowledged event %s is there %d times", room, id, listed[id])
		}
		delete(listed, id)
	}
	for id, times := range listed {
		if times != 1 || !doubtful[id] {
			complain("%s: event %s is there %d times, in doubt: %t", room, id, times, doubtful[id])
		}
	}
	people := 0
	for _, region := range r.regions {
		people += region.people(room)
	}
	shown := 0
	for _, g := range left.Presence["here"] {
		shown += g.People
	}
	if shown != people {
		complain("%s: %d people are shown, %d are there", room, shown, people)
	}
}

// view is what people in a room see, of whom only those of live binaries count.
func view(room *state.Room, live []string) map[string]plugins.State {
	for _, binary := range live {
		room.SetLive(binary, true)
	}
	right := room.State("right", nil)
	if right.Registers == nil {
		right.Registers = map[string]plugins.Item{}
	}
	right.Registers["board"] = plugins.Item{Value: string(room.Grid("right").Colours())}
	return map[string]plugins.State{"left": room.State("left", nil), "right": right}
}
