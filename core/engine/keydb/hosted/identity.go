package hosted

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/global-presence/presence/core/engine"
)

// Files of the data folder that tell whose it is.
const (
	siteFile  = "site"
	ownerFile = "owner"
)

// Names is what a site's name is made of.
type Names struct {
	// Site is the name that somebody chose, "" for none.
	Site string

	// Region is where the site is, such as "lhr".
	Region string

	// Machine is what the platform calls this machine, such as Fly.io's
	// FLY_MACHINE_ID "3d8d9014b32d68", "" when it does not.
	Machine string
}

// Identity returns the name of the site whose data dir holds. The first call for a
// folder chooses and keeps it: Names.Site, or the region, followed by the end of
// the machine's name where there is one ("lhr-2d68"), since two servers in one
// region are two sites. Later calls return the same, whatever machine the folder
// is on by then; that Names.Site is another is an error.
func Identity(dir string, n Names) (string, error) {
	if n.Site != "" && engine.CheckSite(n.Site) != nil {
		return "", fmt.Errorf("site %q: want a lower-case letter, then at most 31 of a-z, 0-9 and -", n.Site)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	kept, err := os.ReadFile(filepath.Join(dir, siteFile))
	switch site := strings.TrimSpace(string(kept)); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", fmt.Errorf("read the site's name: %w", err)
	case engine.CheckSite(site) != nil:
		return "", fmt.Errorf("data folder %s: its file %q holds no name of a site: %.40q", dir, siteFile, site)
	case n.Site != "" && n.Site != site:
		return "", fmt.Errorf("site %q: the data folder %s belongs to site %q; leave --site out or use another folder", n.Site, dir, site)
	default:
		_, err := openOwner(dir)
		return site, err
	}

	site := n.Site
	if site == "" {
		site = n.Region
		if end := machineEnd(n.Machine); end != "" {
			site += "-" + end
		}
	}
	if engine.CheckSite(site) != nil {
		return "", fmt.Errorf("region %q: no site can be named after it; choose a name with --site", n.Region)
	}
	if _, err := openOwner(dir); err != nil { // the folder is as old as its name
		return "", err
	}
	if err := writeFile(dir, siteFile, site+"\n"); err != nil {
		return "", fmt.Errorf("keep the site's name: %w", err)
	}
	return site, nil
}

// machineEnd returns the last four letters and digits of a machine's name.
func machineEnd(machine string) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(machine))
	return plain[max(0, len(plain)-4):]
}
