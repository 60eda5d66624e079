package jobs_test

import (
	"errors"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"mizan/payouts/jobs"
)

func TestCronRefuses(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{"", "* * * *", "* * * * * *", "30 2 30 2 *", "0 0 31 2,4,6,9,11 *", "60 * * * *", "* 24 * * *", "@daily", "@every 5m", "TZ=Asia/Tokyo 0 2 * * *",
		"CRON_TZ=UTC 0 2 * * *", "a b c d e", "-1 * * * *", "*/0 * * * *", strings.Repeat("1,", 100) + "1 * * * *", "\x00 * * * *", "5-1 * * * *"} {
		if s, err := jobs.Cron(spec); !errors.Is(err, jobs.ErrSchedule) {
			t.Errorf("%q: %v, %v", spec, s, err)
		} else if spec != "" && strings.Contains(err.Error(), "Tokyo") {
			t.Errorf("the error repeats what was sent: %v", err)
		}
	}
	for _, at := range [][2]int{{24, 0}, {-1, 0}, {0, 60}, {0, -1}} {
		if _, err := jobs.LocalTime(at[0], at[1]); !errors.Is(err, jobs.ErrSchedule) {
			t.Errorf("%v: %v", at, err)
		}
	}
}

// A schedule in UTC neither skips nor doubles anything, in whatever zone the process or the book is.
func TestCronIgnoresZones(t *testing.T) {
	t.Parallel()
	angeles := zone(t, "America/Los_Angeles")
	for _, spec := range []string{"30 2 * * *", "30 1 * * *", "*/30 * * * *"} {
		s := cron(t, spec)
		for at := time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC); at.Year() == 2025; {
			next := s.Next(at.In(angeles), angeles)
			if !next.Equal(s.Next(at, time.UTC)) || next.Location() != time.UTC {
				t.Fatalf("%s: %s after %s", spec, next, at)
			}
			if step := next.Sub(at); at.Hour()+at.Minute() != 0 && step != 24*time.Hour && step != 30*time.Minute {
				t.Fatalf("%s: %s after %s", spec, next, at)
			}
			at = next
		}
	}
}

// 29 February can be eight years away, beyond the parser's own search.
func TestCronFindsLeapDays(t *testing.T) {
	t.Parallel()
	s := cron(t, "0 0 29 2 *")
	if got := s.Next(time.Date(2096, 3, 1, 0, 0, 0, 0, time.UTC), time.UTC); !got.Equal(time.Date(2104, 2, 29, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("got %s", got)
	}
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// zones are forty, with all sorts of changes: in the night, at midnight, backwards, by half an hour, and by a whole day.
var zones = strings.Fields(`Europe/London Europe/Berlin Europe/Dublin Europe/Lisbon Europe/Moscow Europe/Istanbul Europe/Chisinau America/New_York
	America/Los_Angeles America/St_Johns America/Sao_Paulo America/Asuncion America/Santiago America/Havana America/Toronto America/Phoenix America/Nuuk
	America/Caracas Asia/Ho_Chi_Minh Asia/Tokyo Asia/Shanghai Asia/Kolkata Asia/Kathmandu Asia/Tehran Asia/Beirut Asia/Amman Asia/Gaza Asia/Damascus
	Asia/Pyongyang Africa/Cairo Africa/Casablanca Africa/Juba Australia/Sydney Australia/Lord_Howe Pacific/Apia Pacific/Kiritimati Pacific/Kwajalein
	Pacific/Chatham Antarctica/Troll UTC`)

// step is a minute as the clocks of a zone show it.
type step struct {
	at           time.Time
	date, minute int
}

// around is how far before and after a change is compared; the walk begins earlier, to know what has been.
const around = 36 * time.Hour

func walk(z *time.Location, change time.Time) (steps []step) {
	for at := change.Add(-around - 30*time.Hour).Truncate(time.Minute); at.Before(change.Add(around)); at = at.Add(time.Minute) {
		local := at.In(z)
		year, month, day := local.Date()
		steps = append(steps, step{at, (year*100+int(month))*100 + day, local.Hour()*60 + local.Minute()})
	}
	return steps
}

// checkAround compares the days around a change with a walk in minutes.
func checkAround(t *testing.T, z *time.Location, change time.Time, walked []step, clock [2]int) {
	t.Helper()
	s, err := jobs.LocalTime(clock[0], clock[1])
	if err != nil {
		t.Fatal(err)
	}
	from, until := change.Add(-around).Truncate(time.Minute), change.Add(around)
	var want []time.Time
	seen := map[int]bool{}
	for i, w := range walked {
		// The end of a gap that swallowed the rest of a date belongs to that date.
		if i > 0 && w.date > walked[i-1].date && !seen[walked[i-1].date] {
			seen[walked[i-1].date] = true
			want = append(want, w.at)
		}
		if w.minute >= clock[0]*60+clock[1] && !seen[w.date] {
			seen[w.date] = true
			want = append(want, w.at)
		}
	}
	for len(want) > 0 && !want[0].After(from) {
		want = want[1:]
	}
	var got []time.Time
	for at := s.Next(from, z); at.Before(until) && len(got) < 10; at = s.Next(at, z) {
		got = append(got, at)
	}
	equal := len(got) == len(want)
	for i := 0; equal && i < len(got); i++ {
		equal = got[i].Equal(want[i])
	}
	if !equal {
		t.Errorf("%s around %s at %02d:%02d:\n got %v\nwant %v", z, change, clock[0], clock[1], got, want)
	}
}

// The date that Samoa left out has no period, and neither has any other two.
func TestLocalMidnightLeavesOutWhatWasNot(t *testing.T) {
	t.Parallel()
	s, apia := jobs.LocalMidnight(), zone(t, "Pacific/Apia")
	var dates []string
	at := time.Date(2011, 12, 28, 0, 0, 0, 0, apia)
	for range 3 {
		at = s.Next(at, apia)
		dates = append(dates, at.In(apia).Format("2006-01-02 15:04"))
	}
	if got := strings.Join(dates, ", "); got != "2011-12-29 00:00, 2011-12-31 00:00, 2012-01-01 00:00" {
		t.Error(got)
	}
	if got := s.Next(start, nil); !got.Equal(start.Add(15 * time.Hour)) {
		t.Errorf("without a zone: %s", got)
	}
}
