package process

import (
	"fmt"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
	pb "github.com/global-presence/presence/plugins/process/internal/featurev1"
)

func viewOut(v plugins.View) *pb.View {
	return &pb.View{
		Feature: v.Feature, Room: v.Room, State: stateOut(v.State),
		Viewer: personOut(v.Viewer), Partial: v.Changes != nil,
		Changes: list(v.Changes, func(c plugins.Change) *pb.Change {
			return &pb.Change{Field: c.Field, Group: c.Group, Id: c.ID, Value: c.Value}
		}),
	}
}

func viewIn(v *pb.View) plugins.View {
	out := plugins.View{
		Feature: v.GetFeature(), Room: v.GetRoom(), State: stateIn(v.GetState()), Viewer: personIn(v.GetViewer()),
	}
	if v.GetPartial() {
		out.Changes = make([]plugins.Change, len(v.GetChanges()))
		for i, c := range v.GetChanges() {
			out.Changes[i] = plugins.Change{Field: c.GetField(), Group: c.GetGroup(), ID: c.GetId(), Value: c.GetValue()}
		}
	}
	return out
}

func fragmentOut(f plugins.Fragment) *pb.Fragment {
	out := &pb.Fragment{Id: f.ID, Html: f.HTML, Patch: list(f.Patch, operationOut)}
	if f.Audience != (plugins.Audience{}) {
		out.Audience = &pb.Audience{User: f.Audience.User, Session: f.Audience.Session}
	}
	return out
}

// fragmentsIn fails when a patch holds something that is not an operation.
func fragmentsIn(in []*pb.Fragment) ([]plugins.Fragment, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := make([]plugins.Fragment, len(in))
	for i, f := range in {
		out[i] = plugins.Fragment{
			ID: f.GetId(), HTML: f.GetHtml(),
			Audience: plugins.Audience{User: f.GetAudience().GetUser(), Session: f.GetAudience().GetSession()},
		}
		for _, b := range f.GetPatch() {
			op, err := dom.Parse(b)
			if err != nil {
				return nil, fmt.Errorf("read patch of fragment %q: %w", f.GetId(), err)
			}
			out[i].Patch = append(out[i].Patch, op)
		}
	}
	return out, nil
}

// checkPatches reports an operation that was built wrongly: the host would not
// read it, and here its fault still has a name.
func checkPatches(fragments []plugins.Fragment) error {
	for _, f := range fragments {
		for _, op := range f.Patch {
			if err := op.Err(); err != nil {
				return fmt.Errorf("patch of fragment %q: %w", f.ID, err)
			}
		}
	}
	return nil
}

func operationOut(op dom.Operation) []byte { return op.AppendJSON(nil) }
