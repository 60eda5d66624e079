package jobs_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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

// changesOf are the changes of a zone's clocks.
func changesOf(z *time.Location) (list []time.Time) {
	for at := time.Date(1993, 1, 2, 0, 0, 0, 0, time.UTC); ; {
		_, end := at.In(z).ZoneBounds()
		if end.IsZero() || end.Year() > 2028 {
			return list
		}
		list, at = append(list, end), end
	}
}

// scheduled is a job of the test: by the clocks of its book, or in UTC every so often.
type scheduled struct {
	name  string
	clock [2]int
	every time.Duration
	cron  string
}

var scheduledJobs = []scheduled{
	{name: "midnight"}, {name: "half-past-one", clock: [2]int{1, 30}}, {name: "half-past-two", clock: [2]int{2, 30}},
	{name: "hourly", every: time.Hour, cron: "0 * * * *"}, {name: "weekly", every: 7 * 24 * time.Hour, cron: "0 0 * * 1"},
	{name: "monthly", cron: "0 2 1 * *"},
}

func checkSchedules(t *testing.T, random *rand.Rand, change time.Time) {
	h := newHouse(t)
	began := change.Add(-40 * time.Hour).Truncate(time.Hour)
	h.clock.at = began
	var list []jobs.Book
	for i, name := range zones {
		list = append(list, jobs.Book{ID: int32(i + 1), Code: "z", Zone: zone(t, name)})
	}
	var all []jobs.Job
	for _, s := range scheduledJobs {
		j := h.minutely(t, s.name)
		if s.cron != "" {
			j.Schedule = cron(t, s.cron)
		} else {
			var err error
			if j.Schedule, err = jobs.LocalTime(s.clock[0], s.clock[1]); err != nil {
				t.Fatal(err)
			}
			j.PerBook = true
		}
		all = append(all, j)
	}
	inBooks := func(c *jobs.Config) { c.Books = func(context.Context) ([]jobs.Book, error) { return list, nil } }
	left := h.configured(t, inBooks, all...)
	right := h.configured(t, func(c *jobs.Config) {
		inBooks(c)
		c.Now = func() time.Time { return h.clock.now().Add(10 * time.Minute) }
	}, all...)
	run(t, left)
	// At the end all clocks are four days on.
	for until := began.Add(96 * time.Hour); h.clock.now().Before(until); {
		step := time.Duration(random.IntN(26*60)) * time.Minute
		if random.IntN(4) == 0 {
			step = -min(step/2, h.clock.now().Sub(began))
		}
		h.clock.move(min(step, until.Sub(h.clock.now())))
		run(t, []*jobs.Service{left, right}[random.IntN(2)])
	}
	run(t, left)
	run(t, right)
	end := h.clock.now().Add(10 * time.Minute)
	for _, s := range scheduledJobs {
		for i, b := range list {
			if s.cron != "" && i > 0 {
				break
			}
			book := b.ID
			if s.cron != "" {
				book = 0
			}
			rows, err := h.Pool.Query(t.Context(), `SELECT period FROM work_done WHERE kind = $1 AND book_id = $2 ORDER BY n`, s.name, book)
			if err != nil {
				t.Fatal(err)
			}
			got, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
			if err != nil {
				t.Fatal(err)
			}
			if want := s.met(b.Zone, began, end); !slices.EqualFunc(got, want, time.Time.Equal) {
				t.Errorf("%s in %s:\n got %v\nwant %v", s.name, b.Zone, got, want)
			}
		}
	}
}

// met are the periods of a schedule after one instant and until another, by a walk along the clock in quarters of an hour.
func (s scheduled) met(z *time.Location, from, until time.Time) (list []time.Time) {
	switch {
	case s.every > 0:
		// The zero time is a Monday, and its weeks go on through all of the calendar.
		for at := from.Truncate(s.every).Add(s.every); !at.After(until); at = at.Add(s.every) {
			list = append(list, at)
		}
		return list
	case s.cron != "":
		for at := time.Date(from.Year(), from.Month(), 1, 2, 0, 0, 0, time.UTC); !at.After(until); at = at.AddDate(0, 1, 0) {
			if at.After(from) {
				list = append(list, at)
			}
		}
		return list
	}
	last, lastDate := "", ""
	for at := from.Add(-54 * time.Hour).Truncate(time.Hour); !at.After(until); at = at.Add(15 * time.Minute) {
		local := at.In(z)
		date := local.Format(time.DateOnly)
		// What a gap swallowed of a date is made up for at its end.
		due := local.Hour()*60+local.Minute() >= s.clock[0]*60+s.clock[1] && date > last
		if lastDate != "" && date > lastDate && lastDate > last {
			due, date = true, lastDate
		}
		if due {
			last = date
			if at.After(from) {
				list = append(list, at)
			}
		}
		lastDate = local.Format(time.DateOnly)
	}
	return list
}
