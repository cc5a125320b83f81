package process

import (
	"math"

	"github.com/global-presence/presence/plugins"
	pb "github.com/global-presence/presence/plugins/process/internal/featurev1"
)

// list converts each element of a slice; no elements become nil.
func list[A, B any](in []A, convert func(A) B) []B {
	if len(in) == 0 {
		return nil
	}
	out := make([]B, len(in))
	for i, a := range in {
		out[i] = convert(a)
	}
	return out
}

// table converts each value of a map; no entries become nil.
func table[A, B any](in map[string]A, convert func(A) B) map[string]B {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]B, len(in))
	for k, a := range in {
		out[k] = convert(a)
	}
	return out
}

// small narrows an enum of the wire. Numbers that do not fit become one that no
// type of package plugins knows, so that they are refused and not mistaken.
func small[E ~int32](e E) uint8 {
	if e < 0 || e > math.MaxUint8 {
		return math.MaxUint8
	}
	return uint8(e)
}

func manifestOut(m plugins.Manifest) *pb.Manifest {
	return &pb.Manifest{
		Name: m.Name, Title: m.Title, Personal: m.Personal, Style: m.Style,
		Watches: list(m.Watches, func(w plugins.Watch) *pb.Watch {
			return &pb.Watch{Keys: w.Keys, Event: w.Event, Room: w.Room}
		}),
		State: list(m.State, func(f plugins.Field) *pb.Field {
			return &pb.Field{Name: f.Name, Kind: pb.Kind(f.Kind), Cap: int64(f.Cap), By: pb.Grouping(f.By)}
		}),
		Events: list(m.Events, func(e plugins.EventType) *pb.EventType {
			return &pb.EventType{Name: e.Name, Rate: e.Rate, Burst: int64(e.Burst), Fields: list(e.Fields, paramOut)}
		}),
	}
}

func manifestIn(m *pb.Manifest) plugins.Manifest {
	return plugins.Manifest{
		Name: m.GetName(), Title: m.GetTitle(), Personal: m.GetPersonal(), Style: m.GetStyle(),
		Watches: list(m.GetWatches(), func(w *pb.Watch) plugins.Watch {
			return plugins.Watch{Keys: w.GetKeys(), Event: w.GetEvent(), Room: w.GetRoom()}
		}),
		State: list(m.GetState(), func(f *pb.Field) plugins.Field {
			return plugins.Field{
				Name: f.GetName(), Kind: plugins.Kind(small(f.GetKind())),
				Cap: int(f.GetCap()), By: plugins.Grouping(small(f.GetBy())),
			}
		}),
		Events: list(m.GetEvents(), func(e *pb.EventType) plugins.EventType {
			return plugins.EventType{
				Name: e.GetName(), Rate: e.GetRate(), Burst: int(e.GetBurst()), Fields: list(e.GetFields(), paramIn),
			}
		}),
	}
}

func paramOut(p plugins.Param) *pb.Param {
	return &pb.Param{
		Name: p.Name, Type: pb.Type(p.Type), Optional: p.Optional, Min: p.Min, Max: p.Max, Choices: p.Choices,
	}
}

func paramIn(p *pb.Param) plugins.Param {
	return plugins.Param{
		Name: p.GetName(), Type: plugins.Type(small(p.GetType())), Optional: p.GetOptional(),
		Min: p.GetMin(), Max: p.GetMax(), Choices: p.GetChoices(),
	}
}
