package payouts

import (
	"context"
	"errors"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// The story of a debt: what took a payee's available balance below zero, and what brought it back, entry by entry. It is read from the
// end of the payee's own account, so it costs the same however long the account is.

// mostOfStory bounds how many entries a story is looked for in, and told.
const mostOfStory = 600

// DebtStory is the last time that a holder's available balance was below zero.
type DebtStory struct {
	// Entries are those from the one that took it below zero to the one that brought it back, or to the last one; none if it was not
	// below zero among the latest entries.
	Entries []DebtEntry
	// Owed is what the balance is below zero now, 0 if it is not.
	Owed money.Minor
	// Since is when it fell below zero, Over when it came back; zero while it has not.
	Since, Over time.Time
	// More says that it began before the first entry that is told or, where none is told, that there may have been one before the latest entries.
	More bool
}

// DebtEntry is one change of the balance. Amount is in the payee's favour, Balance what it was after it.
type DebtEntry struct {
	Sequence        int64
	Event, Subject  string
	At              time.Time
	Amount, Balance money.Minor
}

// Of adds up what a subject took from the balance below zero, and what of it paid the debt back, neither below 0: what was above zero before or
// after belongs to no debt.
func (d *DebtStory) Of(subject string) (took, gave money.Minor) {
	for i := range d.Entries {
		e := &d.Entries[i]
		if e.Subject != subject {
			continue
		}
		before, after := min(e.Balance-e.Amount, 0), min(e.Balance, 0)
		if after < before {
			took += before - after
		} else {
			gave += after - before
		}
	}
	return took, gave
}

// DebtStory tells the last debt of a holder. Who has no account has none. Most holders never had a debt, so what the transactions say is
// read of the entries that are told, and of no others.
func (s *Service) DebtStory(ctx context.Context, book ledger.Book, h Holder) (story DebtStory, err error) {
	q := ledger.HistoryQuery{Account: h.available(), Currency: h.Currency, Descending: true, Bare: true, Limit: mostOfStory}
	page, err := s.ledger.History(ctx, book, q)
	if errors.Is(err, ledger.ErrAccountNotOpened) {
		return story, nil
	}
	if err != nil || len(page.Lines) == 0 {
		return story, err
	}
	story.Owed = max(page.Lines[0].BalanceAfter, 0) // a debit is the payee's debt
	began := func(l ledger.HistoryLine) bool { return l.BalanceAfter-l.Amount <= 0 }
	first := slices.IndexFunc(page.Lines, func(l ledger.HistoryLine) bool { return l.BalanceAfter > 0 || !began(l) })
	if first < 0 {
		story.More = page.More
		return story, nil
	}
	span := page.Lines[first:]
	whole := slices.IndexFunc(span, began)
	if whole >= 0 {
		span = span[:whole+1]
	}
	story.More = whole < 0 && page.More
	q.Bare, q.AfterSequence, q.AfterLine, q.Limit = false, span[0].Sequence, span[0].Line+1, len(span)
	if page, err = s.ledger.History(ctx, book, q); err != nil {
		return story, err
	}
	for i := range page.Lines {
		l := &page.Lines[i]
		story.Entries = append(story.Entries, DebtEntry{Sequence: l.Sequence, Event: l.Event, Subject: l.Subject, At: l.OccurredAt, Amount: -l.Amount, Balance: -l.BalanceAfter})
	}
	if last := &page.Lines[0]; last.BalanceAfter <= 0 {
		story.Over = last.RecordedAt
	}
	if whole >= 0 {
		story.Since = page.Lines[len(page.Lines)-1].RecordedAt
	}
	slices.Reverse(story.Entries)
	return story, nil
}
