package wire

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/global-presence/presence/plugins"
)

// maxErrorText is how many bytes of an error's text cross. It is for a log line;
// what a person sees is the sentence of a refusal.
const maxErrorText = 1 << 10

// The values of the enum Code.
const (
	codeFailed = iota + 1
	codeRefused
	codeUnavailable
	codeDeadlineExceeded
	codeCancelled
)

// crossed is an error with a text of its own, and what errors.Is and errors.As find
// in it.
type crossed struct {
	text string
	is   error
}

func (e *crossed) Error() string { return e.text }
func (e *crossed) Unwrap() error { return e.is }

// Crossed returns an error with that text in which errors.Is and errors.As find is.
func Crossed(text string, is error) error { return &crossed{text: text, is: is} }

// writeError turns a feature's error into a code. ctx is the call's. Long texts are
// cut, on both sides, since either may be another program.
func writeError(ctx context.Context, w *writer, err error) {
	code, sentence := int64(codeFailed), ""
	refusal, refused := errors.AsType[*plugins.Refusal](err)
	switch {
	case refused:
		code, sentence = codeRefused, clip(refusal.Sentence, plugins.MaxSentenceSize)
	case ctx.Err() != nil && errors.Is(err, context.DeadlineExceeded):
		code = codeDeadlineExceeded
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		code = codeCancelled
	case errors.Is(err, plugins.ErrUnavailable):
		code = codeUnavailable
	}
	w.integer(1, code)
	w.text(2, clip(err.Error(), maxErrorText))
	w.text(3, sentence)
}

// readError is the inverse of writeError.
func readError(r reader) error {
	var (
		code          int64
		text, plainly string
	)
	for r.next() {
		switch r.num {
		case 1:
			r.integer(&code)
		case 2:
			r.text(&text)
		case 3:
			r.text(&plainly)
		}
	}
	text = clip(text, maxErrorText)
	switch code {
	case codeRefused:
		return same(text, &plugins.Refusal{Sentence: clip(plainly, plugins.MaxSentenceSize)})
	case codeUnavailable:
		return same(text, plugins.ErrUnavailable)
	case codeDeadlineExceeded:
		return ErrLate
	case codeCancelled:
		return same(text, context.Canceled)
	default:
		return errors.New(text)
	}
}

// same returns is, or an error that holds it when the text says more.
func same(text string, is error) error {
	if text == is.Error() {
		return is
	}
	return Crossed(text, is)
}

// ErrLate is both unavailable and past its deadline, whoever noticed it.
var ErrLate = Crossed(
	plugins.ErrUnavailable.Error()+": "+context.DeadlineExceeded.Error(),
	errors.Join(plugins.ErrUnavailable, context.DeadlineExceeded),
)

// wrap says what was being done when err came. It is what fmt.Errorf would do, without
// package fmt.
func wrap(what string, err error) error { return Crossed(what+": "+err.Error(), err) }

// clip returns at most size bytes of text, as UTF-8, cut between characters.
func clip(text string, size int) string {
	text = text[:min(len(text), size+utf8.UTFMax)] // before it is copied
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= size {
		return text
	}
	for !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size]
}
