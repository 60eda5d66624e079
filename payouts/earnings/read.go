package earnings

import (
	"context"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Reading earnings. However long the history of others is, an answer reads the rows of one payee, in one currency, by one dimension
// and between two days, which lie together in one index.

const dayFormat = "2006-01-02"

// span is a question's days, and the names of what is wrong with them.
func (q *Query) span(book ledger.Book, now time.Time) (from, to time.Time, err error) {
	var fields []fault.Field
	bad := func(pointer, code, message string) {
		fields = append(fields, fault.Field{Pointer: pointer, Code: code, Message: message})
	}
	read := func(pointer, text string) (at time.Time) {
		if text != "" {
			var err error
			if at, err = time.Parse(dayFormat, text); err != nil || at.Year() < 1970 || at.Year() > 9998 {
				bad(pointer, "day", "A day is written as 2026-03-31.")
				return time.Time{}
			}
		}
		return at
	}
	from, to = read("/from", q.From), read("/to", q.To)
	if q.By = By(orElse(string(q.By), string(ByDay))); !slices.Contains(Ways(), q.By) {
		bad("/by", "enum", "Earnings are told by day, week, month, live_session, channel or product.")
	}
	if q.Kind != "" && !slices.Contains(Kinds(), q.Kind) {
		bad("/kind", "enum", "A payee earns as seller, creator, agency, partner or charity.")
	}
	if q.Currency != "" && !book.Uses(q.Currency) {
		bad("/currency", "currency-not-enabled", "The book does not post in this currency. Use one of the book's currencies.")
	}
	if q.Top < 1 || q.Top > MaxTop {
		bad("/top", "range", "Between 1 and 100 names are told one by one.")
	}
	if len(fields) > 0 {
		return from, to, ErrQuery.WithFields(fields...)
	}
	if from.IsZero() {
		day := to
		if day.IsZero() {
			day = localDay(book, now)
		}
		from = day.AddDate(0, 0, 1-day.Day())
	}
	if to.IsZero() {
		to = monthEnd(from)
	}
	switch {
	case to.Before(from):
		bad("/to", "range", "The last day is before the first.")
	case to.Sub(from) > MaxDays*24*time.Hour:
		bad("/to", "range", "Three years are the most that one answer tells. Ask for fewer days.")
	case !q.By.Dated() && (from.Day() != 1 || !to.Equal(monthEnd(to))):
		bad("/from", "whole-months", "Live sessions, channels and products are kept by month. Begin with the first day of a month, and end with its last day.")
	case !q.By.Dated() && !to.Equal(monthEnd(from)):
		bad("/to", "one-month", "Live sessions, channels and products are told for one month at a time. Ask for each month by itself.")
	}
	if len(fields) > 0 {
		return from, to, ErrQuery.WithFields(fields...)
	}
	q.From, q.To = from.Format(dayFormat), to.Format(dayFormat)
	return from, to, nil
}

// monthEnd is the last day of a day's month.
func monthEnd(day time.Time) time.Time { return day.AddDate(0, 1, 1-day.Day()).AddDate(0, 0, -1) }

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// Earnings tells what a payee earned. It returns ErrQuery, or commerce.ErrPayeeUnknown for a payee that is neither registered nor ever earned.
func (s *Service) Earnings(ctx context.Context, book ledger.Book, q Query) (*Answer, error) {
	from, to, err := q.span(book, s.now())
	if err != nil {
		return nil, err
	}
	if !ledger.IsSegment(q.Payee) {
		return nil, commerce.ErrPayeeUnknown
	}
	registered, err := s.events.Payee(ctx, book, q.Payee)
	if err != nil && fault.CodeOf(err) != commerce.ErrPayeeUnknown.Code {
		return nil, err
	}
	known := err == nil
	a := &Answer{Query: q, Currencies: []money.Currency{}, Sums: []Sum{}}
	return a, s.read(ctx, book, func(r reader) error {
		if a.Standing, err = r.standing(); err != nil {
			return err
		}
		var earned map[string][]money.Currency
		if !a.clearing { // the rows that are left are a part of sums that count no more
			earned, err = r.currencies(q.Payee)
		}
		if err != nil {
			return err
		}
		if a.Kind == "" && known && slices.Contains(Kinds(), registered.Kind) {
			a.Kind = registered.Kind
		}
		for _, kind := range Kinds() {
			if a.Kind == "" && len(earned[kind]) > 0 {
				a.Kind = kind
			}
		}
		if a.Kind == "" && !known && !a.Rebuilding {
			return commerce.ErrPayeeUnknown
		}
		a.Currencies = append(a.Currencies, earned[a.Kind]...)
		if a.Currency == "" {
			a.Currency = usual(book, registered, a.Currencies)
		}
		if a.clearing {
			return nil
		}
		if a.Latest, err = r.latest(a); err != nil {
			return err
		}
		if a.By.Dated() {
			return r.dated(a, from, to)
		}
		return r.named(a, from, to)
	})
}

// usual is the currency that is told if none is asked for.
func usual(book ledger.Book, p commerce.Payee, earned []money.Currency) money.Currency {
	own := money.Currency(p.Currency)
	switch {
	case own != "" && (slices.Contains(earned, own) || len(earned) == 0):
		return own
	case len(earned) > 0:
		return earned[0]
	}
	return book.Currencies[0]
}

// begins is the first day of the day, week or month that a day belongs to.
func (b By) begins(day time.Time) time.Time {
	switch b {
	case ByWeek:
		return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
	case ByMonth:
		return day.AddDate(0, 0, 1-day.Day())
	}
	return day
}

// ends is the last day of the day, week or month that begins on a day.
func (b By) ends(first time.Time) time.Time {
	switch b {
	case ByWeek:
		return first.AddDate(0, 0, 6)
	case ByMonth:
		return monthEnd(first)
	}
	return first
}

// group adds days up to what they are told by, and to the total. A week or month that the question cuts says which days it covers.
func (a *Answer) group(day time.Time, one Sum, from, to time.Time) {
	begins := a.By.begins(day)
	key := begins.Format(dayFormat)
	if n := len(a.Sums); n == 0 || a.Sums[n-1].Key != key {
		first, last := begins, a.By.ends(begins)
		if first.Before(from) {
			first = from
		}
		if last.After(to) {
			last = to
		}
		a.Sums = append(a.Sums, Sum{Key: key, First: first.Format(dayFormat), Last: last.Format(dayFormat)})
	}
	last := &a.Sums[len(a.Sums)-1]
	*last = last.plus(one)
	a.Total = a.Total.plus(one)
}

// rest is the total without what is told by name.
func (a *Answer) rest() {
	a.Others = a.Total
	for _, s := range a.Sums {
		a.Others = a.Others.plus(s.negative())
	}
	if a.By == ByProduct {
		a.Others.Sales, a.Others.Returns = 0, 0
	}
}

func (s Sum) negative() Sum {
	p := s.EarnedParts
	return Sum{Sales: -s.Sales, Returns: -s.Returns, EarnedParts: commerce.EarnedParts{Earned: -p.Earned, GivenBack: -p.GivenBack, Fees: -p.Fees, Shared: -p.Shared,
		Withheld: -p.Withheld, Adjusted: -p.Adjusted, Paid: -p.Paid}}
}

// Standing returns how far the sums of a book have come.
func (s *Service) Standing(ctx context.Context, book ledger.Book) (at Standing, err error) {
	err = s.read(ctx, book, func(r reader) error {
		at, err = r.standing()
		return err
	})
	return at, err
}
