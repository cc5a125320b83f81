package process

import (
	"context"
	"os"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// ProtocolVersion is the version of feature.proto that this package speaks. A host
// runs features of this version and of all before it.
const ProtocolVersion = 1

// pluginName is the only entry of go-plugin's table on both sides.
const pluginName = "feature"

func handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{
		ProtocolVersion:  1, // of go-plugin's table; Describe tells that of feature.proto
		MagicCookieKey:   "PRESENCE_FEATURE",
		MagicCookieValue: "started by presence",
	}
}

// Started reports whether a host has started this process to be a feature, as
// opposed to a person at a terminal. A program that is other things too, such
// as a test binary, asks before it calls [Serve].
func Started() bool {
	h := handshake()
	return os.Getenv(h.MagicCookieKey) == h.MagicCookieValue
}

// served is go-plugin's view of a feature, on both sides.
type served struct {
	plugin.NetRPCUnsupportedPlugin
	service *service // nil in the host
}

// GRPCServer implements plugin.GRPCPlugin in the feature's process.
func (s *served) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	server.RegisterService(&serviceDesc, s.service)
	return nil
}

// GRPCClient implements plugin.GRPCPlugin in the host. It hands out the
// connection: what the host does with it is not for go-plugin to know.
func (s *served) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

var (
	_ plugin.GRPCPlugin = (*served)(nil)
	_ featureService    = (*service)(nil)
)
