package keydbtest

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// The client library writes a line for each connection that it could not make, and
// these tests wait for servers.
func init() { redis.SetLogger(quiet{}) }

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}
