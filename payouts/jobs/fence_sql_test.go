package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
	"mizan/payouts/jobs"
)

// expire ends all leases, as time would for a process that is paused.
const expire = `UPDATE job_periods SET lease_until = clock_timestamp() - interval '1 second' WHERE state = 'running'`

// A holder that is paused while another takes its period over can write nothing more.
func TestPausedHolderIsFenced(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	holding, resume := make(chan jobs.Period), make(chan struct{})
	var after []error
	paused := jobs.Job{Name: "release", Schedule: cron(t, "* * * * *"), Run: func(ctx context.Context, p jobs.Period) (jobs.Report, error) {
		holding <- p
		<-resume
		// Its context may not have ended yet; what counts is the transaction.
		_, err := h.write(context.WithoutCancel(ctx), p)
		after = append(after, err)
		return jobs.Report{Text: "from the grave"}, nil
	}}
	one1 := h.configured(t, func(c *jobs.Config) { c.Lease = time.Hour }, paused)
	two := h.service(t, h.minutely(t, "release"))
	run(t, one1)
	h.clock.move(time.Minute)
	var group sync.WaitGroup
	group.Go(func() { run(t, one1) })
	p := <-holding
	if n := run(t, two); n != 0 {
		t.Errorf("%d runs while the lease holds", n)
	}
	h.owner(t, expire)
	if n := run(t, two); n != 1 {
		t.Errorf("%d runs after the lease ended", n)
	}
	close(resume)
	group.Wait()
	if len(after) != 1 || !errors.Is(after[0], jobs.ErrFenced) {
		t.Errorf("the paused holder wrote: %v", after)
	}
	h.onceEach(t, "release", 1)
	if fence := one[int64](t, h, `SELECT fence FROM work_done`); fence != p.Fence+1 {
		t.Errorf("fence %d after %d", fence, p.Fence)
	}
	if got := one[string](t, h, `SELECT outcome FROM job_periods`); got != "written" {
		t.Errorf("outcome %q", got)
	}
	attempts, err := one1.Attempts(t.Context(), jobs.Mark{Period: p.Start, Job: "release"})
	if err != nil || len(attempts) != 2 || attempts[0].Ending != "done" || attempts[1].Ending != "lost" {
		t.Errorf("%+v, %v", attempts, err)
	}
	if h.log.count(jobs.Fenced) != 1 || h.log.count(jobs.TakenOver) != 1 {
		t.Errorf("%d fenced, %d taken over", h.log.count(jobs.Fenced), h.log.count(jobs.TakenOver))
	}
}

// Nobody takes a period over from a holder that is in the middle of a transaction, even after the lease.
func TestCheckHoldsThePeriod(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	inside, resume := make(chan struct{}), make(chan struct{})
	job := jobs.Job{Name: "release", Schedule: cron(t, "* * * * *"), Run: func(ctx context.Context, p jobs.Period) (jobs.Report, error) {
		// So short a lease may end by itself, and the context with it; what counts is the transaction.
		ctx = context.WithoutCancel(ctx)
		return jobs.Report{}, h.Pool.Tx(ctx, func(tx pgx.Tx) error {
			if err := p.Check(ctx, tx); err != nil {
				return err
			}
			close(inside)
			<-resume
			return insert(ctx, tx, p)
		})
	}}
	// The lease that is committed has ended long ago when the other looks.
	holder := h.configured(t, func(c *jobs.Config) { c.Lease = 60 * time.Millisecond }, job)
	other := h.service(t, h.minutely(t, "release"))
	run(t, holder)
	h.clock.move(time.Minute)
	var group sync.WaitGroup
	group.Go(func() { run(t, holder) })
	<-inside
	eventually(t, "the committed lease ends", func() bool {
		return one[bool](t, h, `SELECT lease_until < clock_timestamp() FROM job_periods`)
	})
	if n := run(t, other); n != 0 {
		t.Errorf("taken over in the middle of a transaction: %d", n)
	}
	close(resume)
	group.Wait()
	h.onceEach(t, "release", 1)
	if n := run(t, other); n != 0 {
		t.Errorf("%d runs of a period that is done", n)
	}
	if n := h.log.count(jobs.Done); n != 1 {
		t.Errorf("%d done", n)
	}
}

// While a run works, its lease is renewed; when somebody takes the period all the same, its context ends.
func TestLeaseIsRenewedAndItsLossEndsTheRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	renewed := make(chan struct{})
	var cause error
	job := jobs.Job{Name: "release", Schedule: cron(t, "* * * * *"), Timeout: 2 * time.Minute, Run: func(ctx context.Context, p jobs.Period) (jobs.Report, error) {
		first := one[time.Time](t, h, `SELECT lease_until FROM job_periods`)
		eventually(t, "the lease is renewed", func() bool {
			return one[time.Time](t, h, `SELECT lease_until FROM job_periods`).After(first)
		})
		close(renewed)
		<-ctx.Done()
		cause = context.Cause(ctx)
		return jobs.Report{}, ctx.Err()
	}}
	// The lease is long enough to be renewed in time on a busy machine.
	s := h.configured(t, func(c *jobs.Config) { c.Lease = 6 * time.Second }, job)
	run(t, s)
	h.clock.move(time.Minute)
	var group sync.WaitGroup
	group.Go(func() { run(t, s) })
	<-renewed
	h.owner(t, `UPDATE job_periods SET fence = fence + 1, claimed_by = 'other', lease_until = clock_timestamp() + interval '1 hour'`)
	group.Wait()
	wantError(t, cause, jobs.ErrFenced)
	if got := one[string](t, h, `SELECT state || ' ' || claimed_by FROM job_periods`); got != "running other" {
		t.Errorf("the period is %s", got)
	}
}

// Processes are killed at random points of their runs, and their periods taken over: what is written is written once, in order.
func TestKillsAndTakeovers(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 7))
	h := newHouse(t)
	job := h.minutely(t, "release")
	job.MaxAttempts = 100
	run(t, h.service(t, job))
	const periods, kills = 400, 80
	h.clock.move(periods * time.Minute)
	for i := range kills {
		v := newVictim(t, h, fmt.Sprintf("victim%d", i))
		// It dies in one of its first four runs, at one of the five points; at the last of them while it commits.
		runs, point := random.IntN(4), random.IntN(5)
		ctx, cancel := context.WithCancel(t.Context())
		reached := func(at int) error {
			if runs > 0 || at != point {
				return nil
			}
			go func() {
				v.kill()
				cancel()
			}()
			if at < 4 {
				<-v.cut
			}
			return nil
		}
		theirs := job
		// In doubt whether its transaction was committed, it does not ask.
		theirs.Run = func(ctx context.Context, p jobs.Period) (jobs.Report, error) {
			defer func() { runs-- }()
			return jobs.Report{}, v.pool.Tx(ctx, func(tx pgx.Tx) error {
				return errors.Join(reached(0), p.Check(ctx, tx), reached(1), insert(ctx, tx, p), reached(2), p.DoneTx(ctx, tx, jobs.Report{}), reached(3), reached(4))
			})
		}
		s := h.configured(t, func(c *jobs.Config) { c.Pool = v.pool }, theirs)
		_, _ = s.RunDue(ctx)
		<-v.dead
		cancel()
		h.owner(t, expire)
	}
	run(t, h.service(t, job))
	h.onceEach(t, "release", periods)
	if n := one[int](t, h, `SELECT count(*) FROM job_periods WHERE state <> 'done'`); n != 0 {
		t.Errorf("%d periods are not done", n)
	}
	lost := one[int](t, h, `SELECT count(*) FROM job_attempts WHERE ending = 'lost'`)
	t.Logf("%d attempts for %d periods, %d lost", one[int](t, h, `SELECT count(*) FROM job_attempts`), periods, lost)
	// Only those that were killed while they committed may have ended as they should.
	if lost < kills/2 {
		t.Errorf("only %d of %d kills met a run", lost, kills)
	}
}

// victim is a process's connection to the database that can be cut as by kill -9: at once, for ever, and in the middle of
// whatever goes on.
type victim struct {
	h    house
	name string
	pool *postgres.Pool
	// cut is closed when nothing of it reaches the database any more, dead when it has noticed.
	cut, dead chan struct{}
	once      sync.Once
	t         *testing.T
}

func newVictim(t *testing.T, h house, name string) *victim {
	t.Helper()
	pool, err := postgres.Open(t.Context(), h.AppURL, postgres.Options{ApplicationName: name, MaxConns: 3, Undurable: true})
	if err != nil {
		t.Fatal(err)
	}
	return &victim{h: h, name: name, pool: pool, cut: make(chan struct{}), dead: make(chan struct{}), t: t}
}

// kill cuts it. It may come to the point at which it dies again, in a transaction that is tried again: it dies once.
func (v *victim) kill() { v.once.Do(v.die) }

func (v *victim) die() {
	defer close(v.dead)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		v.pool.Close()
	}()
	if err := v.h.as(v.t.Context(), v.h.SuperURL, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = '`+v.name+`'`); err != nil {
		v.t.Error(err)
	}
	close(v.cut)
	<-closed
}

// A period that ends its process each time is parked like one that fails.
func TestPeriodThatKillsIsParked(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	job := h.minutely(t, "release")
	job.MaxAttempts = 3
	job.Run = func(ctx context.Context, p jobs.Period) (jobs.Report, error) {
		if p.Start.Equal(start.Add(time.Minute)) {
			// The process is gone before it records anything: somebody else holds the row when it comes back.
			h.owner(t, `UPDATE job_periods SET fence = fence + 1, claimed_by = 'ghost', lease_until = clock_timestamp() - interval '1 second' WHERE state = 'running';
				UPDATE job_attempts SET fence = fence + 1, claimed_by = 'ghost' WHERE ending = '';
				UPDATE job_lines SET fence = fence + 1`)
			return jobs.Report{}, nil
		}
		return h.write(ctx, p)
	}
	s := h.service(t, job)
	run(t, s)
	h.clock.move(2 * time.Minute)
	run(t, s)
	run(t, s)
	if got := one[string](t, h, `SELECT string_agg(state || ' ' || attempts || ' ' || error_code, ', ' ORDER BY period) FROM job_periods`); got != "parked 3 lost, done 1 " {
		t.Error(got)
	}
	if h.log.count(jobs.Parked) != 1 {
		t.Error("nobody was told")
	}
}

// A run that is stopped with its process is given back, and the attempt does not count.
func TestStoppedRunIsGivenBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	begun := make(chan struct{}, 1)
	job := jobs.Job{Name: "release", Schedule: cron(t, "* * * * *"), MaxAttempts: 1, Run: func(ctx context.Context, p jobs.Period) (jobs.Report, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return jobs.Report{}, ctx.Err()
	}}
	s := h.service(t, job)
	run(t, s)
	h.clock.move(time.Minute)
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := s.RunDue(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
		<-begun
		cancel()
		group.Wait()
		if got := one[string](t, h, `SELECT state || ' ' || attempts FROM job_periods`); got != "waiting 0" {
			t.Errorf("the period is %s", got)
		}
	}
	if n := h.log.count(jobs.Released); n != 3 {
		t.Errorf("%d released", n)
	}
}

// A period that no service handed out lets nothing be written.
func TestInventedPeriodIsFenced(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	invented := jobs.Period{Job: "release", Start: start, Fence: 1 << 40}
	_, err := h.write(t.Context(), invented)
	wantError(t, err, jobs.ErrFenced)
	wantError(t, invented.DoneTx(t.Context(), nil, jobs.Report{}), jobs.ErrFenced)
}
