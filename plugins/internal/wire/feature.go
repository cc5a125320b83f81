package wire

import (
	"context"

	"github.com/global-presence/presence/plugins"
)

// Answers is a feature that takes and gives messages: what every carrier makes of one,
// in a process and in WebAssembly.
type Answers struct {
	Feature plugins.Feature
	SDK     string // see Description
}

// Describe returns a DescribeResponse.
func (a Answers) Describe(context.Context) ([]byte, error) {
	return Describe(Description{Manifest: a.Feature.Manifest(), SDK: a.SDK})
}

// Handle takes a Handle, which nobody may change from then on, and returns an Answer. Its events are handled in turn, until
// ctx ends. It never returns an error.
func (a Answers) Handle(ctx context.Context, in []byte) ([]byte, error) {
	events, states, err := ParseHandle(in)
	if err != nil {
		return Failed(ctx, err), nil
	}
	outcomes := make([]plugins.Outcome, len(events))
	for i, e := range events {
		if outcomes[i].Err = ctx.Err(); outcomes[i].Err == nil {
			outcomes[i].Mutations, outcomes[i].Err = a.Feature.Handle(ctx, e, states[e.Room])
		}
	}
	out, err := Outcomes(ctx, outcomes)
	if err != nil {
		return Failed(ctx, wrap("encode answer", err)), nil
	}
	return out, nil
}

// Render takes a View, which nobody may change from then on, and returns an Answer. It never returns an error.
func (a Answers) Render(ctx context.Context, in []byte) ([]byte, error) {
	v, err := ParseView(in)
	if err != nil {
		return Failed(ctx, err), nil
	}
	fragments, err := a.Feature.Render(ctx, v)
	if err != nil {
		return Failed(ctx, err), nil
	}
	out, err := Fragments(fragments)
	if err != nil {
		return Failed(ctx, wrap("encode answer", err)), nil
	}
	return out, nil
}
