package pluginfolder

import (
	"strings"
)

// cause is why a file does not run, as far as somebody goes by it.
type cause int

const (
	// notPlugin: it is something else, and nobody wonders.
	notPlugin cause = iota

	// notExecutable: it is ignored, and somebody may wonder.
	notExecutable

	// unfinished: the rest of it may still come.
	unfinished

	// unlisted: the lock does not allow it.
	unlisted

	// clash: another file is that feature.
	clash

	// faulty: it stays refused until it changes.
	faulty

	// passing: it may go better another time.
	passing
)

// refusal is why a file does not run.
type refusal struct {
	cause   cause
	subject string // which check: "kind", "whole", "digest", "starts", "manifest", "name"
	err     error  // a line each
	mend    string // what to do; may be ""
	name    string // of a clash: the feature
}

func refuse(c cause, subject, mend string, err error) *refusal {
	return &refusal{cause: c, subject: subject, err: err, mend: mend}
}

// State is what has become of a file, as metrics and lists show it.
type State string

// The states of a file.
const (
	// Waiting: it is new or not whole.
	Waiting State = "waiting"

	// Running: it is a feature.
	Running State = "running"

	// Refused: what it holds does not run; the version before may.
	Refused State = "refused"

	// Ignored: it is no feature.
	Ignored State = "ignored"
)

// state returns what r makes of a file; of nil, that it runs.
func (r *refusal) state() State {
	switch {
	case r == nil:
		return Running
	case r.cause == unfinished:
		return Waiting
	case r.cause == notPlugin || r.cause == notExecutable:
		return Ignored
	}
	return Refused
}

// oneLine writes the lines of an error after each other.
func oneLine(err error) string {
	return strings.Join(strings.Split(strings.TrimSpace(err.Error()), "\n"), "; ")
}
