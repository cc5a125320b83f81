package hosted

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ownerField begins the names of the fields of gp:site:{site} by which owners tell
// of themselves, a field for each life of each owner, so that none hides another's,
// not even that of a copy of its folder:
//
//	owner:4YQ2XJ5Z3KQH6V7W8N9M0PABCD.7GQHZ2V4T5J6K7M8N9P0QRSTUV  2 1795485642123 517
//
// that is, its rank, when its folder was made by its own clock, and how often it has
// said so.
const ownerField = "owner:"

// rank is how good a life's right to the site's name is. It never falls in a life.
type rank int

const (
	claiming    rank = iota // it writes nothing yet
	serving                 // it writes, for the first time or since lately
	established             // it writes, and has for long or in an earlier life
)

// mark is what an owner says.
type mark struct {
	rank   rank
	since  int64 // when the folder was made, Unix time in ms
	rounds int64
}

func (m mark) String() string { return fmt.Sprint(int(m.rank), " ", m.since, " ", m.rounds) }

// parseMark reads what an owner says.
func parseMark(s string) (mark, bool) {
	var m mark
	n, err := fmt.Sscanf(s, "%d %d %d", &m.rank, &m.since, &m.rounds)
	return m, err == nil && n == 3
}

// before reports whether an owner comes before another, by their marks and fields:
// who serves before who does not, who has for longer before who has not, and only
// among equals the older folder by their clocks. Since a rank never falls and the
// rest never changes, of two that see each other exactly one gives way.
func (m mark) before(other mark, field, otherField string) bool {
	return cmp.Or(cmp.Compare(other.rank, m.rank), cmp.Compare(m.since, other.since), cmp.Compare(field, otherField)) < 0
}

// owner tells one data folder from all others, except from copies of it.
type owner struct {
	id    string
	since int64 // when it was made, Unix time in ms
	held  bool  // it has been established
}

// openOwner returns the owner of a data folder, which the first call makes. Its file
// holds
//
//	4YQ2XJ5Z3KQH6V7W8N9M0PABCD 1795485642123 held
//
// the last word only once it has been established.
func openOwner(dir string) (owner, error) {
	text, err := os.ReadFile(filepath.Join(dir, ownerFile))
	if errors.Is(err, fs.ErrNotExist) {
		o := owner{id: rand.Text(), since: time.Now().UnixMilli()}
		return o, keepOwner(dir, o)
	}
	if err != nil {
		return owner{}, fmt.Errorf("read the folder's owner: %w", err)
	}
	words := strings.Fields(string(text))
	if len(words) < 2 || len(words) > 3 || len(words) == 3 && words[2] != "held" {
		return owner{}, brokenOwner(dir, text)
	}
	since, err := strconv.ParseInt(words[1], 10, 64)
	if err != nil {
		return owner{}, brokenOwner(dir, text)
	}
	return owner{words[0], since, len(words) == 3}, nil
}

func brokenOwner(dir string, text []byte) error {
	return fmt.Errorf("data folder %s: its file %q is broken: %.40q", dir, ownerFile, text)
}

// keepOwner writes the owner's file.
func keepOwner(dir string, o owner) error {
	text := fmt.Sprint(o.id, " ", o.since)
	if o.held {
		text += " held"
	}
	if err := writeFile(dir, ownerFile, text+"\n"); err != nil {
		return fmt.Errorf("keep the folder's owner: %w", err)
	}
	return nil
}
