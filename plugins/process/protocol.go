package process

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/global-presence/presence/plugins/internal/wire"
)

// The names of feature.proto.
const (
	serviceName  = "presence.feature.v1.FeatureService"
	describePath = "/" + serviceName + "/Describe"
	carryPath    = "/" + serviceName + "/Carry"
)

// featureService is what a feature's process serves, on the level of bytes.
type featureService interface {
	describe(ctx context.Context, in []byte) ([]byte, error)
	carry(stream grpc.ServerStream) error
}

var serviceDesc = grpc.ServiceDesc{
	ServiceName: serviceName,
	HandlerType: (*featureService)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Describe",
		Handler: func(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			var in received
			if err := decode(&in); err != nil {
				return nil, err
			}
			out, err := srv.(featureService).describe(ctx, in)
			return frame{out}, err
		},
	}},
	Streams: []grpc.StreamDesc{{
		StreamName:    "Carry",
		Handler:       func(srv any, stream grpc.ServerStream) error { return srv.(featureService).carry(stream) },
		ServerStreams: true,
		ClientStreams: true,
	}},
	Metadata: "presence/feature/v1/feature.proto",
}

// maxDescription is how many bytes a manifest may have on the wire. One that uses every
// limit of package plugins has about a quarter of it.
const maxDescription = 1 << 20

// describe asks a process what it is.
func describe(ctx context.Context, conn *grpc.ClientConn) (wire.Description, error) {
	var out received
	err := conn.Invoke(ctx, describePath, frame{wire.Hello(ProtocolVersion)}, &out, grpc.ForceCodecV2(newCodec()))
	if s := status.Convert(err); s.Code() == codes.FailedPrecondition { // in words for people
		return wire.Description{}, errors.New(s.Message())
	}
	if err != nil {
		return wire.Description{}, fmt.Errorf("describe: %w", err)
	}
	if len(out) > maxDescription {
		return wire.Description{}, fmt.Errorf("describe: a manifest of %d bytes: at most %d are allowed", len(out), maxDescription)
	}
	return wire.ParseDescription(out)
}

// carry opens the stream to a process.
func carry(ctx context.Context, conn *grpc.ClientConn) (grpc.ClientStream, error) {
	return conn.NewStream(ctx, &serviceDesc.Streams[0], carryPath, grpc.ForceCodecV2(newCodec()))
}
