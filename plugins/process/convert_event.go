package process

import (
	"time"

	"github.com/global-presence/presence/plugins"
	pb "github.com/global-presence/presence/plugins/process/internal/featurev1"
)

func eventOut(e plugins.Event) *pb.Event {
	return &pb.Event{
		Id: e.ID, Name: e.Name, Room: e.Room, Fields: e.Fields,
		Person: personOut(e.Person), UnixMs: e.Time.UnixMilli(),
	}
}

func eventIn(e *pb.Event) plugins.Event {
	return plugins.Event{
		ID: e.GetId(), Name: e.GetName(), Room: e.GetRoom(),
		Fields: e.GetFields(), Person: personIn(e.GetPerson()), Time: time.UnixMilli(e.GetUnixMs()).UTC(),
	}
}

func personOut(p plugins.Person) *pb.Person {
	if p == (plugins.Person{}) {
		return nil
	}
	return &pb.Person{User: p.User, Session: p.Session, Region: p.Region, Edge: p.Edge}
}

func personIn(p *pb.Person) plugins.Person {
	return plugins.Person{User: p.GetUser(), Session: p.GetSession(), Region: p.GetRegion(), Edge: p.GetEdge()}
}

func stateOut(s plugins.State) *pb.State {
	return &pb.State{
		Registers: table(s.Registers, itemOut),
		Counters:  s.Counters,
		Lists: table(s.Lists, func(items []plugins.Item) *pb.Items {
			return &pb.Items{Items: list(items, itemOut)}
		}),
		Presence: table(s.Presence, func(groups []plugins.Group) *pb.Groups {
			return &pb.Groups{Groups: list(groups, func(g plugins.Group) *pb.Group {
				return &pb.Group{Key: g.Key, People: int64(g.People), Tabs: int64(g.Tabs)}
			})}
		}),
		Sites: table(s.Sites, func(sites []plugins.Site) *pb.Sites {
			return &pb.Sites{Sites: list(sites, siteOut)}
		}),
	}
}

func stateIn(s *pb.State) plugins.State {
	return plugins.State{
		Registers: table(s.GetRegisters(), itemIn),
		Counters:  s.GetCounters(),
		Lists: table(s.GetLists(), func(l *pb.Items) []plugins.Item {
			return list(l.GetItems(), itemIn)
		}),
		Presence: table(s.GetPresence(), func(l *pb.Groups) []plugins.Group {
			return list(l.GetGroups(), func(g *pb.Group) plugins.Group {
				return plugins.Group{Key: g.GetKey(), People: int(g.GetPeople()), Tabs: int(g.GetTabs())}
			})
		}),
		Sites: table(s.GetSites(), func(l *pb.Sites) []plugins.Site {
			return list(l.GetSites(), siteIn)
		}),
	}
}

func itemOut(i plugins.Item) *pb.Item {
	return &pb.Item{Id: i.ID, Value: i.Value, UnixMs: i.At.UnixMilli(), Site: i.Site}
}

func itemIn(i *pb.Item) plugins.Item {
	return plugins.Item{ID: i.GetId(), Value: i.GetValue(), At: time.UnixMilli(i.GetUnixMs()).UTC(), Site: i.GetSite()}
}

func siteOut(s plugins.Site) *pb.Site {
	out := &pb.Site{Name: s.Name, Region: s.Region, Pings: list(s.Pings, func(p plugins.Ping) *pb.Ping {
		return &pb.Ping{To: p.To, RttUs: p.RTT.Microseconds()}
	})}
	if !s.CutOff.IsZero() {
		out.CutOffUnixMs = new(s.CutOff.UnixMilli())
	}
	return out
}

func siteIn(s *pb.Site) plugins.Site {
	out := plugins.Site{Name: s.GetName(), Region: s.GetRegion(), Pings: list(s.GetPings(), func(p *pb.Ping) plugins.Ping {
		return plugins.Ping{To: p.GetTo(), RTT: time.Duration(p.GetRttUs()) * time.Microsecond}
	})}
	if s.CutOffUnixMs != nil {
		out.CutOff = time.UnixMilli(s.GetCutOffUnixMs()).UTC()
	}
	return out
}

func mutationOut(m plugins.Mutation) *pb.Mutation {
	return &pb.Mutation{Field: m.Field, Op: pb.Op(m.Op), Value: m.Value, Delta: m.Delta}
}

func mutationIn(m *pb.Mutation) plugins.Mutation {
	return plugins.Mutation{
		Field: m.GetField(), Op: plugins.Op(small(m.GetOp())), Value: m.GetValue(), Delta: m.GetDelta(),
	}
}
