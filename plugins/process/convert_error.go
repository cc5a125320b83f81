package process

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/global-presence/presence/plugins"
	pb "github.com/global-presence/presence/plugins/process/internal/featurev1"
)

// maxErrorText is how many bytes of an error's text cross. It is for a log line;
// what a person sees is the sentence of a refusal.
const maxErrorText = 1 << 10

// crossed is an error that came over the wire, or from a library: its text, and
// what errors.Is and errors.As find in it here.
type crossed struct {
	text string
	is   error
}

func (e *crossed) Error() string { return e.text }
func (e *crossed) Unwrap() error { return e.is }

// errorOut turns a feature's error into a code. ctx is the call's. Long texts are
// cut, on both sides, since either may be another program.
func errorOut(ctx context.Context, err error) *pb.Error {
	out := &pb.Error{Code: pb.Code_CODE_FAILED, Message: clip(err.Error(), maxErrorText)}
	refusal, refused := errors.AsType[*plugins.Refusal](err)
	switch {
	case refused:
		out.Code = pb.Code_CODE_REFUSED
		out.Sentence = clip(refusal.Sentence, plugins.MaxSentenceSize)
	case ctx.Err() != nil && errors.Is(err, context.DeadlineExceeded):
		out.Code = pb.Code_CODE_DEADLINE_EXCEEDED
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		out.Code = pb.Code_CODE_CANCELLED
	case errors.Is(err, plugins.ErrUnavailable):
		out.Code = pb.Code_CODE_UNAVAILABLE
	}
	return out
}

// errorIn is the inverse of errorOut; nil stays nil.
func errorIn(e *pb.Error) error {
	if e == nil {
		return nil
	}
	text := clip(e.GetMessage(), maxErrorText)
	switch e.GetCode() {
	case pb.Code_CODE_REFUSED:
		return same(text, &plugins.Refusal{Sentence: clip(e.GetSentence(), plugins.MaxSentenceSize)})
	case pb.Code_CODE_UNAVAILABLE:
		return same(text, plugins.ErrUnavailable)
	case pb.Code_CODE_DEADLINE_EXCEEDED:
		return errLate
	case pb.Code_CODE_CANCELLED:
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
	return &crossed{text: text, is: is}
}

// errLate is both unavailable and past its deadline, whoever noticed it.
var errLate = fmt.Errorf("%w: %w", plugins.ErrUnavailable, context.DeadlineExceeded)

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
