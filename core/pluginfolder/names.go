package pluginfolder

import (
	"errors"
	"strings"
)

// unfinishedNames are how the names of files end that editors, browsers and copiers
// have not finished with.
var unfinishedNames = []string{"~", ".swp", ".swx", ".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".bak", ".orig", ".rej"}

// hidden reports that a name is not even looked at.
func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// unfinishedName says why a file is ignored by its name alone.
func unfinishedName(name string) *refusal {
	for _, end := range unfinishedNames {
		if strings.HasSuffix(name, end) {
			return refuse(notPlugin, "kind", "give it another name if it is to run", errors.New("its name ends in "+end+", as copies and unfinished files do"))
		}
	}
	if strings.HasPrefix(name, "#") {
		return refuse(notPlugin, "kind", "give it another name if it is to run", errors.New("its name begins with #, as unsaved files do"))
	}
	return nil
}
