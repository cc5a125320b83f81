package process_test

import (
	"context"
	"strings"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/global-presence/presence/plugins/internal/featurev1"
)

// foreign is a feature that somebody made from feature.proto alone, and badly:
// it answers whatever the event's name says.
type foreign struct {
	plugin.NetRPCUnsupportedPlugin
	pb.UnimplementedFeatureServiceServer
	protocol uint32 // the version of it that it was made for
}

func serveForeign(protocol uint32) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: 1, MagicCookieKey: "PRESENCE_FEATURE", MagicCookieValue: "started by presence",
		},
		Plugins:    plugin.PluginSet{"feature": foreign{protocol: protocol}},
		GRPCServer: plugin.DefaultGRPCServer,
	})
}

func (f foreign) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterFeatureServiceServer(s, f)
	return nil
}

func (foreign) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

func (f foreign) Describe(_ context.Context, r *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	if r.GetProtocolVersion() < f.protocol {
		return nil, status.Errorf(codes.FailedPrecondition, "the feature was built for protocol %d, this presence speaks %d: update presence", f.protocol, r.GetProtocolVersion())
	}
	return &pb.DescribeResponse{Manifest: &pb.Manifest{Name: "foreign", Title: "Foreign"}}, nil
}

func (foreign) Carry(stream pb.FeatureService_CarryServer) error {
	for {
		r, err := stream.Recv()
		if err != nil {
			return nil
		}
		for _, c := range r.GetCalls() {
			if err := stream.Send(&pb.CarryResponse{Answers: answers(c)}); err != nil {
				return err
			}
		}
	}
}

func answers(c *pb.Call) []*pb.Answer {
	a := &pb.Answer{Id: c.GetId()}
	outcomes := func(o ...*pb.Outcome) []*pb.Answer {
		a.Body = &pb.Answer_Outcomes{Outcomes: &pb.Outcomes{Outcomes: o}}
		return []*pb.Answer{a}
	}
	set := &pb.Outcome{Mutations: []*pb.Mutation{{Field: "said", Op: pb.Op_OP_SET, Value: "ok"}}}
	if r := c.GetRender(); r != nil {
		switch r.GetRoom() {
		case "wrong kind":
			return outcomes(set)
		default: // a patch that is no operation
			a.Body = &pb.Answer_Fragments{Fragments: &pb.Fragments{Fragments: []*pb.Fragment{
				{Id: "foreign-x", Html: "<p id=foreign-x></p>", Patch: [][]byte{[]byte(`{"operation":"explode"}`)}},
			}}}
			return []*pb.Answer{a}
		}
	}
	switch c.GetHandle().GetEvents()[0].GetName() {
	case "huge":
		set.Mutations[0].Value = strings.Repeat("x", 17<<20)
		return outcomes(set)
	case "long error":
		long := strings.Repeat("x", 1<<20)
		return outcomes(&pb.Outcome{Error: &pb.Error{Code: pb.Code_CODE_REFUSED, Message: long, Sentence: long}})
	case "too many":
		return outcomes(set, set)
	case "wrong kind":
		a.Body = &pb.Answer_Fragments{Fragments: &pb.Fragments{}}
		return []*pb.Answer{a}
	case "no body":
		return []*pb.Answer{a}
	case "unknown operation":
		set.Mutations[0].Op = 1000
		return outcomes(set)
	case "unasked and twice":
		return append(outcomes(set), a, &pb.Answer{Id: c.GetId() + 1000})
	default:
		return outcomes(set)
	}
}
