package payouts

import (
	"strconv"
	"sync"
	"time"
	_ "time/tzdata" // so that runs begin at the same instants on machines without a zone database
)

// The calendar of payouts: on which local days a payee is paid, and at which instants. Clocks that change may skip a local
// time or have it twice: a run starts at the first instant of its day at which clocks show its time or a later one.

// maxDaysAhead bounds the search for the next run; a monthly cadence needs 31 days.
const maxDaysAhead = 63

// zones keeps the zones that were read.
var zones sync.Map

// zoneOf returns a time zone by its IANA name. The zones of the machine and of nobody are refused.
func zoneOf(name string) (*time.Location, error) {
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location), nil
	}
	if name == "" || name == "Local" {
		return nil, ErrPolicyInvalid
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, ErrPolicyInvalid.Because(err)
	}
	zones.Store(name, zone)
	return zone, nil
}

// zone returns the zone of a checked policy.
func (p *Policy) zone() *time.Location {
	zone, err := zoneOf(p.TimeZone)
	if err != nil {
		panic("payouts: the policy " + p.Name() + " was not checked: " + err.Error())
	}
	return zone
}

// PaysOn reports whether the cadence pays on a day. Only the date of the time given counts, as it stands there.
func (c Cadence) PaysOn(day time.Time) bool {
	switch c.Every {
	case CadenceDaily:
		return true
	case CadenceWeekly:
		return (int(day.Weekday())+6)%7+1 == c.Weekday
	case CadenceMonthly:
		last := time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
		return day.Day() == min(c.Day, last)
	}
	return false
}

// NextRun returns the start of the first run after the instant that pays the kind, in UTC; zero for a kind without terms.
func (p *Policy) NextRun(kind string, after time.Time) time.Time {
	terms, ok := p.Kinds[kind]
	if !ok {
		return time.Time{}
	}
	zone := p.zone()
	local := after.In(zone)
	day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
	for range maxDaysAhead {
		if terms.Cadence.PaysOn(day) {
			if at := firstAt(day, p.Run, zone); at.After(after) {
				return at
			}
		}
		day = day.AddDate(0, 0, 1)
	}
	return time.Time{}
}

// CutoffOn returns the instant before which money must be available to be paid in the run of a local day ("2026-03-02"),
// and RunOn the one at which that run starts. ErrPolicyInvalid means that the text is no date.
func (p *Policy) CutoffOn(date string) (time.Time, error) { return p.instantOn(date, p.Cutoff) }

// RunOn returns the instant at which the run of a local day starts.
func (p *Policy) RunOn(date string) (time.Time, error) { return p.instantOn(date, p.Run) }

func (p *Policy) instantOn(date, clock string) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return time.Time{}, ErrPolicyInvalid.With("This is no date. Give one such as 2026-03-02.")
	}
	return firstAt(day, clock, p.zone()), nil
}

// LocalDate returns the day of an instant in the policy's zone.
func (p *Policy) LocalDate(at time.Time) string { return at.In(p.zone()).Format(time.DateOnly) }

// CoolingOffEnds returns the first instant at which a destination that was changed at the given one may be paid. Hours are
// real hours, whatever clocks do.
func (p *Policy) CoolingOffEnds(changed time.Time) time.Time {
	return changed.Add(time.Duration(p.CoolingOffHours) * time.Hour).UTC()
}

// firstAt returns the first instant at which clocks in the zone show the day and the time of day, or something later.
func firstAt(day time.Time, clock string, zone *time.Location) time.Time {
	hour, minute := clockOf(clock)
	want := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, time.UTC)
	// No zone is 26 hours from UTC, and what clocks show only falls behind where they are set back. So the first instant is
	// found from one side: step over the changes, then count the rest of the way.
	at := want.Add(-26 * time.Hour)
	for range 16 {
		shown := shownAt(at, zone)
		if !shown.Before(want) {
			return at.UTC()
		}
		next := at.Add(want.Sub(shown))
		if _, end := at.In(zone).ZoneBounds(); !end.IsZero() && end.Before(next) {
			next = end
		}
		at = next
	}
	return at.UTC()
}

// shownAt is what clocks in the zone show, as if it were UTC.
func shownAt(at time.Time, zone *time.Location) time.Time {
	_, offset := at.In(zone).Zone()
	return at.UTC().Add(time.Duration(offset) * time.Second)
}

// clockOf splits a checked time of day.
func clockOf(text string) (hour, minute int) {
	if len(text) != len("00:00") {
		return 0, 0
	}
	hour, _ = strconv.Atoi(text[:2])
	minute, _ = strconv.Atoi(text[3:])
	return hour, minute
}
