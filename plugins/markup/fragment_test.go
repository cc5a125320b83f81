package markup_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/markup"
)

// Of what is for many different people there is a most, too.
func TestFragments_Rendered(t *testing.T) {
	render := func(n, size int) error {
		fragments := make([]plugins.Fragment, n)
		for i := range fragments {
			fragments[i] = plugins.Fragment{
				ID: "f-x", HTML: `<p id="f-x">` + strings.Repeat("x", size) + `</p>`,
				Audience: plugins.Audience{User: fmt.Sprint("user-", i)},
			}
		}
		return markup.Fragments("f", fragments)
	}
	for _, tc := range []struct {
		n, size int
		want    string
	}{
		{plugins.MaxRendered, 1, ""},
		{plugins.MaxRendered + 1, 1, "4097 fragments: at most 4096 are allowed in one render"},
		{256, 16 << 10, "more than 4194304 bytes of HTML in one render"},
	} {
		err := render(tc.n, tc.size)
		if got := fmt.Sprint(err); tc.want == "" && err != nil || tc.want != "" && got != tc.want {
			t.Errorf("%d fragments of %d bytes: %s; want %q", tc.n, tc.size, got, tc.want)
		}
	}
}
