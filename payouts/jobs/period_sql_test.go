package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger/fault"
	"mizan/payouts/jobs"
)

func TestEachPeriodOnceInOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	job := h.minutely(t, "release")
	job.PerBook = true
	s := h.service(t, job)
	if n := run(t, s); n != 0 {
		t.Errorf("%d runs when the job was first seen", n)
	}
	h.clock.move(5*time.Minute + 30*time.Second)
	if n := run(t, s); n != 15 {
		t.Errorf("%d runs, want 5 in each of 3 books", n)
	}
	if n := run(t, s); n != 0 {
		t.Errorf("%d runs without anything due", n)
	}
	h.onceEach(t, "release", 15)
	entries, err := s.History(t.Context(), jobs.Filter{Job: "release"}, jobs.Page{})
	if err != nil || len(entries) != 15 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	e := entries[0]
	if !e.Period.Equal(start.Add(5*time.Minute)) || !e.End.Equal(start.Add(6*time.Minute)) || e.State != "done" || e.Outcome != "written" || e.Items != 1 ||
		e.Attempts != 1 || e.Fence != 5 || e.Finished == nil {
		t.Errorf("%+v", e)
	}
}

// A day and two hours without any process, and a bound on how many wait at a time.
func TestDowntimeIsCaughtUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	job := h.minutely(t, "poll")
	job.CatchUp = 50
	s := h.service(t, job)
	run(t, s)
	h.clock.move(26 * time.Hour)
	if done := tick(t, s); done.Planned != 50 || done.Behind != 1 || done.Offered != 1 {
		t.Errorf("%+v", done)
	}
	if done := tick(t, s); done.Planned != 0 {
		t.Errorf("more were planned than may wait: %+v", done)
	}
	if n := run(t, s); n != 26*60 {
		t.Errorf("%d runs, want %d", n, 26*60)
	}
	h.onceEach(t, "poll", 26*60)
	if h.log.count(jobs.Behind) == 0 {
		t.Error("nobody was told of the backlog")
	}
	for _, e := range h.log.all(jobs.Planned) {
		if e.Items > 50 {
			t.Errorf("%d were planned at once", e.Items)
		}
	}
}

// Eight services tick and work at once.
func TestEightServicesRunEachPeriodOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var services []*jobs.Service
	for range 8 {
		services = append(services, h.service(t, h.minutely(t, "release")))
	}
	run(t, services[0])
	const rounds, each = 20, 50
	for range rounds {
		h.clock.move(each * time.Minute)
		var group sync.WaitGroup
		for _, s := range services {
			group.Go(func() {
				if _, err := s.Tick(t.Context()); err != nil {
					t.Error(err)
				}
				if _, err := s.RunDue(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
	run(t, services[0])
	h.onceEach(t, "release", rounds*each)
	if n := one[int](t, h, `SELECT count(*) FROM job_periods WHERE state = 'done' AND attempts = 1`); n != rounds*each {
		t.Errorf("%d periods done at the first attempt", n)
	}
	if n := one[int](t, h, `SELECT count(*) FROM job_attempts`); n != rounds*each {
		t.Errorf("%d attempts", n)
	}
}

// The clock goes ahead, back an hour, back a day and on again; replicas differ by ten minutes.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	fast := h.configured(t, func(c *jobs.Config) { c.Now = func() time.Time { return h.clock.now().Add(10 * time.Minute) } }, h.minutely(t, "release"))
	slow := h.configured(t, func(c *jobs.Config) { c.Now = func() time.Time { return h.clock.now().Add(-10 * time.Minute) } }, h.minutely(t, "release"))
	run(t, slow)
	farthest := start.Add(-10 * time.Minute)
	for _, jump := range []time.Duration{time.Hour, -time.Hour, 2 * time.Hour, -24 * time.Hour, 25 * time.Hour, -time.Minute, 30 * time.Minute} {
		h.clock.move(jump)
		run(t, slow)
		run(t, fast)
		run(t, slow)
		if at := h.clock.now().Add(10 * time.Minute); at.After(farthest) {
			farthest = at
		}
		h.onceEach(t, "release", int(farthest.Sub(start.Add(-10*time.Minute))/time.Minute))
	}
}

func TestFailuresPauseThenPark(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var calls []time.Duration
	poison := jobs.Job{Name: "poison", Schedule: cron(t, "0 * * * *"), MaxAttempts: 5, Pause: time.Minute, Run: func(_ context.Context, p jobs.Period) (jobs.Report, error) {
		calls = append(calls, h.clock.now().Sub(start))
		switch p.Attempt {
		case 1:
			return jobs.Report{}, errors.New("canary-secret in a text")
		case 2:
			panic("canary-secret in a panic")
		case 3:
			return jobs.Report{Text: strings.Repeat("é", 400)}, fault.New(fault.Unavailable, "processor-down", "canary-secret").Because(errors.New("x"))
		}
		return jobs.Report{}, fault.New(fault.Conflict, "mismatch", "canary-secret")
	}}
	healthy := h.minutely(t, "healthy")
	s := h.service(t, poison, healthy)
	run(t, s)
	h.clock.move(time.Hour)
	for range 16 {
		run(t, s)
		h.clock.move(time.Minute)
	}
	want := "[1h0m0s 1h1m0s 1h3m0s 1h7m0s 1h15m0s]"
	if got := fmt.Sprint(calls); got != want {
		t.Errorf("attempts at %s, want %s", got, want)
	}
	if h.log.count(jobs.Parked) != 1 || h.log.count(jobs.Failed) != 4 {
		t.Errorf("%d parked, %d failed", h.log.count(jobs.Parked), h.log.count(jobs.Failed))
	}
	h.onceEach(t, "healthy", 75)
	entries, err := s.History(t.Context(), jobs.Filter{State: "parked"}, jobs.Page{})
	if err != nil || len(entries) != 1 || entries[0].Code != "mismatch" || entries[0].Attempts != 5 {
		t.Fatalf("%+v, %v", entries, err)
	}
	attempts, err := s.Attempts(t.Context(), entries[0].Mark)
	var codes []string
	for _, a := range attempts {
		codes = append(codes, a.Code)
	}
	if got := fmt.Sprint(codes); err != nil || got != "[mismatch mismatch processor-down panic internal]" {
		t.Errorf("%s, %v", got, err)
	}
	if !strings.HasPrefix(attempts[2].Outcome, "éé") || len(attempts[2].Outcome) > 500 {
		t.Errorf("outcome %q", attempts[2].Outcome)
	}
	if n := one[int](t, h, `SELECT (SELECT count(*) FROM job_periods p WHERE p::text LIKE '%canary%') + (SELECT count(*) FROM job_attempts a WHERE a::text LIKE '%canary%')
		+ (SELECT count(*) FROM river.river_job j WHERE j::text LIKE '%canary%')`); n != 0 {
		t.Error("the text of an error was stored")
	}
	for _, e := range h.log.all(jobs.Failed) {
		if (len(e.Stack) > 0) != (e.Attempt == 2) {
			t.Errorf("attempt %d has a stack of %d bytes", e.Attempt, len(e.Stack))
		}
		if e.Attempt == 2 && (strings.Contains(fmt.Sprint(e.Err, string(e.Stack)), "canary") || !strings.Contains(string(e.Stack), "period_sql_test.go:")) {
			t.Errorf("the panic is told as %v\n%s", e.Err, e.Stack)
		}
	}
	// The next period is not kept by the one that is parked.
	h.clock.move(time.Hour)
	run(t, s)
	if got := one[int](t, h, `SELECT count(*) FROM job_attempts WHERE kind = 'poison'`); got != 6 {
		t.Errorf("%d attempts, want one of the next period", got)
	}
}

// A run that takes too long, and one that ends its goroutine, are failures.
func TestTimeoutAndGoexit(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	job := jobs.Job{Name: "slow", Schedule: cron(t, "* * * * *"), Timeout: 30 * time.Millisecond, MaxAttempts: 1, Run: func(ctx context.Context, p jobs.Period) (jobs.Report, error) {
		<-ctx.Done()
		return jobs.Report{}, ctx.Err()
	}}
	ends := jobs.Job{Name: "ends", Schedule: cron(t, "* * * * *"), MaxAttempts: 1, Run: func(context.Context, jobs.Period) (jobs.Report, error) {
		panic(nil)
	}}
	s := h.service(t, job, ends)
	run(t, s)
	h.clock.move(time.Minute)
	run(t, s)
	if got := one[string](t, h, `SELECT string_agg(kind || ' ' || state || ' ' || error_code, ', ' ORDER BY kind) FROM job_periods`); got != "ends parked panic, slow parked timeout" {
		t.Error(got)
	}
}
