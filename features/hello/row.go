package hello

import (
	"strconv"
	"time"

	"github.com/global-presence/presence/core/region"
	"github.com/global-presence/presence/plugins"
)

// row is a greeting as the page shows it.
type row struct {
	value  string // as the list holds it
	id     string // of its element
	number string // "k7qf2"
	colour string // a class: "colour-3"
	city   string // "London"
	at     time.Time
}

// rows returns the items as rows, in their order, without those that cannot be
// read, which only another version can have written.
func rows(items []plugins.Item) []row {
	out := make([]row, 0, len(items))
	for _, item := range items {
		r, err := plugins.ParseRecord(item.Value)
		if err != nil || r["user"] == "" {
			continue
		}
		out = append(out, row{
			value:  item.Value,
			id:     "hello-row-" + item.ID,
			number: plugins.UserNumber(r["user"]),
			colour: "colour-" + strconv.Itoa(plugins.UserColour(r["user"])),
			city:   region.Code(r["region"]).City(),
			at:     item.At.UTC(),
		})
	}
	return out
}
