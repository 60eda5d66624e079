package payouts

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Tests of the calendar: days on which clocks change, short months, and a slow oracle that walks minute by minute.

func TestNextRun(t *testing.T) {
	t.Parallel()
	weekly, monthly := Cadence{Every: CadenceWeekly, Weekday: 1}, Cadence{Every: CadenceMonthly, Day: 31}
	for _, c := range []struct {
		name, zone, run string
		cadence         Cadence
		after, want     string
	}{
		{"the instant itself is over", "Europe/London", "02:00", Cadence{Every: CadenceDaily}, "2026-01-05T02:00:00Z", "2026-01-06T02:00:00Z"},
		{"an instant before", "Europe/London", "02:00", Cadence{Every: CadenceDaily}, "2026-01-05T01:59:59Z", "2026-01-05T02:00:00Z"},
		{"east of Greenwich the day is further", "Asia/Manila", "02:00", Cadence{Every: CadenceDaily}, "2026-01-05T17:59:59Z", "2026-01-05T18:00:00Z"},
		{"Sunday night in New York is Monday elsewhere", "America/New_York", "02:00", weekly, "2026-03-02T01:00:00Z", "2026-03-02T07:00:00Z"},
		{"on Sundays", "Europe/London", "02:00", Cadence{Every: CadenceWeekly, Weekday: 7}, "2026-01-05T02:00:00Z", "2026-01-11T02:00:00Z"},
		{"02:00 does not exist: 03:00 of the new time", "America/New_York", "02:00", Cadence{Every: CadenceDaily}, "2026-03-08T00:00:00-05:00", "2026-03-08T07:00:00Z"},
		{"the day after", "America/New_York", "02:00", Cadence{Every: CadenceDaily}, "2026-03-08T07:00:00Z", "2026-03-09T06:00:00Z"},
		{"01:30 comes twice: the first", "America/New_York", "01:30", Cadence{Every: CadenceDaily}, "2026-11-01T00:00:00-04:00", "2026-11-01T05:30:00Z"},
		{"and not again", "America/New_York", "01:30", Cadence{Every: CadenceDaily}, "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"},
		{"midnight does not exist in Cairo", "Africa/Cairo", "00:00", Cadence{Every: CadenceDaily}, "2024-04-25T12:00:00Z", "2024-04-25T22:00:00Z"},
		{"midnight comes twice in Havana", "America/Havana", "00:00", Cadence{Every: CadenceDaily}, "2025-11-01T20:00:00Z", "2025-11-02T04:00:00Z"},
		{"a day that Samoa skipped", "Pacific/Apia", "02:00", Cadence{Every: CadenceMonthly, Day: 30}, "2011-12-29T00:00:00Z", "2011-12-30T10:00:00Z"},
		{"the 31st of a February", "Europe/London", "02:00", monthly, "2026-01-31T02:00:00Z", "2026-02-28T02:00:00Z"},
		{"of a leap year", "Europe/London", "02:00", monthly, "2028-02-01T00:00:00Z", "2028-02-29T02:00:00Z"},
		{"of a July", "Europe/London", "02:00", monthly, "2026-07-01T00:00:00Z", "2026-07-31T01:00:00Z"},
	} {
		p := *named(t, "us-1")
		p.TimeZone, p.Run, p.Cutoff = c.zone, c.run, "00:00"
		p.Kinds = map[string]Terms{KindSeller: {Cadence: c.cadence}}
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.NextRun(KindSeller, after).Format(time.RFC3339); got != c.want {
			t.Errorf("%s: %s, wanted %s", c.name, got, c.want)
		}
	}
	if at := named(t, "us-1").NextRun("odd", now); !at.IsZero() {
		t.Errorf("a kind without terms is paid at %v", at)
	}
}

func TestRunsAgainstEveryMinute(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		p := *named(t, "us-1")
		p.TimeZone = rapid.SampledFrom([]string{"America/New_York", "Europe/London", "Asia/Manila", "Africa/Cairo", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia", "Asia/Kathmandu"}).Draw(r, "zone")
		p.Run = rapid.SampledFrom([]string{"00:00", "00:30", "01:30", "01:59", "02:00", "02:30", "03:00", "23:59"}).Draw(r, "run")
		zone := p.zone()
		// One of the days on which clocks change, or any.
		day := time.Date(rapid.IntRange(2009, 2027).Draw(r, "year"), time.January, rapid.IntRange(1, 365).Draw(r, "day"), 12, 0, 0, 0, zone)
		if rapid.Bool().Draw(r, "change") {
			if _, end := day.ZoneBounds(); !end.IsZero() && end.Year() < 2030 {
				day = end.In(zone)
			}
		}
		date := day.Format(time.DateOnly)
		// The first minute at which clocks show the run's time of that day, or anything later.
		want := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC).Add(-27 * time.Hour)
		for date+" "+p.Run > want.In(zone).Format("2006-01-02 15:04") {
			want = want.Add(time.Minute)
		}
		got, err := p.RunOn(date)
		if err != nil || !got.Equal(want) || got.Location() != time.UTC {
			r.Fatalf("%s of %s: %v, wanted %v (%v)", p.Run, date, got, want, err)
		}
		p.Kinds = map[string]Terms{KindSeller: {Cadence: Cadence{Every: CadenceDaily}}}
		if next := p.NextRun(KindSeller, got.Add(-time.Second)); !next.Equal(got) {
			r.Fatalf("the next run before %v is %v", got, next)
		}
		if next := p.NextRun(KindSeller, got); next.Sub(got) <= 0 || next.Sub(got) > 49*time.Hour {
			r.Fatalf("after %v comes %v", got, next)
		}
	})
}

func TestCutoffAndCoolingOff(t *testing.T) {
	t.Parallel()
	p := named(t, "us-1")
	at, err := p.CutoffOn("2026-03-08")
	if err != nil || at.Format(time.RFC3339) != "2026-03-08T05:00:00Z" {
		t.Errorf("the cut-off is %v (%v)", at, err)
	}
	for _, text := range []string{"", "2026-02-30", "08.03.2026", "2026-3-8"} {
		if _, err := p.CutoffOn(text); err == nil {
			t.Errorf("%q is a date", text)
		}
	}
	if got := p.LocalDate(time.Date(2026, 3, 2, 4, 59, 59, 0, time.UTC)); got != "2026-03-01" {
		t.Errorf("the local date is %s", got)
	}
	// Three days with a change of clocks are 72 hours all the same.
	if got := p.CoolingOffEnds(time.Date(2026, 3, 7, 0, 0, 0, 0, p.zone())).Format(time.RFC3339); got != "2026-03-10T05:00:00Z" {
		t.Errorf("cooling off ends at %s", got)
	}
}
