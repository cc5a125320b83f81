package pluginfolder

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// Listed is a line of a list, and an object of its JSON.
type Listed struct {
	// File is the file's name.
	File string `json:"file"`

	// Kind, Digest, Feature and Title are empty as far as they are not known.
	Kind    Kind   `json:"kind,omitempty"`
	Digest  string `json:"digest,omitempty"`
	Feature string `json:"feature,omitempty"`
	Title   string `json:"title,omitempty"`
	SDK     string `json:"sdk,omitempty"`

	// State is what becomes of the file, and Reason why it does not run.
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
	Mend   string `json:"mend,omitempty"`
}

// List writes what becomes of each file in the folder of cfg, as a table or as JSON. It
// starts each program once, and needs no Host. The error counts the files that are
// refused.
func List(ctx context.Context, cfg Config, w io.Writer, asJSON bool) error {
	in, done, err := inspection(cfg)
	if err != nil {
		return err
	}
	defer done()
	all, err := scan(cfg.Dir)
	if err != nil {
		return err
	}
	lock, _ := os.Stat(cfg.Lock)
	list := []Listed{}
	features := map[string]string{} // the file of each
	refused := 0
	for _, found := range all {
		if lock != nil && found.info != nil && os.SameFile(lock, found.info) {
			continue
		}
		l := in.list(ctx, found.name, features)
		if err := context.Cause(ctx); err != nil {
			return err
		}
		list = append(list, l)
		if l.State == Refused || l.State == Waiting {
			refused++
		}
		in.staging.keep(nil)
	}
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(list)
	} else {
		err = table(w, list)
	}
	if err == nil && refused > 0 {
		err = fmt.Errorf("%s would not run", count(refused, "file", "files"))
	}
	return err
}

// inspection returns an inspector for a command, and what gives it back.
func inspection(cfg Config) (*inspector, func(), error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	lock, err := openLock(cfg.Lock, cfg.Settle)
	if err != nil {
		return nil, nil, fmt.Errorf("lock: %w", err)
	}
	staging, err := openStaging(cfg.Staging)
	if err != nil {
		return nil, nil, err
	}
	return &inspector{cfg: cfg, lock: lock, staging: staging}, func() { staging.Close() }, nil
}

// list judges one file of the folder.
func (in *inspector) list(ctx context.Context, name string, features map[string]string) Listed {
	p, r := Program{}, unfinishedName(name)
	if r == nil {
		p, r = in.inspect(ctx, filepath.Join(in.cfg.Dir, name), nil, nil)
	}
	if r == nil {
		if by, ok := features[p.Manifest.Name]; ok {
			r = taken(p, by)
		} else {
			features[p.Manifest.Name] = name
		}
	}
	l := Listed{File: name, Kind: p.Kind, Feature: p.Manifest.Name, Title: p.Manifest.Title, SDK: p.SDK, State: r.state()}
	if p.Digest != (Digest{}) {
		l.Digest = p.Digest.String()
	}
	if r != nil {
		l.Reason, l.Mend = oneLine(r.err), r.mend
	}
	return l
}

// verdicts are the states as a list without a host says them.
var verdicts = map[State]string{Running: "ok", Refused: "refused", Waiting: "not whole", Ignored: "ignored"}

func table(w io.Writer, list []Listed) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "There are no files.")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FILE\tKIND\tFEATURE\tTITLE\tDIGEST\tVERDICT")
	for _, l := range list {
		verdict := verdicts[l.State]
		if l.Reason != "" {
			verdict += ": " + l.Reason
		}
		if l.Mend != "" {
			verdict += " → " + l.Mend
		}
		cells := []string{l.File, string(l.Kind), l.Feature, l.Title, l.Digest[:min(12, len(l.Digest))], verdict}
		for i, c := range cells {
			if cells[i] = printable(c); c == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}

// printable writes what a terminal might obey as Go does in quotes.
func printable(s string) string {
	quoted := fmt.Sprintf("%q", s)
	if inner := quoted[1 : len(quoted)-1]; strings.ReplaceAll(strings.ReplaceAll(inner, `\"`, `"`), `\\`, `\`) != s {
		return inner
	}
	return s
}
