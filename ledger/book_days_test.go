package ledger

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

// dayZones are forty in which clocks change in all sorts of ways: in the night, at midnight, to midnight, by half an hour, by two
// hours, and by a whole day in either direction.
var dayZones = strings.Fields(`Europe/London Europe/Berlin Europe/Dublin Europe/Lisbon Europe/Moscow Europe/Istanbul Europe/Chisinau America/New_York
	America/Los_Angeles America/St_Johns America/Sao_Paulo America/Asuncion America/Santiago America/Havana America/Toronto America/Scoresbysund
	America/Nuuk America/Caracas Asia/Ho_Chi_Minh Asia/Tokyo Asia/Manila Asia/Kolkata Asia/Kathmandu Asia/Tehran Asia/Beirut Asia/Amman Asia/Gaza
	Asia/Damascus Asia/Pyongyang Africa/Cairo Africa/Casablanca Africa/Juba Australia/Sydney Australia/Lord_Howe Pacific/Apia Pacific/Kiritimati
	Pacific/Kwajalein Pacific/Chatham Antarctica/Troll Atlantic/Azores America/Juneau Asia/Anadyr`)

// A day of a book begins at the first instant at which its clocks show that date; a date that the clocks left out begins where
// they went on. The walk in quarters of an hour shares nothing with the arithmetic.
func TestDayBegins(t *testing.T) {
	t.Parallel()
	if len(dayZones) < 40 {
		t.Fatalf("%d zones", len(dayZones))
	}
	changes := 0
	for _, name := range dayZones {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		b := Book{location: zone}
		for at := time.Date(1993, 1, 1, 0, 0, 0, 0, time.UTC); ; changes++ {
			_, end := at.In(zone).ZoneBounds()
			if end.IsZero() || end.Year() > 2028 {
				break
			}
			checkDays(t, b, end)
			at = end
		}
	}
	t.Logf("%d changes of clocks", changes)
	if changes < 1500 {
		t.Errorf("only %d changes", changes)
	}
}

// quarter divides the distance of each zone from UTC in these years.
const quarter = 15 * time.Minute

// checkDays compares the beginnings of the dates around a change of clocks with what a walk meets first.
func checkDays(t *testing.T, b Book, change time.Time) {
	t.Helper()
	from := change.Add(-60 * time.Hour).Truncate(quarter)
	latest := from.In(b.location).Format(time.DateOnly)
	for at := from; at.Before(change.Add(36 * time.Hour)); at = at.Add(quarter) {
		date := at.In(b.location).Format(time.DateOnly)
		if date <= latest {
			continue
		}
		// All dates since the one before begin here: usually one, two where the clocks left one out.
		day, err := time.Parse(time.DateOnly, latest)
		if err != nil {
			t.Fatal(err)
		}
		for latest != date {
			day = day.AddDate(0, 0, 1)
			latest = day.Format(time.DateOnly)
			if got := b.DayBegins(day.Year(), day.Month(), day.Day()); !got.Equal(at) || got.Location() != time.UTC {
				t.Errorf("%s: %s begins at %s, want %s", b.location, latest, got, at)
			}
			if over := b.DayBegins(day.Year(), 1, day.YearDay()); !over.Equal(at) {
				t.Errorf("%s: %s by its day of the year begins at %s, want %s", b.location, latest, over, at)
			}
		}
	}
}
