package wasm

import (
	"context"
	"errors"

	"github.com/global-presence/presence/plugins/internal/wire"
)

// late makes an answer of an error that only says that ctx ended before the guest was
// asked: the guest is not broken.
func late(ctx context.Context, out []byte, err error) ([]byte, error) {
	if _, ok := errors.AsType[*Fault](err); ok {
		return nil, err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return wire.Failed(ctx, err), nil
	}
	return out, err
}
