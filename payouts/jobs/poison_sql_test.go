package jobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"mizan/ledger/postgres/pgtest"
	"mizan/payouts/jobs"
)

// Jobs that always fail, panic, or hang until their timeout, and one that fails in a single book, keep no other job and no
// other book waiting. Each of their periods is parked after its attempts, and people are told once of each.
func TestPoisonKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(30))
	const attempts, periods = 3, 4
	poison := func(name string, timeout time.Duration, run func(context.Context, jobs.Period) (jobs.Report, error)) jobs.Job {
		return jobs.Job{Name: name, Schedule: cron(t, "* * * * *"), Timeout: timeout, MaxAttempts: attempts, Pause: time.Second, Run: run}
	}
	release, entered := make(chan struct{}), make(chan struct{}, attempts*periods)
	hang := func(ctx context.Context, _ jobs.Period) (jobs.Report, error) {
		<-ctx.Done()
		return jobs.Report{}, ctx.Err()
	}
	list := []jobs.Job{
		poison("fails", 0, func(context.Context, jobs.Period) (jobs.Report, error) { return jobs.Report{}, errors.New("no") }),
		poison("panics", 0, func(context.Context, jobs.Period) (jobs.Report, error) { panic("no") }),
		poison("hangs", time.Millisecond, hang),
		poison("hangs-long", 0, func(ctx context.Context, p jobs.Period) (jobs.Report, error) {
			entered <- struct{}{}
			select {
			case <-release:
			case <-ctx.Done():
			}
			return h.write(ctx, p)
		}),
		h.minutely(t, "healthy"),
	}
	mixed := poison("mixed", 0, func(ctx context.Context, p jobs.Period) (jobs.Report, error) {
		if p.Book.ID == 2 {
			return jobs.Report{}, errors.New("not in this book")
		}
		return h.write(ctx, p)
	})
	mixed.PerBook = true
	s := h.service(t, append(list, mixed)...)
	tick(t, s)
	launch(t, s)
	h.clock.move(periods * time.Minute)
	<-entered
	// While one hangs, all that is healthy is done.
	eventually(t, "the others are done", func() bool {
		return one[int](t, h, `SELECT count(*) FROM work_done`) == periods+2*periods
	})
	if n := one[int](t, h, `SELECT count(*) FROM job_periods WHERE kind = 'hangs-long' AND state = 'done'`); n != 0 {
		t.Errorf("%d periods of the one that hangs are done", n)
	}
	close(release)
	h.onceEach(t, "healthy", periods)
	// Each pause passes; what is poisoned is parked, period by period.
	const poisoned = 4 * periods
	eventually(t, "the poisoned periods are parked", func() bool {
		h.clock.move(time.Second)
		return one[int](t, h, `SELECT count(*) FROM job_periods WHERE state = 'parked' AND period <= $1`, start.Add(periods*time.Minute)) == poisoned
	})
	if n := one[int](t, h, `SELECT count(*) FROM job_periods WHERE state = 'parked' AND (attempts <> $1 OR kind IN ('healthy', 'hangs-long') OR kind = 'mixed' AND book_id <> 2)`, attempts); n != 0 {
		t.Errorf("%d periods were parked too early, or are not poisoned", n)
	}
	told := map[jobs.Mark]int{}
	for _, e := range h.log.all(jobs.Parked) {
		told[jobs.Mark{Period: e.Period, Job: e.Job, Book: e.Book}]++
	}
	for mark, n := range told {
		if n != 1 {
			t.Errorf("%d alarms for %+v", n, mark)
		}
	}
	eventually(t, "people are told", func() bool { return h.log.count(jobs.Parked) >= poisoned })
}
