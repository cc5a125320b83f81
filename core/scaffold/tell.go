package scaffold

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Tell prints what was written and what to do next.
func (r Result) Tell(w io.Writer) error {
	var b strings.Builder
	for _, f := range r.Files {
		fmt.Fprintf(&b, "wrote %s\n", filepath.Join(r.Dir, filepath.FromSlash(f)))
	}
	if r.Untidy != nil {
		fmt.Fprintf(&b, "\nThere is no go.sum yet: %v\nRun \"go mod tidy\" in the folder before anything else.\n", r.Untidy)
	}
	dir := r.Dir
	if strings.ContainsFunc(dir, func(c rune) bool {
		return !strings.ContainsRune("/._-", c) && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z')
	}) {
		dir = "'" + strings.ReplaceAll(dir, "'", `'\''`) + "'"
	}
	fmt.Fprintf(&b, "\nNext:\n\n    cd %s\n    go test ./...\n    presence dev .\n", dir)
	_, err := io.WriteString(w, b.String())
	return err
}
