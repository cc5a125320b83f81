package keydb

import (
	"context"
	"strconv"
	"strings"
)

// info is what a server tells of itself in INFO, field by field. Of a field that
// KeyDB tells for each master under the same name, it is the last.
type info map[string]string

func (s *server) info(ctx context.Context) (info, error) {
	text, err := s.client.Info(ctx).Result()
	if err != nil {
		return nil, err
	}
	return parseInfo(text), nil
}

func parseInfo(text string) info {
	i := info{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if ok {
			i[name] = value
		}
	}
	return i
}

// number returns a field as a number, 0 if it is none.
func (i info) number(field string) int64 {
	n, _ := strconv.ParseInt(i[field], 10, 64) // 0 then
	return n
}

// replica reports whether the server copies one primary and takes no part beyond
// that; an active replica of KeyDB is none.
func (i info) replica() bool { return i["role"] == "slave" }

// name returns what kind of server it is, and its version.
func (i info) name() (kind, version string) {
	switch {
	case i["valkey_version"] != "":
		return "Valkey", i["valkey_version"]
	case i["mvcc_depth"] != "" || i["storage_provider"] != "" || i["server_threads"] != "":
		return "KeyDB", i["redis_version"]
	}
	return "Redis", i["redis_version"]
}
