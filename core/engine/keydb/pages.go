package keydb

import (
	"sync"

	"github.com/redis/go-redis/v9"
)

const (
	// pageBytes is about how many bytes of entries one Read returns.
	pageBytes = 8 << 20

	// firstCount is how many entries are read of a log before it is known how
	// large they are.
	firstCount = 4
)

// pages bounds what one Read holds in memory: an entry may have 100 bytes or a
// million.
type pages struct {
	mu      sync.Mutex        // guards the rest
	average map[string]int    // bytes of an entry, as last read, by site
	woken   func(site string) // of Run, or nil
}

// count returns how many entries of a site to read into a page that has room for so
// many bytes of that site.
func (p *pages) count(site string, room int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.average[site] == 0 {
		return firstCount
	}
	return max(1, room/p.average[site])
}

// saw takes note of how large entries are.
func (p *pages) saw(site string, entries, bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.average == nil {
		p.average = map[string]int{}
	}
	p.average[site] = max(1, bytes/entries)
}

// wakes sets what to call when a page left something out.
func (p *pages) wakes(woken func(site string)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.woken = woken
}

// cut wakes for sites of whose logs a page left something out: who reads them takes a
// page that is not full for their ends.
func (p *pages) cut(names []string) {
	p.mu.Lock()
	woken := p.woken
	p.mu.Unlock()
	if woken == nil {
		return
	}
	for _, name := range names {
		woken(name)
	}
}

// sizeOf returns the bytes of an entry.
func sizeOf(m redis.XMessage) int {
	n := len(m.ID)
	for field, value := range m.Values {
		text, _ := value.(string)
		n += len(field) + len(text)
	}
	return n
}
