package keydb

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

//go:embed common.lua
var commonLua string

//go:embed write.lua
var writeLua string

//go:embed restore.lua
var restoreLua string

// scripts are what runs in the server. It keeps them by their hash; they are sent
// again when it has forgotten.
type scripts struct{ write, restore *redis.Script }

func newScripts() scripts {
	return scripts{
		write:   redis.NewScript(commonLua + writeLua),
		restore: redis.NewScript(commonLua + restoreLua),
	}
}
