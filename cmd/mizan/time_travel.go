package main

// Time travel: moving the clock over a time in which jobs are due, as if the service had been running all the while.

import (
	"context"
	"errors"
	"time"
)

// maxStops bounds one walk: a year of jobs every five minutes.
const maxStops = 110_000

// errWalk means that there were more moments on the way than maxStops.
var errWalk = errors.New("there are more moments to stop at than a walk may have; go there in parts")

// advance moves the clock to the instant and stops wherever jobs are due on the way, in their order, runs them there and
// waits for them. It returns how many runs there were. Nobody else may move the clock or run the jobs meanwhile. A clock that
// was never set begins where it is now.
func (p *parts) advance(ctx context.Context, c *clock, to time.Time) (runs int, err error) {
	if err := c.set(c.now()); err != nil {
		return 0, err
	}
	if to.Before(c.now()) {
		return 0, errClockBack
	}
	if runs, err = p.jobs.RunDue(ctx); err != nil {
		return runs, err
	}
	for range maxStops {
		next, err := p.jobs.NextDue(ctx)
		if err != nil {
			return runs, err
		}
		last := next.IsZero() || next.After(to)
		if last {
			next = to
		}
		if err := c.set(next); err != nil {
			return runs, err
		}
		n, err := p.jobs.RunDue(ctx)
		if runs += n; err != nil || last {
			return runs, err
		}
	}
	return runs, errWalk
}
