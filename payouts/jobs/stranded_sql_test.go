package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mizan/payouts/jobs"
)

// Lesson 60: what is due under a name that the program does not know, or in a place where the job does not run, is never done in silence.
func TestBug60WorkThatNoJobKnowsIsLoud(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	release := h.minutely(t, "release")
	release.PerBook = true
	old := h.service(t, release, h.minutely(t, "poll"), h.minutely(t, "count"))
	run(t, old)
	h.clock.move(3 * time.Minute)
	tick(t, old)
	if got, err := old.Stranded(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("who knows all jobs names %+v, %v", got, err)
	}
	// The new program has renamed poll, and counts in each book.
	renamed, each := h.minutely(t, "ask"), h.minutely(t, "count")
	each.PerBook = true
	s := h.service(t, release, renamed, each)
	run(t, s)
	h.clock.move(time.Minute)
	run(t, s)
	first := start.Add(time.Minute)
	want := []jobs.Stranded{{Job: "count", Open: 3, Oldest: first}, {Job: "poll", Open: 3, Oldest: first}}
	got, err := s.Stranded(t.Context())
	for i := range got {
		got[i].Oldest = got[i].Oldest.UTC()
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if n := h.log.count(jobs.Strange); n != 0 {
		t.Errorf("%d told before any service started", n)
	}
	launch(t, s)
	eventually(t, "both are told", func() bool { return h.log.count(jobs.Strange) == 2 })
	for i, e := range h.log.all(jobs.Strange) {
		if e.Job != want[i].Job || e.Items != 3 || !e.Period.Equal(first) {
			t.Errorf("told of %+v", e)
		}
	}
	// Where the old program still runs, it does them.
	run(t, old)
	if got, err := s.Stranded(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("after the old program has done it: %+v, %v", got, err)
	}
}

// A book in which no job runs any more has work that nobody does.
func TestStrandedInABook(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	release := h.minutely(t, "release")
	release.PerBook = true
	s := h.service(t, release)
	run(t, s)
	h.clock.move(2 * time.Minute)
	tick(t, s)
	fewer := h.configured(t, func(c *jobs.Config) {
		all := c.Books
		c.Books = func(ctx context.Context) ([]jobs.Book, error) {
			list, err := all(ctx)
			return list[:2], err
		}
	}, release)
	got, err := fewer.Stranded(t.Context())
	if err != nil || len(got) != 1 || got[0].Job != "release" || got[0].Book != 3 || got[0].Open != 2 {
		t.Errorf("stranded %+v, %v", got, err)
	}
}

// The oldest of stranded work is told, also if a later period runs: an extra one may be taken up before the one that was due before it.
func TestStrandedTellsTheOldest(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service(t, h.minutely(t, "poll"))
	run(t, s)
	h.clock.move(3 * time.Minute)
	tick(t, s)
	h.owner(t, `UPDATE job_lines SET fence = 1 WHERE kind = 'poll';
		UPDATE job_periods SET state = 'running', fence = 1, claimed_by = 'other', started_at = now(), lease_until = now() + interval '1 hour'
		 WHERE kind = 'poll' AND period = (SELECT max(period) FROM job_periods WHERE kind = 'poll')`)
	got, err := h.service(t, h.minutely(t, "ask")).Stranded(t.Context())
	if err != nil || len(got) != 1 || got[0].Open != 3 || !got[0].Oldest.Equal(start.Add(time.Minute)) {
		t.Errorf("stranded %+v, %v", got, err)
	}
}
