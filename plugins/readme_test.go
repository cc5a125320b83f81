package plugins_test

import (
	"os"
	"strings"
	"testing"

	"github.com/global-presence/presence/plugins/internal/claps"
	"github.com/global-presence/presence/plugins/plugintest"
)

// TestREADME: the feature in README.md is the one in internal/claps, and keeps the
// contract.
func TestREADME(t *testing.T) {
	source, err := os.ReadFile("internal/claps/claps.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```go\n"+string(source)+"```") {
		t.Errorf("README.md does not show this feature:\n%s", source)
	}
	plugintest.Run(t, claps.Claps{})
}
