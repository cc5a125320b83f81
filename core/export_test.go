package core

import (
	"context"
	"time"
)

// Stage is a stage for RunStages, with the fields that it has inside.
type Stage struct {
	Name    string
	Run     func(ctx context.Context) error
	Started func(ctx context.Context)
}

// RunStages is runStages.
func RunStages(ctx context.Context, timeout time.Duration, stages ...Stage) error {
	all := make([]stage, len(stages))
	for i, s := range stages {
		all[i] = stage{name: s.Name, run: s.Run, started: s.Started}
	}
	return runStages(ctx, timeout, all...)
}
