package wire

import (
	"context"
	"errors"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// The numbers of the bodies in the message Answer.
const (
	bodyOutcomes  = 2
	bodyFragments = 3
	bodyError     = 4
)

// Outcomes returns the message Answer to a Handle. ctx is the call's.
func Outcomes(ctx context.Context, outcomes []plugins.Outcome) ([]byte, error) {
	w := writer{b: make([]byte, 0, 16+64*len(outcomes))}
	body := w.begin(bodyOutcomes)
	each(&w, 1, outcomes, func(w *writer, o *plugins.Outcome) {
		if o.Err != nil {
			start := w.begin(2)
			writeError(ctx, w, o.Err)
			w.end(start)
			return
		}
		each(w, 1, o.Mutations, writeMutation)
	})
	w.end(body)
	return w.done()
}

// Fragments returns the message Answer to a View. An operation that was built
// wrongly is an error here, where its fault still has a name.
func Fragments(fragments []plugins.Fragment) ([]byte, error) {
	size := 16
	for _, f := range fragments {
		size += len(f.HTML) + 64
	}
	w := writer{b: make([]byte, 0, size)}
	body := w.begin(bodyFragments)
	each(&w, 1, fragments, writeFragment)
	w.end(body)
	return w.done()
}

// Failed returns the message Answer that says why there is no other. ctx is the
// call's.
func Failed(ctx context.Context, err error) []byte {
	var w writer
	body := w.begin(bodyError)
	writeError(ctx, &w, err)
	w.end(body)
	return w.b // its texts are UTF-8
}

// ParseOutcomes reads an Answer to a Handle. Its error is the feature's, or says that
// the message is not such an answer.
func ParseOutcomes(b []byte) ([]plugins.Outcome, error) {
	var outcomes []plugins.Outcome
	err := parseAnswer(b, bodyOutcomes, func(r reader) {
		for r.next() {
			if r.num == 1 {
				add(&r, &outcomes, readOutcome)
			}
		}
	})
	return outcomes, err
}

// ParseFragments reads an Answer to a View. Its error is the feature's, or says that
// the message is not such an answer.
func ParseFragments(b []byte) ([]plugins.Fragment, error) {
	var fragments []plugins.Fragment
	err := parseAnswer(b, bodyFragments, func(r reader) {
		for r.next() {
			if r.num == 1 {
				add(&r, &fragments, readFragment)
			}
		}
	})
	return fragments, err
}

// parseAnswer calls body for the body of that number. Of several bodies the last one
// counts.
func parseAnswer(b []byte, want int, body func(reader)) error {
	var failure error
	got := 0
	r := read(b)
	for r.next() {
		switch n := int(r.num); n {
		case bodyError:
			got, failure = n, readError(r.message())
		case bodyOutcomes, bodyFragments:
			if got = n; n == want {
				body(r.message())
			}
		}
	}
	switch err := r.finish("answer"); {
	case err != nil:
		return err
	case got == bodyError:
		return failure
	case got != want:
		return errors.New("got an answer of another kind")
	}
	return nil
}

func readOutcome(r reader, o *plugins.Outcome) {
	for r.next() {
		switch r.num {
		case 1:
			add(&r, &o.Mutations, readMutation)
		case 2:
			o.Err = readError(r.message())
		}
	}
	if o.Err != nil {
		o.Mutations = nil
	}
}

func writeMutation(w *writer, m *plugins.Mutation) {
	w.text(1, m.Field)
	w.integer(2, int64(m.Op))
	w.text(3, m.Value)
	w.signed(4, m.Delta)
	w.text(5, m.Key)
}

func readMutation(r reader, m *plugins.Mutation) {
	for r.next() {
		switch r.num {
		case 1:
			r.text(&m.Field)
		case 2:
			small(&r, &m.Op)
		case 3:
			r.text(&m.Value)
		case 4:
			r.signed(&m.Delta)
		case 5:
			r.text(&m.Key)
		}
	}
}

func writeFragment(w *writer, f *plugins.Fragment) {
	w.text(1, f.ID)
	w.text(2, f.HTML)
	if f.Audience != (plugins.Audience{}) {
		start := w.begin(3)
		w.text(1, f.Audience.User)
		w.text(2, f.Audience.Session)
		w.end(start)
	}
	for _, op := range f.Patch {
		if err := op.Err(); err != nil {
			w.err = wrap("patch of fragment \""+f.ID+"\"", err)
			return
		}
		w.bytes(4, op.AppendJSON(nil))
	}
}

func readFragment(r reader, f *plugins.Fragment) {
	for r.next() {
		switch r.num {
		case 1:
			r.text(&f.ID)
		case 2:
			r.text(&f.HTML)
		case 3:
			readAudience(r.message(), &f.Audience)
		case 4:
			add(&r, &f.Patch, func(_ reader, op *dom.Operation) {
				var err error
				if *op, err = dom.Parse(r.bytes); err != nil {
					r.fail(wrap("patch of fragment \""+f.ID+"\"", err))
				}
			})
		}
	}
}

func readAudience(r reader, a *plugins.Audience) {
	for r.next() {
		switch r.num {
		case 1:
			r.text(&a.User)
		case 2:
			r.text(&a.Session)
		}
	}
}
