package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
	"mizan/ledger/postgres"
	"mizan/payouts/jobs"
)

func trail(h house) *guard.Trail { return guard.NewTrail(h.Pool, h.clock.now) }

var maria = guard.Actor{Kind: guard.Person, ID: "per_1", Person: "per_1"}

func TestRunNow(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	job := h.minutely(t, "release")
	job.PerBook = true
	s := h.service(t, job)
	run(t, s)
	h.clock.move(3 * time.Minute)
	run(t, s)
	again := jobs.Request{Job: "release", Book: 2, Period: start.Add(2 * time.Minute), Actor: maria, Why: "the bank's file came late"}
	at, err := s.RunNow(t.Context(), again)
	if err != nil || !at.Equal(again.Period) {
		t.Fatalf("%s, %v", at, err)
	}
	// It waits, so it cannot be asked for again.
	_, err = s.RunNow(t.Context(), again)
	wantError(t, err, jobs.ErrBusy)
	if n := run(t, s); n != 1 {
		t.Errorf("%d runs", n)
	}
	if n := one[int](t, h, `SELECT count(*) FROM work_done WHERE book_id = 2 AND period = $1`, again.Period); n != 2 {
		t.Errorf("it ran %d times", n)
	}
	attempts, err := s.Attempts(t.Context(), jobs.Mark{Period: again.Period, Job: "release", Book: 2})
	if err != nil || len(attempts) != 2 || attempts[0].Fence != 4 || attempts[0].Attempt != 1 || attempts[1].Fence != 2 {
		t.Errorf("%+v, %v", attempts, err)
	}
	// An extra one does not move the schedule.
	h.clock.move(10 * time.Second)
	extra, err := s.RunNow(t.Context(), jobs.Request{Job: "release", Book: 1, Actor: maria, Why: "now"})
	if err != nil || !extra.Equal(h.clock.now()) {
		t.Errorf("%s, %v", extra, err)
	}
	h.clock.move(50 * time.Second)
	if n := run(t, s); n != 4 {
		t.Errorf("%d runs, want the extra one and the next of 3 books", n)
	}
	for name, c := range map[string]struct {
		change func(*jobs.Request)
		want   error
	}{
		"another job":    {func(r *jobs.Request) { r.Job = "nothing" }, jobs.ErrUnknown},
		"another book":   {func(r *jobs.Request) { r.Book = 9 }, jobs.ErrUnknown},
		"installation":   {func(r *jobs.Request) { r.Book = 0 }, jobs.ErrUnknown},
		"another time":   {func(r *jobs.Request) { r.Period = start.Add(time.Second) }, jobs.ErrPeriodUnknown},
		"the future":     {func(r *jobs.Request) { r.Period = start.Add(time.Hour) }, jobs.ErrPeriodUnknown},
		"no reason":      {func(r *jobs.Request) { r.Why = " \n" }, jobs.ErrReason},
		"a long reason":  {func(r *jobs.Request) { r.Why = strings.Repeat("x", 2001) }, jobs.ErrReason},
		"broken letters": {func(r *jobs.Request) { r.Why = "\xff" }, jobs.ErrReason},
		"nobody":         {func(r *jobs.Request) { r.Actor = guard.Actor{} }, guard.ErrDeedInvalid},
	} {
		r := again
		c.change(&r)
		if _, err := s.RunNow(t.Context(), r); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := run(t, s); n != 0 {
		t.Errorf("%d runs after refusals", n)
	}
	rows, err := trail(h).Rows(t.Context(), guard.Book{ID: 2, Code: "b2"}, guard.Filter{}, 0, 10)
	if err != nil || len(rows) != 1 || rows[0].Act != "job.run_again" || rows[0].Why != again.Why || rows[0].Object != "job:release/2026-03-02T09:02:00Z" ||
		string(rows[0].Before) != `{"state":"done","outcome":"written","items":1}` {
		t.Errorf("%+v, %v", rows, err)
	}
}

// Fifty people ask at once: one run, and one row of the trail. A rollback leaves neither.
func TestRunNowAtOnceAndRolledBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s, other := h.service(t, h.minutely(t, "release")), h.service(t, h.minutely(t, "release"))
	run(t, s)
	h.clock.move(time.Minute)
	run(t, s)
	r := jobs.Request{Job: "release", Period: start.Add(time.Minute), Actor: maria, Why: "again"}
	regret := errors.New("regret")
	err := h.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		if _, err := s.RunNowTx(t.Context(), tx, r); err != nil {
			return err
		}
		return regret
	})
	wantError(t, err, regret)
	if n := run(t, s); n != 0 {
		t.Errorf("%d runs of what was rolled back", n)
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	accepted := 0
	for i := range 50 {
		group.Go(func() {
			_, err := []*jobs.Service{s, other}[i%2].RunNow(t.Context(), r)
			if err != nil && !errors.Is(err, jobs.ErrBusy) {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				accepted++
			}
		})
	}
	group.Wait()
	run(t, s)
	if rows := one[int](t, h, `SELECT count(*) FROM audit_rows`); accepted != 1 || rows != 1 {
		t.Errorf("%d accepted, %d rows in the trail", accepted, rows)
	}
	if n := one[int](t, h, `SELECT count(*) FROM work_done`); n != 2 {
		t.Errorf("%d runs", n)
	}
}

// While a period runs, no other of the job and book can be made to.
func TestOverlapIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	begun, finish := make(chan struct{}), make(chan struct{})
	job := h.minutely(t, "release")
	job.Run = func(ctx context.Context, p jobs.Period) (jobs.Report, error) {
		if p.Start.Equal(start.Add(2 * time.Minute)) {
			close(begun)
			<-finish
		}
		return h.write(ctx, p)
	}
	s, other := h.service(t, job), h.service(t, job)
	run(t, s)
	h.clock.move(time.Minute)
	run(t, s)
	h.clock.move(time.Minute)
	var group sync.WaitGroup
	group.Go(func() { run(t, s) })
	<-begun
	for _, period := range []time.Time{{}, start.Add(time.Minute), start.Add(2 * time.Minute)} {
		_, err := other.RunNow(t.Context(), jobs.Request{Job: "release", Period: period, Actor: maria, Why: "again"})
		wantError(t, err, jobs.ErrBusy)
	}
	h.clock.move(time.Minute)
	if n := run(t, other); n != 0 {
		t.Errorf("%d runs beside the one that goes on", n)
	}
	_, err := h.Pool.Exec(t.Context(), `UPDATE job_periods SET state = 'running', fence = fence + 1, claimed_by = 'x', started_at = now(), lease_until = now() WHERE state = 'waiting'`)
	if !postgres.IsUnique(err, "job_periods_running") {
		t.Errorf("two run at once behind the service's back: %v", err)
	}
	close(finish)
	group.Wait()
	run(t, s)
	h.onceEach(t, "release", 3)
}

func TestHistoryPages(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a, b := h.minutely(t, "release"), h.minutely(t, "poll")
	a.PerBook = true
	s := h.service(t, a, b)
	run(t, s)
	h.clock.move(7 * time.Minute)
	run(t, s)
	book := int32(2)
	for name, c := range map[string]struct {
		filter jobs.Filter
		want   int
	}{
		"all":         {jobs.Filter{}, 28},
		"job":         {jobs.Filter{Job: "release"}, 21},
		"book":        {jobs.Filter{Book: &book}, 7},
		"both":        {jobs.Filter{Job: "poll", Book: &book}, 0},
		"done":        {jobs.Filter{State: "done"}, 28},
		"waiting":     {jobs.Filter{State: "waiting"}, 0},
		"from, until": {jobs.Filter{From: start.Add(2 * time.Minute), Until: start.Add(4 * time.Minute)}, 8},
	} {
		seen := map[string]bool{}
		page := jobs.Page{Limit: 3}
		for rounds := 0; rounds < 20; rounds++ {
			entries, err := s.History(t.Context(), c.filter, page)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				key := fmt.Sprint(e.Mark)
				if last := page.After; seen[key] || last != nil && e.Period.After(last.Period) {
					t.Errorf("%s: %s is twice or out of order", name, key)
				}
				seen[key] = true
				page.After = &e.Mark
			}
			if len(entries) < page.Limit {
				break
			}
		}
		if len(seen) != c.want {
			t.Errorf("%s: %d entries, want %d", name, len(seen), c.want)
		}
	}
	for _, bad := range []jobs.Page{{Limit: -1}, {Limit: 1002}} {
		_, err := s.History(t.Context(), jobs.Filter{}, bad)
		wantError(t, err, jobs.ErrPage)
	}
	_, err := s.History(t.Context(), jobs.Filter{State: "x' OR true --"}, jobs.Page{})
	wantError(t, err, jobs.ErrPage)
	list, err := s.Jobs(t.Context(), nil)
	if err != nil || len(list) != 4 || list[0].Job != "poll" || list[3].Book.Code != "b3" || !list[0].Next.Equal(start.Add(8*time.Minute)) ||
		list[0].Open != 0 || !list[0].Last.Equal(start.Add(7*time.Minute)) || list[0].Schedule != "* * * * * UTC" {
		t.Errorf("%+v, %v", list, err)
	}
}

// What is over is forgotten after its time, and does not come back; what the database's clock does not call old is kept.
func TestForgetting(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.clock.at = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	hourly := h.minutely(t, "release")
	hourly.Schedule = cron(t, "0 * * * *")
	s := h.configured(t, func(c *jobs.Config) { c.Keep = 48 * time.Hour }, hourly)
	run(t, s)
	h.clock.move(100 * time.Hour)
	run(t, s)
	if n := one[int](t, h, `SELECT count(*) FROM job_periods`); n != 100 {
		t.Fatalf("%d periods", n)
	}
	if done := tick(t, s); done.Forgotten != 51 {
		t.Errorf("%+v", done)
	}
	if n := one[int](t, h, `SELECT count(*) FROM job_attempts`); n != 49 {
		t.Errorf("%d attempts are left", n)
	}
	h.clock.move(-100 * time.Hour)
	run(t, s)
	h.clock.move(100 * time.Hour)
	run(t, s)
	h.onceEach(t, "release", 100)
	later := h.minutely(t, "later")
	later.Schedule = cron(t, "0 0 * * *")
	h.clock.at = one[time.Time](t, h, `SELECT now()`).Add(-time.Hour).UTC()
	s = h.configured(t, func(c *jobs.Config) { c.Keep = 48 * time.Hour }, later)
	run(t, s)
	h.clock.move(24 * 100 * time.Hour)
	run(t, s)
	tick(t, s)
	if n := one[int](t, h, `SELECT count(*) FROM job_periods WHERE kind = 'later'`); n != 100 {
		t.Errorf("a clock that was a hundred days ahead left %d periods", n)
	}
}

// A job of every minute is remembered for a shorter time, except for what waits for people.
func TestForgettingSooner(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.clock.at = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	often, seldom := h.minutely(t, "often"), h.minutely(t, "seldom")
	often.Schedule, seldom.Schedule = cron(t, "0 * * * *"), cron(t, "0 * * * *")
	often.Keep = 24 * time.Hour
	often.MaxAttempts = 1
	work := often.Run
	often.Run = func(ctx context.Context, p jobs.Period) (jobs.Report, error) {
		if p.Start.Equal(time.Date(2020, 1, 1, 3, 0, 0, 0, time.UTC)) {
			return jobs.Report{}, errors.New("the bank does not answer")
		}
		return work(ctx, p)
	}
	s := h.configured(t, func(c *jobs.Config) { c.Keep = 72 * time.Hour }, often, seldom)
	run(t, s)
	h.clock.move(60 * time.Hour)
	run(t, s)
	tick(t, s)
	for job, want := range map[string]int{"often": 26, "seldom": 60} { // of the first a day, and the one that is parked
		if n := one[int](t, h, `SELECT count(*) FROM job_periods WHERE kind = '`+job+`' AND state IN ('done', 'parked')`); n != want {
			t.Errorf("%s: %d periods, want %d", job, n, want)
		}
	}
	h.clock.move(40 * time.Hour)
	run(t, s)
	tick(t, s)
	if n := one[int](t, h, `SELECT count(*) FROM job_periods WHERE state = 'parked'`); n != 0 {
		t.Errorf("%d parked periods are kept for ever", n)
	}
}

// The database holds the rules against whoever has the application's rights.
func TestRulesBehindTheServicesBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service(t, h.minutely(t, "release"))
	run(t, s)
	h.clock.move(2 * time.Minute)
	run(t, s)
	h.clock.move(time.Minute)
	tick(t, s)
	for name, sql := range map[string]string{
		"a lower fence":               `UPDATE job_periods SET fence = fence - 1 WHERE state = 'done'`,
		"running under the old fence": `UPDATE job_periods SET state = 'running', claimed_by = 'x', started_at = now(), lease_until = now() WHERE state = 'waiting'`,
		"running what is over":        `UPDATE job_periods SET state = 'running', fence = fence + 1, claimed_by = 'x', lease_until = now() WHERE period = (SELECT min(period) FROM job_periods)`,
		"another period":              `UPDATE job_periods SET period = period + interval '1 second'`,
		"another job":                 `UPDATE job_periods SET kind = 'x'`,
		"a lease that nobody has":     `UPDATE job_periods SET lease_until = now()`,
		"an unknown state":            `UPDATE job_periods SET state = 'x'`,
		"the same period twice":       `INSERT INTO job_periods (kind, book_id, period, ends_at, state, planned_at, next_attempt) SELECT kind, book_id, period, ends_at, 'waiting', now(), now() FROM job_periods LIMIT 1`,
		"a period without a line":     `INSERT INTO job_periods (kind, book_id, period, ends_at, state, planned_at, next_attempt) VALUES ('x', 1, now(), now() + interval '1 s', 'waiting', now(), now())`,
		"deleting what waits":         `DELETE FROM job_periods WHERE state = 'waiting'`,
		"deleting attempts":           `DELETE FROM job_attempts`,
		"emptying":                    `TRUNCATE job_periods CASCADE`,
		"planning again":              `UPDATE job_lines SET planned_until = planned_until - interval '1 minute'`,
		"a line's lower fence":        `UPDATE job_lines SET fence = fence - 1`,
		"deleting a line":             `DELETE FROM job_lines`,
		"another beginning":           `UPDATE job_lines SET since = since - interval '1 day'`,
		"making tables for River":     `CREATE TABLE river.x (n int)`,
		"changing River's version":    `DELETE FROM river.river_migration`,
	} {
		if _, err := h.Pool.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s: allowed", name)
		}
	}
	run(t, s)
	h.onceEach(t, "release", 3)
}

// rowsTouched runs a statement as the service does and counts the rows that its scans gave or threw away.
func rowsTouched(t *testing.T, h house, sql string, args ...any) (touched int) {
	t.Helper()
	err := h.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		rows, err := tx.Query(t.Context(), `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) `+sql, args...)
		if err != nil {
			return err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for i, line := range lines {
			var given, loops, removed int
			if strings.Contains(line, "Seq Scan on job_periods") {
				t.Errorf("scans the whole table:\n%s", strings.Join(lines, "\n"))
			}
			if _, after, ok := strings.Cut(line, "(actual rows="); ok && strings.Contains(line, "Scan") {
				var n float64
				if _, err := fmt.Sscanf(after, "%f loops=%d)", &n, &loops); err != nil {
					return fmt.Errorf("line %d: %q: %w", i, line, err)
				}
				given = int(n) * loops
			}
			if _, after, ok := strings.Cut(line, "Rows Removed by Filter: "); ok {
				if _, err := fmt.Sscanf(after, "%d", &removed); err != nil {
					return err
				}
			}
			touched += given + removed
		}
		if touched > 1200 {
			t.Logf("%s", strings.Join(lines, "\n"))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return touched
}
