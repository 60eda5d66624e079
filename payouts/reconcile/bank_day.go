package reconcile

import (
	"time"

	"mizan/ledger"
)

// A bank's day is a date: a bank says on which day it booked, and never at which hour. It is kept as the instant at which that day begins
// in the book's time zone. So the days and months of a bank's lines are the ones that the bank wrote, wherever the book is, and they
// are compared with the days of entries as dates.

// dayBegins is the instant for which a day stands that a bank wrote; none for none.
func dayBegins(book ledger.Book, day time.Time) time.Time {
	if day.IsZero() {
		return time.Time{}
	}
	return book.DayBegins(day.Year(), day.Month(), day.Day())
}

// bankDay is the day for which an instant stands, as the midnight in UTC that bank files are read with.
func bankDay(book ledger.Book, at time.Time) time.Time {
	y, m, d := at.In(book.Location()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// Day is the date of an instant in the book's time zone, such as 2026-11-05; of a bank's line that is the day that the bank wrote.
func Day(book ledger.Book, at time.Time) string {
	return at.In(book.Location()).Format(time.DateOnly)
}
