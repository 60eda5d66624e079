package jobs_test

import (
	"testing"
	"time"
)

// After an outage, one run of a job of which the newest period stands for all is made, at the newest one; and then each again.
func TestTheNewestStandsForAll(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	job := h.minutely(t, "poll")
	job.Latest = true
	s := h.service(t, job)
	run(t, s)
	for _, away := range []time.Duration{26 * time.Hour, 90 * 24 * time.Hour, 3 * time.Minute} {
		h.clock.move(away)
		if done := tick(t, s); done.Planned != 1 || done.Behind != 0 {
			t.Errorf("after %s: %+v", away, done)
		}
		if n := run(t, s); n != 1 {
			t.Errorf("after %s: %d runs, want 1", away, n)
		}
		if n := run(t, s); n != 0 {
			t.Errorf("after %s: %d runs too many", away, n)
		}
	}
	h.clock.move(time.Minute)
	if n := run(t, s); n != 1 {
		t.Errorf("%d runs in the next minute, want 1", n)
	}
	h.onceEach(t, "poll", 4)
}

// Skipping makes nothing up, and the next period comes.
func TestSkippedPeriodsAreNotMadeUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service(t, h.minutely(t, "poll"))
	run(t, s)
	h.clock.move(26 * time.Hour)
	if err := s.PassOver(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := run(t, s); n != 0 {
		t.Errorf("%d runs were made up", n)
	}
	h.clock.move(time.Minute)
	if n := run(t, s); n != 1 {
		t.Errorf("%d runs, want 1", n)
	}
}
