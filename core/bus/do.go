package bus

import (
	"context"
	"time"
)

// doWindow is how many events of one DoAll are on their way at once: enough for full
// batches of the log, and a quarter of a feature's lane, so that people find room in it.
const doWindow = 4 * laneBatch

// Do is Dispatch for callers that wait. It returns after what the event changed can
// be seen in this region.
func (b *Bus) Do(ctx context.Context, req Request) Outcome {
	return b.DoAll(ctx, []Request{req})[0]
}

// DoAll is Do for many events, which are set on their way in order and share batches of
// the log: those of one feature are handled in that order, and one that is refused stops
// no other. It returns an outcome for each, in their order. When ctx ends, those that
// have no outcome yet are answered Unavailable, though some of them may still be taken.
func (b *Bus) DoAll(ctx context.Context, reqs []Request) []Outcome {
	type answer struct {
		index   int
		outcome Outcome
	}
	outcomes := make([]Outcome, len(reqs))
	for i := range outcomes {
		outcomes[i] = Outcome{Status: Unavailable, Sentence: sayStoreAway}
	}
	answers := make(chan answer, len(reqs)) // holds all, so that nobody waits to answer
	taken := false
	await := func() bool {
		select {
		case a := <-answers:
			outcomes[a.index] = a.outcome
			taken = taken || a.outcome.Status == OK
			return true
		case <-ctx.Done():
			return false
		}
	}
	waiting := 0
	for i, req := range reqs {
		if waiting == doWindow {
			if !await() {
				return outcomes
			}
			waiting--
		}
		b.Dispatch(req, func(o Outcome) { answers <- answer{i, o} })
		waiting++
	}
	for ; waiting > 0; waiting-- {
		if !await() {
			return outcomes
		}
	}
	if taken {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		b.applied.waitAll(ctx, b.cfg.Engine.Site())
	}
	return outcomes
}
