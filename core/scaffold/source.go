package scaffold

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
)

// Source is where the module comes from: a released version, or a checkout.
type Source struct {
	// Version is a version that the go command can fetch, such as "v1.2.0". It is not
	// used where Dir is set.
	Version string

	// Dir is the absolute path of a checkout of the module.
	Dir string
}

// FindSource returns the source for a feature that this program writes: the checkout
// sdk if that is set, else the program's own version, else the checkout around the
// folder from.
func FindSource(sdk, version, from string) (Source, error) {
	if sdk != "" {
		dir, err := filepath.Abs(sdk)
		if err != nil {
			return Source{}, fmt.Errorf("--sdk is %q: %w", sdk, err)
		}
		if !isCheckout(dir) {
			return Source{}, fmt.Errorf("--sdk is %q; want a folder whose go.mod says module %s", sdk, Module)
		}
		return Source{Dir: dir}, nil
	}
	if version != "" {
		return Source{Version: version}, nil
	}
	dir, err := filepath.Abs(from)
	if err != nil {
		return Source{}, fmt.Errorf("find checkout: %w", err)
	}
	for {
		if isCheckout(dir) {
			return Source{Dir: dir}, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return Source{}, errors.New("--sdk is missing: this presence is no released version, so the feature needs a checkout of its source; " +
				"want --sdk DIR, or a start from within the checkout (with --dir for where the feature is to be)")
		}
		dir = parent
	}
}

// isCheckout reports whether dir is the root of the module.
func isCheckout(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "go.mod"))
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) > 1 && words[0] == "module" {
			return words[1] == Module || words[1] == strconv.Quote(Module)
		}
	}
	return false
}

var (
	semantic = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)

	// pseudo is how a version ends that the go command makes of a commit.
	//
	// Source: https://go.dev/ref/mod#pseudo-versions.
	pseudo = regexp.MustCompile(`[-.][0-9]{14}-[0-9a-f]{12}$`)
)

// Fetchable returns the version of the module that a program of this build can name
// to the go command, or "" for a build of which nobody else has the source. release is
// a version that its builder gave it, or "".
func Fetchable(release string, info *debug.BuildInfo) string {
	if semantic.MatchString(release) {
		return release
	}
	if info == nil || info.Main.Path != Module || !semantic.MatchString(info.Main.Version) {
		return ""
	}
	// A build in a checkout names its commit, which need not have been published. One
	// that the go command fetched has a checksum.
	if info.Main.Sum == "" && pseudo.MatchString(info.Main.Version) {
		return ""
	}
	return info.Main.Version
}

// require returns what go.mod says of the source: the version, and what replaces it or
// "".
func (s Source) require() (version, replace string) {
	if s.Dir == "" {
		return s.Version, ""
	}
	replace = s.Dir
	if strings.ContainsAny(replace, " \t\"'`,()[]{}") || strings.Contains(replace, "//") {
		replace = strconv.Quote(replace)
	}
	return "v0.0.0", replace
}
