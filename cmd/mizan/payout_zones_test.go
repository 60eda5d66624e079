package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/payouts"
	"mizan/payouts/jobs"
)

// payoutZones are forty and more in which clocks change in all sorts of ways, with days left out and a distance of half an hour.
var payoutZones = strings.Fields(`Europe/London Europe/Berlin Europe/Dublin Europe/Lisbon Europe/Moscow Europe/Istanbul Europe/Chisinau America/New_York
	America/Los_Angeles America/St_Johns America/Sao_Paulo America/Asuncion America/Santiago America/Havana America/Toronto America/Scoresbysund
	America/Nuuk America/Caracas Asia/Tokyo Asia/Manila Asia/Kolkata Asia/Kathmandu Asia/Tehran Asia/Beirut Asia/Amman Asia/Gaza
	Asia/Damascus Asia/Pyongyang Asia/Riyadh Africa/Cairo Africa/Casablanca Africa/El_Aaiun Africa/Juba Australia/Sydney Australia/Lord_Howe
	Pacific/Apia Pacific/Fakaofo Pacific/Kiritimati Pacific/Kwajalein Pacific/Chatham Antarctica/Troll Atlantic/Azores`)

// changesOf are the last four changes of a zone's clocks before 2028, and the one with which it left out a day.
func changesOf(zone *time.Location) []time.Time {
	var list, out []time.Time
	for at := time.Date(1993, 1, 1, 0, 0, 0, 0, time.UTC); ; {
		_, end := at.In(zone).ZoneBounds()
		if end.IsZero() || end.Year() >= 2028 {
			return append(list, out...)
		}
		if isDayLeftOut(end, zone) {
			out = append(out, end)
		} else if list = append(list, end); len(list) > 4 {
			list = list[1:]
		}
		at = end
	}
}

func isDayLeftOut(at time.Time, zone *time.Location) bool {
	_, before := at.Add(-time.Second).In(zone).Zone()
	_, after := at.In(zone).Zone()
	return after-before >= 20*3600
}

// Around each change of clocks, each work of payouts has exactly one period in each local day, or in each minute or hour that
// passes, and the run of a day is where the calendar of the policy says, so that no day is paid twice or left out.
func TestWorksInZones(t *testing.T) {
	t.Parallel()
	if len(payoutZones) < 40 {
		t.Fatalf("%d zones", len(payoutZones))
	}
	changes, left := 0, 0
	for _, name := range payoutZones {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range changesOf(zone) {
			changes++
			if isDayLeftOut(change, zone) {
				left++
			}
			for _, when := range []payouts.When{payouts.AtMidnight, payouts.AtRun, payouts.AtDawn} {
				checkLocalWork(t, when, zone, change)
			}
			for when, step := range map[payouts.When]time.Duration{payouts.EveryMinute: time.Minute, payouts.Every5Minutes: 5 * time.Minute, payouts.Hourly: time.Hour} {
				checkEvenWork(t, when, step, zone, change)
			}
		}
	}
	t.Logf("%d changes of clocks, %d of them with a day left out", changes, left)
	if changes < 120 || left < 3 {
		t.Errorf("only %d changes, %d with a day left out", changes, left)
	}
}

func payoutTime(t *testing.T, when payouts.When) jobs.Schedule {
	t.Helper()
	s, _, err := payoutSchedule(when)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// periodsOf are the periods of a schedule between two instants.
func periodsOf(s jobs.Schedule, zone *time.Location, from, until time.Time) (list []time.Time) {
	for at := s.Next(from, zone); at.Before(until); at = s.Next(at, zone) {
		list = append(list, at)
	}
	return list
}

// checkLocalWork compares the periods of a work of each day with the dates that clocks showed.
func checkLocalWork(t *testing.T, when payouts.When, zone *time.Location, change time.Time) {
	t.Helper()
	from, until := change.AddDate(0, 0, -5), change.AddDate(0, 0, 5)
	var got, want []string
	policy := payouts.Policy{TimeZone: zone.String(), Run: "02:00", Cutoff: "00:00",
		Kinds: map[string]payouts.Terms{payouts.KindSeller: {Cadence: payouts.Cadence{Every: payouts.CadenceDaily}}}}
	for _, at := range periodsOf(payoutTime(t, when), zone, from, until) {
		date := policy.LocalDate(at)
		got = append(got, date)
		if when != payouts.AtRun {
			continue
		}
		if run, err := policy.RunOn(date); err != nil || !run.Equal(at) {
			t.Errorf("%s: the run of %s starts at %s by the policy and at %s by its schedule, %v", zone, date, run, at, err)
		}
		cutoff, err := policy.CutoffOn(date)
		if err != nil || cutoff.After(at) || policy.LocalDate(cutoff) != date {
			t.Errorf("%s: the run of %s counts what is before %s, %v", zone, date, cutoff, err)
		}
		// Whoever is told of the next run is told of this one.
		if next := policy.NextRun(payouts.KindSeller, at.Add(-time.Second)); !next.Equal(at) {
			t.Errorf("%s: the next run before %s is told to be %s", zone, at, next)
		}
	}
	for at := from.Truncate(time.Minute); at.Before(until); at = at.Add(15 * time.Minute) {
		if date := at.In(zone).Format(time.DateOnly); !slices.Contains(want, date) {
			want = append(want, date)
		}
	}
	// The first and the last date are cut off somewhere.
	first, last := want[0], want[len(want)-1]
	want = want[1 : len(want)-1]
	got = slices.DeleteFunc(got, func(date string) bool { return date == first || date == last })
	if !slices.Equal(got, want) {
		t.Errorf("%s, %s around %s:\n got %v\nwant %v", zone, when, change, got, want)
	}
}

// checkEvenWork compares a work of each minute or hour with the time that passes.
func checkEvenWork(t *testing.T, when payouts.When, step time.Duration, zone *time.Location, change time.Time) {
	t.Helper()
	from := change.Add(-4 * time.Hour).Truncate(step)
	list := periodsOf(payoutTime(t, when), zone, from, change.Add(4*time.Hour))
	for i, at := range list {
		if want := from.Add(time.Duration(i+1) * step); !at.Equal(want) {
			t.Errorf("%s, %s around %s: %s, want %s", zone, when, change, at, want)
			return
		}
	}
}
