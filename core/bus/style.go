package bus

import (
	"sync"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// styleID is the id of the link to the style sheet of all features, whose revision is the
// sheet's address.
const styleID = "page_style"

// style is the style sheet of the features that there are.
type style struct {
	mu  sync.Mutex // held while pages are told, so that they are in order; taken before all of the Broadcaster's
	url string     // guarded by mu
}

// StyleChanged tells every page that is open the address of the features' style sheet,
// if it is another one than before.
func (b *Bus) StyleChanged(url string) {
	b.style.mu.Lock()
	defer b.style.mu.Unlock()
	if b.style.url == url {
		return
	}
	b.style.url = url
	for _, r := range b.loadedRooms() {
		b.send(r.name, "", plugins.Audience{}, styleOperations(url))
	}
}

// sayStyle tells a page that shows revs of the style sheet, if it has another one.
func (b *Bus) sayStyle(revs map[string]string, reply func(ops ...dom.Operation)) {
	b.style.mu.Lock()
	defer b.style.mu.Unlock()
	if rev, there := revs[styleID]; there && b.style.url != "" && rev != b.style.url {
		reply(styleOperations(b.style.url)...)
	}
}

func styleOperations(url string) []dom.Operation {
	return ops(dom.SetAttribute("#"+styleID, "href", url), dom.SetAttribute("#"+styleID, revAttribute, url))
}
