package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// stage is one part of the server: it works until its context ends.
type stage struct {
	name string
	run  func(ctx context.Context) error

	// started, if set, returns when the stages after it may start, or ctx ended.
	started func(ctx context.Context)
}

// runStages starts the stages in order and stops them in reverse, each fully before
// the one before it. It stops all when ctx ends or when one ends by itself, and
// returns what went wrong. A stage that takes longer than timeout to stop is
// reported and no longer waited for.
func runStages(ctx context.Context, timeout time.Duration, stages ...stage) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var ends []func() error
	for _, s := range stages {
		own, stop := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan error, 1)
		go func() {
			err := s.run(own)
			if err == nil && own.Err() == nil {
				err = errors.New("ended by itself")
			}
			if err != nil {
				err = fmt.Errorf("run %s: %w", s.name, err)
			}
			cancel() // one that ends takes all down
			done <- err
		}()
		ends = append(ends, func() error {
			stop()
			select {
			case err := <-done:
				return err
			case <-time.After(timeout):
				return fmt.Errorf("stop %s: still busy after %v", s.name, timeout)
			}
		})
		if s.started != nil {
			s.started(ctx)
		}
		if ctx.Err() != nil {
			break
		}
	}
	<-ctx.Done()
	var errs []error
	for _, end := range slices.Backward(ends) {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}
