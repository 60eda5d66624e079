package jobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"mizan/payouts/jobs"
)

// NextDue names each moment at which something happens, once, and in order: schedules of several jobs and another attempt.
func TestNextDue(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	fail := true
	s := h.service(t,
		jobs.Job{Name: "hourly", Schedule: cron(t, "0 * * * *"), PerBook: true, Run: h.write},
		jobs.Job{Name: "nightly", Schedule: cron(t, "30 2 * * *"), Pause: 7 * time.Minute, Run: func(ctx context.Context, p jobs.Period) (jobs.Report, error) {
			if fail {
				fail = false
				return jobs.Report{}, errors.New("not now")
			}
			return h.write(ctx, p)
		}})
	run(t, s)
	var seen []string
	for range 20 {
		next, err := s.NextDue(t.Context())
		if err != nil || !next.After(h.clock.now()) {
			t.Fatalf("after %s: %s, %v", h.clock.now(), next, err)
		}
		h.clock.move(next.Sub(h.clock.now()))
		run(t, s)
		seen = append(seen, next.Format("15:04"))
	}
	want := []string{"10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "16:00", "17:00", "18:00", "19:00", "20:00", "21:00", "22:00", "23:00", "00:00", "01:00", "02:00",
		"02:30", "02:37", "03:00"}
	for i := range want {
		if seen[i] != want[i] {
			t.Fatalf("got %v, want %v", seen, want)
		}
	}
	h.onceEach(t, "hourly", 3*18)
	h.onceEach(t, "nightly", 1)
	none := h.service(t)
	if next, err := none.NextDue(t.Context()); err != nil || !next.IsZero() {
		t.Errorf("without jobs: %s, %v", next, err)
	}
	codes, err := s.Codes(t.Context())
	if err != nil || len(codes) != 4 || codes[2] != "b2" || codes[0] != "" {
		t.Errorf("codes %v, %v", codes, err)
	}
}

// The oldest period that waits is what a lag is counted from.
func TestOldestOpenPeriod(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service(t, h.minutely(t, "minutely"))
	tick(t, s)
	h.clock.move(3*time.Minute + time.Second)
	tick(t, s)
	oldest := func() *time.Time {
		list, err := s.Jobs(t.Context(), nil)
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		return list[0].Oldest
	}
	if at := oldest(); at == nil || !at.Equal(start.Add(time.Minute)) {
		t.Errorf("oldest %v", at)
	}
	run(t, s)
	if at := oldest(); at != nil {
		t.Errorf("nothing waits, and the oldest is %v", at)
	}
}
