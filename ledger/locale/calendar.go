// Days and moments are written with the month in letters, so that no reader takes the day for the month.

package locale

import (
	"strconv"
	"strings"
	"time"
)

// Day writes the day of a time by the time's own zone: "Nov 3, 2026". The zero time is "".
func (l Language) Day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return l.form().fill(l.form().day, t)
}

// Moment writes a time by the clocks of the zone, with how far they are from UTC: "Nov 3, 2026, 2:05 PM GMT+7". The zero
// time is "".
func (l Language) Moment(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return l.form().fill(l.form().moment, t.In(zone))
}

// Month writes a month: "November 2026".
func (l Language) Month(year int, m time.Month) string {
	return l.form().fill(l.form().month, time.Date(year, m, 1, 0, 0, 0, 0, time.UTC))
}

// fill puts the fields of a time into a pattern.
func (f *form) fill(pattern string, t time.Time) string {
	hour, half := t.Hour()%12, f.am
	if t.Hour() >= 12 {
		half = f.pm
	}
	if hour == 0 {
		hour = 12
	}
	return strings.NewReplacer(
		"{y}", strconv.Itoa(t.Year()+f.yearShift), "{M}", strconv.Itoa(int(t.Month())), "{MMM}", f.months[t.Month()-1], "{MMMM}", f.monthsWide[t.Month()-1],
		"{d}", strconv.Itoa(t.Day()), "{h}", strconv.Itoa(hour), "{H}", strconv.Itoa(t.Hour()), "{HH}", twoDigits(t.Hour()), "{mm}", twoDigits(t.Minute()), "{a}", half, "{z}", f.zone(t),
	).Replace(pattern)
}

func twoDigits(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

// zone writes how far the clocks of a time are from UTC: "GMT+5:30".
func (f *form) zone(t time.Time) string {
	_, seconds := t.Zone()
	sign := f.ahead
	if seconds < 0 {
		sign, seconds = f.behind, -seconds
	}
	text := strconv.Itoa(seconds / 3600)
	if minutes := seconds / 60 % 60; minutes != 0 {
		text += f.offsetSeparator + twoDigits(minutes)
	}
	return strings.Replace(f.offset, "{0}", sign+text, 1)
}
