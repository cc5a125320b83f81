package process

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that is wrapped
	"google.golang.org/grpc/mem"
)

// frame is a CarryRequest or CarryResponse that is encoded already: a list of
// parts, each a message of that type with one entry. Protobuf messages put one
// behind the other are one message with all their entries, so parts that were
// encoded by the goroutines that made them need no further work.
type frame [][]byte

// codec is gRPC's protobuf codec, which also takes frames.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	f, ok := v.(frame)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	out := make(mem.BufferSlice, len(f))
	for i, part := range f {
		out[i] = mem.SliceBuffer(part)
	}
	return out, nil
}
