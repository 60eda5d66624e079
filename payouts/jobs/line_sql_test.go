package jobs_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"mizan/ledger/postgres/pgtest"
	"mizan/payouts/jobs"
)

// Whoever takes a line up makes room for the next news of it, so that a process that dies is followed when its lease ends.
func TestClaimMakesRoomForNews(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	job := h.minutely(t, "release")
	job.Run = func(ctx context.Context, p jobs.Period) (jobs.Report, error) {
		if one[bool](t, h, `SELECT offered_until > clock_timestamp() FROM job_lines`) {
			t.Error("the news are still held to be on their way")
		}
		return h.write(ctx, p)
	}
	s := h.service(t, job)
	run(t, s)
	h.clock.move(time.Minute)
	tick(t, s)
	if !one[bool](t, h, `SELECT offered_until > clock_timestamp() FROM job_lines`) {
		t.Error("no news were sent")
	}
	run(t, s)
	h.onceEach(t, "release", 1)
}

// A process that stops begins no other period of the line.
func TestStopBeginsNothingMore(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(20))
	var s *jobs.Service
	var group sync.WaitGroup
	var once sync.Once
	stopping := make(chan struct{})
	job := h.minutely(t, "release")
	job.Run = func(ctx context.Context, p jobs.Period) (jobs.Report, error) {
		once.Do(func() {
			group.Go(func() {
				defer close(stopping)
				if err := s.Stop(context.WithoutCancel(ctx)); err != nil {
					t.Error(err)
				}
			})
		})
		eventually(t, "the service stops", s.Draining)
		return h.write(ctx, p)
	}
	s = h.service(t, job)
	tick(t, s)
	h.clock.move(5 * time.Minute)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-stopping
	group.Wait()
	h.onceEach(t, "release", 1)
	run(t, h.service(t, h.minutely(t, "release")))
	h.onceEach(t, "release", 5)
}

// An extra period at the very moment at which one is due by the schedule is that one.
func TestExtraAtAScheduledMoment(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service(t, h.minutely(t, "release"))
	run(t, s)
	h.clock.move(time.Minute)
	if _, err := s.RunNow(t.Context(), jobs.Request{Job: "release", Actor: maria, Why: "now"}); err != nil {
		t.Fatal(err)
	}
	if done := tick(t, s); done.Planned != 0 {
		t.Errorf("%+v", done)
	}
	h.clock.move(time.Minute)
	run(t, s)
	h.onceEach(t, "release", 2)
}
