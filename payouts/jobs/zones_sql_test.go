package jobs_test

import (
	"context"
	"testing"
	"time"

	"mizan/payouts/jobs"
)

// Forty books in forty zones through the changes of their clocks in spring and autumn, with 26 hours in which nothing runs:
// each local day of each book once, and each day in UTC once.
func TestZonesThroughAService(t *testing.T) {
	t.Parallel()
	for name, season := range map[string]time.Time{"spring": time.Date(2025, 3, 7, 12, 0, 0, 0, time.UTC), "autumn": time.Date(2025, 10, 31, 12, 0, 0, 0, time.UTC),
		"a day left out": time.Date(2011, 12, 27, 12, 0, 0, 0, time.UTC)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkSeason(t, season)
		})
	}
}

func checkSeason(t *testing.T, season time.Time) {
	h := newHouse(t)
	h.clock.at = season
	var list []jobs.Book
	for i, name := range zones {
		list = append(list, jobs.Book{ID: int32(i + 1), Code: "z", Zone: zone(t, name)})
	}
	local := h.minutely(t, "close-day")
	local.Schedule, local.PerBook = jobs.LocalMidnight(), true
	daily := h.minutely(t, "night")
	daily.Schedule = cron(t, "30 2 * * *")
	change := func(c *jobs.Config) { c.Books = func(context.Context) ([]jobs.Book, error) { return list, nil } }
	left, right := h.configured(t, change, local, daily), h.configured(t, change, local, daily)
	run(t, left)
	for _, step := range []time.Duration{5 * time.Hour, 7 * time.Hour, 26 * time.Hour, time.Hour, 13 * time.Hour, -time.Hour, 25 * time.Hour, 20 * time.Hour} {
		h.clock.move(step)
		run(t, left)
		run(t, right)
	}
	want := 0
	for _, b := range list {
		// Each date that a walk along the clock meets, after the one of the beginning.
		dates := map[string]bool{}
		for at := season; !at.After(h.clock.now()); at = at.Add(15 * time.Minute) {
			dates[at.In(b.Zone).Format(time.DateOnly)] = true
		}
		want += len(dates) - 1
	}
	h.onceEach(t, "close-day", want)
	h.onceEach(t, "night", 4)
	var doubled int
	err := h.Pool.QueryRow(t.Context(), `
SELECT count(*) FROM (SELECT book_id, (period AT TIME ZONE (($1::text[])[book_id]))::date AS day FROM work_done WHERE kind = 'close-day' GROUP BY 1, 2 HAVING count(*) > 1) twice`,
		zones).Scan(&doubled)
	if err != nil || doubled != 0 {
		t.Errorf("%d local days have two periods, %v", doubled, err)
	}
}
