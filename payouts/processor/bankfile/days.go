package bankfile

import "time"

// Days on which banks work. A NACHA file knows the holidays of its clearing house; of other formats only weekends are known,
// since which days a bank keeps is the bank's.

// today is the day of a moment, at midnight UTC.
func today(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// businessDay returns the first business day on or after a day.
func businessDay(f Format, day time.Time) time.Time {
	if f == NACHA {
		return BankingDay(day)
	}
	for day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
		day = day.AddDate(0, 0, 1)
	}
	return day
}

// businessDaysAfter returns the nth business day after a day.
func businessDaysAfter(f Format, day time.Time, n int) time.Time {
	for range n {
		day = businessDay(f, day.AddDate(0, 0, 1))
	}
	return day
}

// executeOn is when a file that is made now is carried out: on the next business day.
func executeOn(f Format, now time.Time) time.Time { return businessDaysAfter(f, today(now), 1) }
