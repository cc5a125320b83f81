package keydb

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// The client library writes a line to the standard error stream for each connection
// that it could not make, by a logger that all its clients share. What is worth a line
// is told by this package, once and to Config.Logger.
func init() { redis.SetLogger(quiet{}) }

// quiet is a logger of the client library that says nothing.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}
