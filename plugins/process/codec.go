package process

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that is wrapped
	"google.golang.org/grpc/mem"
)

// frame is a message to be sent that is encoded already: a list of parts, each a
// message of the same type. Protobuf messages put one behind the other are one message
// with all their entries, so parts that were encoded by the goroutines that made them
// need no further work.
type frame [][]byte

// received is a message that came, as it stands on the wire.
type received []byte

// codec is gRPC's protobuf codec, which serves go-plugin, and takes frames besides.
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

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	r, ok := v.(*received)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	*r = data.Materialize()
	return nil
}
