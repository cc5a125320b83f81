package hosted

import (
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"time"
)

const (
	// foldEvery is how often a line that goes on and on is told of, and the silence
	// after which one that comes again is news.
	foldEvery = time.Minute

	// mostFolds is how many lines are told apart at once; a server knows about as
	// many that are worth a warning in one bad day.
	mostFolds = 100
)

// varies is what differs between repeats of a line: numbers, and the names that
// servers give themselves.
var varies = regexp.MustCompile(`[0-9a-f]{16,}|[0-9]+`)

// folds counts the repeats of lines, over all lives of a server: the first is told
// of at once, then a count each minute, and one that comes again after a silence; of
// hints the first alone. One life uses it at a time.
type folds struct {
	byKey map[string]*fold
}

// fold is a line and its repeats.
type fold struct {
	level  slog.Level
	text   string
	last   time.Time     // when it came last
	told   time.Time     // when it was told of last
	untold int           // repeats since
	silent time.Duration // before the last one, where that makes it news
}

func newFolds() *folds { return &folds{byKey: map[string]*fold{}} }

// see takes a line and reports whether it is to be told of. Whoever does clears
// untold and silent.
func (f *folds) see(s saying, now time.Time) (seen *fold, tell bool) {
	key := varies.ReplaceAllString(s.text, "#")
	seen, known := f.byKey[key]
	if !known {
		if len(f.byKey) >= mostFolds {
			f.forgetOldest()
		}
		seen = &fold{last: now}
		f.byKey[key] = seen
	}
	silence := now.Sub(seen.last)
	seen.level, seen.text, seen.last = s.level, s.text, now
	switch {
	case !known:
	case s.level == slog.LevelInfo: // a hint, which comes with every start
		return seen, false
	case silence >= foldEvery:
		seen.silent = silence
	default:
		if seen.untold++; now.Sub(seen.told) < foldEvery {
			return seen, false
		}
	}
	seen.told = now
	return seen, true
}

func (f *folds) forgetOldest() {
	var oldest string
	for key, seen := range f.byKey {
		if oldest == "" || seen.last.Before(f.byKey[oldest].last) {
			oldest = key
		}
	}
	delete(f.byKey, oldest)
}

// rest returns the lines whose last repeats were not told of, as they are then.
func (f *folds) rest() []fold {
	var all []fold
	for _, key := range slices.Sorted(maps.Keys(f.byKey)) {
		if seen := f.byKey[key]; seen.untold > 0 {
			all = append(all, *seen)
			seen.untold = 0
		}
	}
	return all
}

// attrs says how often the line was repeated without a word, and after how long it
// came again.
func (f *fold) attrs() []slog.Attr {
	var attrs []slog.Attr
	if f.untold > 0 {
		attrs = append(attrs, slog.Int("repeated", f.untold))
	}
	if f.silent > 0 {
		attrs = append(attrs, slog.Duration("again_after", f.silent.Round(time.Second)))
	}
	return attrs
}
