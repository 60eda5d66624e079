//go:build !race

package jobs_test

import (
	"testing"
	"time"

	"mizan/payouts/jobs"
)

// Every statement about history finds its rows by an index, at 300,000 rows.
func TestPlansAtManyRows(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service(t, h.minutely(t, "job1"), h.minutely(t, "job2"))
	if err := h.as(t.Context(), h.SuperURL, `SET session_replication_role = replica;
		INSERT INTO job_lines (kind, book_id, since, planned_until) SELECT 'job' || k, b, '2020-01-01', '2026-03-02' FROM generate_series(0, 9) k, generate_series(0, 9) b;
		INSERT INTO job_periods (kind, book_id, period, ends_at, state, planned_at, next_attempt, started_at, finished_at, fence)
		SELECT 'job' || k, b, timestamptz '2020-01-01' + n * interval '5 minutes', timestamptz '2020-01-01' + (n + 1) * interval '5 minutes',
		       CASE WHEN n % 1000 = 0 THEN 'parked' ELSE 'done' END, now(), now(), now(), now(), n
		  FROM generate_series(0, 9) k, generate_series(0, 9) b, generate_series(1, 3000) n;
		ANALYZE job_periods; ANALYZE job_lines`); err != nil {
		t.Fatal(err)
	}
	book := int32(3)
	mark := jobs.Mark{Period: time.Date(2020, 1, 6, 0, 0, 0, 0, time.UTC), Job: "job5", Book: 3}
	for name, f := range map[string]jobs.Filter{
		"all": {}, "job": {Job: "job3"}, "book": {Book: &book}, "job and book": {Job: "job3", Book: &book}, "parked": {State: "parked"}, "parked of a job": {State: "parked", Job: "job3"},
		"waiting": {State: "waiting"}, "running of a book": {State: "running", Book: &book}, "done": {State: "done"},
		"from": {From: mark.Period}, "until": {Until: mark.Period}, "a job that is not": {Job: "none"}, "parked in a book that is not": {State: "parked", Book: new(int32(99))},
	} {
		for _, page := range []jobs.Page{{}, {After: &mark}} {
			sql, args := jobs.HistoryQuery(f, page)
			if touched := rowsTouched(t, h, sql, args...); touched > 2500 {
				t.Errorf("%s: %d rows were touched", name, touched)
			}
		}
	}
	for name, sql := range jobs.Statements {
		if touched := rowsTouched(t, h, sql.Text, sql.Args...); touched > 1200 {
			t.Errorf("%s: %d rows were touched", name, touched)
		}
	}
	if _, err := s.Jobs(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if _, err := s.Tick(t.Context()); err != nil {
		t.Error(err)
	}
}
