package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mizan/ledger/failpoint"
	"mizan/ledger/fault"
)

// Work is running what is due: one period after the other of a line, each under its own fence.

const (
	// A worker gives a long line back after so many periods, so that other lines get their turn.
	maxInARow = 100
	// finishLimit bounds how long the end of a run is recorded; after it, the lease ends too.
	finishLimit = 5 * time.Second
)

// Codes of endings that are no fault of the domain, as they are stored.
const (
	codeInternal = "internal"
	codePanic    = "panic"
	codeTimeout  = "timeout"
)

// errTimeout is why the context of a run that took too long has ended.
var errTimeout = errors.New("jobs: the run took longer than its timeout")

// errLease is why the context of a run ends whose lease could not be renewed in time.
var errLease = errors.New("jobs: the lease could not be renewed")

// workLine works off what can be done now in the line.
func (s *Service) workLine(ctx context.Context, p place) error {
	for range maxInARow {
		if s.draining.Load() || ctx.Err() != nil {
			return ctx.Err()
		}
		c, err := s.claim(ctx, p)
		if err != nil || !c.ok && !c.again {
			return err
		}
		if c.ok {
			s.run(ctx, p.job, c.period)
		}
	}
	// There may be more: whoever ticks next sends news of it.
	return nil
}

// RunDue plans and works off, here and now, everything that is due in the jobs of this process, in order of job and book,
// until nothing more can be done, and returns how many runs it made. The command line and a virtual clock use it instead of
// Start; it may run beside processes that were started.
func (s *Service) RunDue(ctx context.Context) (runs int, err error) {
	for {
		ticked, err := s.tick(ctx, false)
		if err != nil {
			return runs, err
		}
		places, err := s.places(ctx)
		if err != nil {
			return runs, err
		}
		lines, err := s.lines(ctx)
		if err != nil {
			return runs, err
		}
		before := runs
		for _, p := range places {
			for lines[lineKey{p.job.Name, p.book.ID}].open {
				c, err := s.claim(ctx, p)
				if err != nil {
					return runs, err
				}
				if !c.ok && !c.again {
					break
				}
				if c.ok {
					s.run(ctx, p.job, c.period)
					runs++
				}
			}
		}
		// A line that is behind has room for more when what waited is over.
		if ctx.Err() != nil || runs == before || ticked.Behind == 0 {
			return runs, ctx.Err()
		}
	}
}

// result is what came back from a job's function.
type result struct {
	report Report
	err    error
	stack  []byte
}

// run runs a claimed period and records how it ended.
func (s *Service) run(ctx context.Context, job Job, p Period) {
	failpoint.Here(failpoint.PeriodClaimed)
	event := Event{Kind: Started, Job: p.Job, Book: p.Book.ID, Period: p.Start, Fence: p.Fence, Attempt: p.Attempt}
	s.config.Observe(event)
	began := s.now()
	bounded, cancel := context.WithTimeoutCause(ctx, job.Timeout, errTimeout)
	held, lose := context.WithCancelCause(bounded)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		s.hold(held, p, lose)
	}()
	got := call(held, job, p)
	cause := context.Cause(held)
	lose(nil)
	cancel()
	<-renewed
	event.Took, event.Err, event.Stack = s.now().Sub(began), got.err, got.stack
	s.conclude(ctx, job, p, got, cause, event)
}

// call calls the job's function in a goroutine of its own, so that a panic, or an end of the goroutine, is an error.
func call(ctx context.Context, job Job, p Period) (got result) {
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		got.err = errPanic
		defer func() {
			if what := recover(); what != nil {
				caught := fault.Caught(what)
				got.err, got.stack = fmt.Errorf("%w with a %s", errPanic, caught.Type), []byte(caught.Stack)
			}
		}()
		failpoint.Here(failpoint.WorkBegun)
		got.report, got.err = job.Run(ctx, p)
		failpoint.Here(failpoint.WorkEnded)
	}()
	<-returned
	return got
}

// errPanic is the error of a run that panicked or ended its goroutine.
var errPanic = errors.New("jobs: the run panicked")

// hold renews the lease until ctx ends. When the period is lost, or nobody knows for as long as the lease lasts, the run ends.
func (s *Service) hold(ctx context.Context, p Period, lose context.CancelCauseFunc) {
	beat := time.NewTicker(max(s.config.Lease/3, time.Millisecond))
	defer beat.Stop()
	gone := time.AfterFunc(s.config.Lease, func() { lose(errLease) })
	defer gone.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
		ours, err := p.renew(ctx)
		switch {
		case err != nil:
			// The database may be back before the lease ends.
		case ours:
			gone.Reset(s.config.Lease)
		default:
			// The job may have ended the period itself, and is about to return.
			if done, err := s.endedByJob(ctx, p); err != nil || done {
				continue
			}
			lose(ErrFenced)
			return
		}
	}
}

// conclude records how a run ended. What cannot be recorded is found by others when the lease ends.
func (s *Service) conclude(ctx context.Context, job Job, p Period, got result, cause error, event Event) {
	e := ending{state: stateDone, ending: "done", report: got.report}
	event.Kind, event.Items = Done, max(got.report.Items, 0)
	switch {
	case got.err == nil:
	case ctx.Err() != nil && !errors.Is(got.err, errPanic):
		// The process stops, which is no fault of the job.
		e = ending{state: stateWaiting, ending: "released", code: "stopped", back: 1}
		event.Kind = Released
	case p.Attempt >= job.MaxAttempts:
		e = ending{state: stateParked, ending: "failed", code: code(got.err, cause), report: got.report}
		event.Kind = Parked
	default:
		e = ending{state: stateWaiting, ending: "failed", code: code(got.err, cause), report: got.report, next: s.now().Add(job.pauseAfter(p.Attempt))}
		event.Kind = Failed
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishLimit)
	defer cancel()
	ours, before, err := p.finish(last, e)
	failpoint.Here(failpoint.PeriodRecorded)
	switch {
	case err != nil:
		event.Kind, event.Err = Unwell, errors.Join(err, got.err)
	case before:
		event.Kind = Done
	case !ours:
		event.Kind = Fenced
	}
	s.config.Observe(event)
}

// code returns what is stored of an error: its code, never its text, which may hold anything.
func code(err, cause error) string {
	switch {
	case errors.Is(err, errPanic):
		return codePanic
	case errors.Is(cause, errTimeout):
		return codeTimeout
	}
	if c := fault.CodeOf(err); c != "" && len(c) <= 64 {
		return c
	}
	return codeInternal
}
