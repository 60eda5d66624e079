package ledger

import (
	"fmt"
	"time"

	"mizan/ledger/fault"
)

// A period is a calendar month in a book's own time zone: the unit in which finance closes the books.

// Period is year × 100 + month, such as 202611. The zero value means "no period".
type Period int32

// ErrPeriod means that a period is not written as YYYY-MM.
var ErrPeriod = fault.New(fault.Invalid, "period-format", "A period is a month such as 2026-11.")

// ErrPeriodOrder means that periods would not close and reopen in order.
var ErrPeriodOrder = fault.New(fault.Conflict, "period-order", "Periods close from the oldest on and reopen from the newest on.")

// PeriodOf returns the period in which t falls in the time zone loc.
func PeriodOf(t time.Time, loc *time.Location) Period {
	t = t.In(loc)
	return Period(t.Year()*100 + int(t.Month()))
}

// ParsePeriod reads "2026-11". Years from 2000 to 2999 are accepted.
func ParsePeriod(s string) (Period, error) {
	if len(s) != 7 || s[4] != '-' {
		return 0, ErrPeriod
	}
	n := 0
	for i := 0; i < 7; i++ {
		if i == 4 {
			continue
		}
		if s[i] < '0' || s[i] > '9' {
			return 0, ErrPeriod
		}
		n = n*10 + int(s[i]-'0')
	}
	p := Period(n)
	if !p.valid() {
		return 0, ErrPeriod
	}
	return p, nil
}

// String returns "2026-11", or "" for no period.
func (p Period) String() string {
	if p == 0 {
		return ""
	}
	return fmt.Sprintf("%04d-%02d", p/100, p%100)
}

// Next returns the month after p.
func (p Period) Next() Period {
	if p%100 == 12 {
		return (p/100+1)*100 + 1
	}
	return p + 1
}

// valid accepts what a business time can fall into: west of Greenwich, the first instant of 2000 is in December 1999.
func (p Period) valid() bool { return p >= 199912 && p <= 299912 && p%100 >= 1 && p%100 <= 12 }
