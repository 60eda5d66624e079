package statements

import (
	"context"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Any days of a payee, on demand: a statement that is not issued and has no number.

// mostDays bounds a range.
const mostDays = 400

// Days makes the statement of a range of local days, both included and written as 2026-11-30. Its lines are those that the book learned
// of on these days.
//
// Errors: ErrRange, ErrLarge, ledger.ErrAccountNotOpened if the payee never had money in the currency.
func (s *Service) Days(ctx context.Context, book ledger.Book, payee string, c money.Currency, first, last string) (*Statement, error) {
	from, err := time.Parse(time.DateOnly, first)
	if err != nil {
		return nil, ErrRange
	}
	to, err := time.Parse(time.DateOnly, last)
	if err != nil || to.Before(from) || to.Sub(from) >= mostDays*24*time.Hour || from.Year() < 2000 {
		return nil, ErrRange
	}
	now := s.now()
	begin, end := book.DayBegins(from.Year(), from.Month(), from.Day()), book.DayBegins(to.Year(), to.Month(), to.Day()+1)
	if begin.After(now) || book.DayBegins(to.Year(), to.Month(), to.Day()).After(now) {
		return nil, ErrRange
	}
	st := &Statement{Payee: payee, Currency: c, Kind: Range, FirstDay: first, LastDay: last, IssuedAt: now, book: book, open: !now.After(end)}
	if !st.open {
		st.IssuedAt = end.UTC() // days that are over come to the same bytes each time
	}
	if st.From, err = s.recordedBefore(ctx, book, begin); err != nil {
		return nil, err
	}
	if st.To, err = s.recordedBefore(ctx, book, end); err != nil {
		return nil, err
	}
	return st, s.fill(ctx, st)
}

// fill makes the head of a statement whose place is known.
func (s *Service) fill(ctx context.Context, st *Statement) error {
	list, err := s.accounts(ctx, st.book, st.Payee, st.Currency)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return ledger.ErrAccountNotOpened
	}
	if list, err = s.told(ctx, st.book, list, st.From); err != nil {
		return err
	}
	before, err := s.heldAt(ctx, st.book, list, st.From)
	if err != nil {
		return err
	}
	after, err := s.heldAt(ctx, st.book, list, st.To)
	if err != nil {
		return err
	}
	st.between(list, before, after)
	return st.write()
}
