package web

import (
	"strings"
	"sync"

	"github.com/global-presence/presence/assets"
	"github.com/global-presence/presence/plugins"
)

// keptStyles is how many versions of the features' style sheet can be fetched, for
// pages that were made a moment before a feature changed.
const keptStyles = 8

// styles is the one style sheet of all features, each scoped to its own corner.
type styles struct {
	mu    sync.Mutex
	files []*assets.File // newest last
}

// set makes the sheet anew.
func (s *styles) set(manifests []plugins.Manifest) {
	var css strings.Builder
	for _, m := range manifests {
		if m.Style != "" {
			css.WriteString("@scope (#" + m.Name + ") {\n" + m.Style + "\n}\n")
		}
	}
	f := assets.NewFile("features.css", []byte(css.String()))
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.files); n > 0 && s.files[n-1].URL == f.URL {
		return
	}
	s.files = append(s.files, f)
	s.files = s.files[max(0, len(s.files)-keptStyles):]
}

// url returns the address of the present sheet, which may be empty.
func (s *styles) url() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[len(s.files)-1].URL
}

func (s *styles) lookup(url string) (*assets.File, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		if f.URL == url {
			return f, true
		}
	}
	return nil, false
}
