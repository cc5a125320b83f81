package hostile

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
)

// Raw is a feature without an SDK: it gives the same bytes whatever it is asked. It is
// written as JSON.
type Raw struct{ Manifest, Handled, Rendered []byte }

// ReadRaw reads one from a file.
func ReadRaw(path string) (Raw, error) {
	var r Raw
	b, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("read raw feature: %w", err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("read raw feature %s: %w", path, err)
	}
	return r, nil
}

// Describe implements process.Answerer.
func (r Raw) Describe(context.Context) ([]byte, error) { return r.Manifest, nil }

// Handle implements process.Answerer.
func (r Raw) Handle(context.Context, []byte) ([]byte, error) { return r.Handled, nil }

// Render implements process.Answerer.
func (r Raw) Render(context.Context, []byte) ([]byte, error) { return r.Rendered, nil }
