// The days on which the American clearing house settles: not on weekends and not on holidays of the Federal Reserve.

package bankfile

import "time"

// BankHoliday reports whether a working day of the week is one on which banks of the United States do not work.
func BankHoliday(day time.Time) bool { return holiday(date(day)) }

// BankingDay returns the first banking day of the United States on or after a day. A holiday on a Sunday is kept on
// Monday; one on a Saturday closes no other day, as the Federal Reserve has it.
func BankingDay(day time.Time) time.Time {
	day = date(day)
	for day.Weekday() == time.Saturday || day.Weekday() == time.Sunday || holiday(day) {
		day = day.AddDate(0, 0, 1)
	}
	return day
}

// holiday reports whether a working day of the week is a federal holiday, or the Monday after one on a Sunday.
func holiday(day time.Time) bool {
	fixed := func(t time.Time) bool {
		switch m, d := t.Month(), t.Day(); m {
		case time.January:
			return d == 1
		case time.June:
			return d == 19 && t.Year() >= 2021
		case time.July:
			return d == 4
		case time.November:
			return d == 11
		case time.December:
			return d == 25
		default:
			return false
		}
	}
	if fixed(day) || day.Weekday() == time.Monday && fixed(day.AddDate(0, 0, -1)) {
		return true
	}
	// week is the how-manieth of its weekday in the month the day is.
	week, last := (day.Day()-1)/7+1, day.AddDate(0, 0, 7).Month() != day.Month()
	switch m := day.Month(); day.Weekday() {
	case time.Monday:
		return m == time.January && week == 3 || m == time.February && week == 3 || m == time.May && last ||
			m == time.September && week == 1 || m == time.October && week == 2
	case time.Thursday:
		return m == time.November && week == 4
	default:
		return false
	}
}
