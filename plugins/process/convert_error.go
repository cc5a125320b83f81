package process

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/global-presence/presence/plugins"
	pb "github.com/global-presence/presence/plugins/process/internal/featurev1"
)

// crossed is an error that came over the wire, or from a library: its text, and
// what errors.Is and errors.As find in it here.
type crossed struct {
	text string
	is   error
}

func (e *crossed) Error() string { return e.text }
func (e *crossed) Unwrap() error { return e.is }

// errorOut turns a feature's error into a code. ctx is the call's.
func errorOut(ctx context.Context, err error) *pb.Error {
	out := &pb.Error{Code: pb.Code_CODE_FAILED, Message: strings.ToValidUTF8(err.Error(), "\uFFFD")}
	refusal, refused := errors.AsType[*plugins.Refusal](err)
	switch {
	case refused:
		out.Code = pb.Code_CODE_REFUSED
		out.Sentence = strings.ToValidUTF8(refusal.Sentence, "\uFFFD")
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
	switch e.GetCode() {
	case pb.Code_CODE_REFUSED:
		return same(e.GetMessage(), &plugins.Refusal{Sentence: e.GetSentence()})
	case pb.Code_CODE_UNAVAILABLE:
		return same(e.GetMessage(), plugins.ErrUnavailable)
	case pb.Code_CODE_DEADLINE_EXCEEDED:
		return errLate
	case pb.Code_CODE_CANCELLED:
		return same(e.GetMessage(), context.Canceled)
	default:
		return errors.New(e.GetMessage())
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
