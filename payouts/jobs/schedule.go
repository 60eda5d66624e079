package jobs

import (
	"fmt"
	"strings"
	"time"

	"mizan/ledger/fault"

	"github.com/robfig/cron/v3"
)

// A schedule says at which instants periods begin. Instants are computed, never waited for, so that none is lost or
// doubled by a restart or by a change of the clock.

// ErrSchedule means that an expression is no schedule: it cannot be read, names a time zone, or never comes.
var ErrSchedule = fault.New(fault.Invalid, "job-schedule-invalid",
	"This is no schedule. Give five fields in UTC, such as 15 2 * * * for a quarter past two every day, that come at some time.")

// Schedule says when periods begin.
type Schedule interface {
	// Next returns the first instant after the given one at which a period begins in a book of the time zone, in UTC and
	// whole seconds; zero if there is none.
	Next(after time.Time, zone *time.Location) time.Time
	// String says it as people read it.
	String() string
}

// clockOf returns the time of day at which periods begin by the clocks of each book, as 02:15; empty for a schedule of another kind.
func clockOf(s Schedule) string {
	if at, ok := s.(localTime); ok {
		return fmt.Sprintf("%02d:%02d", at.hour, at.minute)
	}
	return ""
}

// maxSpec bounds an expression, in bytes.
const maxSpec = 128

// cronSchedule is an expression in UTC. In a zone with daylight saving, the parser's own arithmetic leaves out times that the
// clocks skip and repeats those that come twice, so no other zone is allowed.
type cronSchedule struct {
	spec string
	when cron.Schedule
}

// Cron returns the schedule of an expression of five fields (minute, hour, day of the month, month, day of the week) in
// UTC. It returns ErrSchedule for anything else, and for a date that never comes, such as 30 February.
func Cron(spec string) (Schedule, error) {
	spec = strings.Join(strings.Fields(spec), " ")
	if len(spec) > maxSpec || strings.ContainsAny(spec, "=@") {
		return nil, ErrSchedule
	}
	when, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(spec)
	if err != nil {
		return nil, ErrSchedule.Because(err)
	}
	s := cronSchedule{spec, when}
	if s.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC).IsZero() {
		return nil, ErrSchedule
	}
	return s, nil
}

func (s cronSchedule) String() string { return s.spec + " UTC" }

// Next looks twice, because the parser gives up after five years, and 29 February can be eight years away.
func (s cronSchedule) Next(after time.Time, _ *time.Location) time.Time {
	after = after.UTC()
	if next := s.when.Next(after); !next.IsZero() {
		return next.UTC()
	}
	if next := s.when.Next(after.AddDate(4, 0, 0)); !next.IsZero() {
		return next.UTC()
	}
	return time.Time{}
}

// localTime is a time of day by the clocks of a book.
type localTime struct{ hour, minute int }

// LocalTime returns the schedule of a time of day by the clocks of the book: each local day exactly once. Where the clocks
// skip that time, it is the first instant after the gap; where it comes twice, the first of both; a date that the zone left
// out altogether has none. It returns ErrSchedule for a time that no day has.
func LocalTime(hour, minute int) (Schedule, error) {
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 {
		return nil, ErrSchedule
	}
	return localTime{hour, minute}, nil
}

// LocalMidnight returns the schedule of the beginning of each day by the clocks of the book.
func LocalMidnight() Schedule { return localTime{} }

func (s localTime) String() string {
	return "every day at " + clockOf(s) + " by the clocks of the book"
}

// Next goes through the dates around the instant. No zone leaves out more than one date in a row.
func (s localTime) Next(after time.Time, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	year, month, day := after.In(zone).Date()
	for ahead := -1; ahead <= 4; ahead++ {
		// Noon of a date in UTC counts dates without meeting a zone.
		date := time.Date(year, month, day+ahead, 12, 0, 0, 0, time.UTC)
		if at := s.on(date, zone); !at.IsZero() && at.After(after) {
			return at
		}
	}
	return time.Time{}
}

// farthest is more than any zone is away from UTC.
const farthest = 27 * time.Hour

// on returns the first instant of the date at which the clocks of the zone show the time or a later one, and zero for a
// date that the zone left out. It walks along the stretches in which the zone keeps one distance from UTC.
func (s localTime) on(date time.Time, zone *time.Location) time.Time {
	year, month, day := date.Date()
	wall := time.Date(year, month, day, s.hour, s.minute, 0, 0, time.UTC)
	for from, until := wall.Add(-farthest), wall.Add(farthest); from.Before(until); {
		_, offset := from.In(zone).Zone()
		_, end := from.In(zone).ZoneBounds()
		at := wall.Add(-time.Duration(offset) * time.Second)
		skipped := at.Before(from)
		if skipped {
			at = from
		}
		if end.IsZero() || at.Before(end) {
			if skipped && leftOut(year, month, day, at.In(zone)) {
				return time.Time{}
			}
			return at.UTC()
		}
		from = end
	}
	return time.Time{}
}

// leftOut reports whether the clocks went from before the date to after it at the instant.
func leftOut(year int, month time.Month, day int, at time.Time) bool {
	date := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	on := func(t time.Time) time.Time {
		y, m, d := t.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return on(at.Add(-time.Nanosecond)).Before(date) && on(at).After(date)
}
