package api

import "time"

// An instant is a point in time as RFC 3339 writes it, with its zone: "2026-11-20T10:00:00Z". Without a zone it would
// mean another moment to each reader, so such a text is refused; answers are in UTC with microseconds.

const instantMessage = "A time is written as 2026-11-20T10:00:00Z: date, T, time, and Z or an offset such as +07:00."

// instantFormat writes an instant that is in UTC.
const instantFormat = "2006-01-02T15:04:05.000000Z"

// parseInstant reads RFC 3339 and nothing else: capital T and Z, seconds below 60 (a leap second has no place in a
// database's time), offsets to ±14:00, a day that exists. Digits beyond microseconds are cut off.
func parseInstant(s string) (time.Time, bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || len(s) > len("2006-01-02T15:04:05.999999999+00:00") {
		return time.Time{}, false
	}
	ok := true
	number := func(from, to, low, high int) int {
		n := 0
		for i := from; i < to; i++ {
			if s[i] < '0' || s[i] > '9' {
				ok = false
			}
			n = n*10 + int(s[i]-'0')
		}
		ok = ok && n >= low && n <= high
		return n
	}
	year, month, day := number(0, 4, 1, 9999), number(5, 7, 1, 12), number(8, 10, 1, 31)
	hour, minute, second := number(11, 13, 0, 23), number(14, 16, 0, 59), number(17, 19, 0, 59)
	if !ok || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	rest, nanos := 19, 0
	if s[rest] == '.' {
		scale := 100_000_000
		for rest++; rest < len(s) && s[rest] >= '0' && s[rest] <= '9'; rest++ {
			nanos += int(s[rest]-'0') * scale
			scale /= 10
		}
		if rest == 20 || rest > 29 {
			return time.Time{}, false
		}
	}
	offset := 0
	switch {
	case rest == len(s)-1 && s[rest] == 'Z':
	case rest == len(s)-6 && (s[rest] == '+' || s[rest] == '-') && s[rest+3] == ':':
		offset = number(rest+1, rest+3, 0, 14)*3600 + number(rest+4, rest+6, 0, 59)*60
		if s[rest] == '-' {
			offset = -offset
		}
		if !ok || offset > 14*3600 || offset < -14*3600 {
			return time.Time{}, false
		}
	default:
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	if t.Day() != day {
		return time.Time{}, false
	}
	return t.Add(-time.Duration(offset) * time.Second).Truncate(time.Microsecond), true
}
