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
	// More says that it began before the first entry that is told.
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

// DebtStory tells the last debt of a holder. Who has no account has none.
func (s *Service) DebtStory(ctx context.Context, book ledger.Book, h Holder) (story DebtStory, err error) {
	page, err := s.ledger.History(ctx, book, ledger.HistoryQuery{Account: h.available(), Currency: h.Currency, Descending: true, Limit: mostOfStory})
	if errors.Is(err, ledger.ErrAccountNotOpened) {
		return story, nil
	}
	if err != nil {
		return story, err
	}
	for i := range page.Lines {
		l := &page.Lines[i]
		e := DebtEntry{Sequence: l.Sequence, Event: l.Event, Subject: l.Subject, At: l.OccurredAt, Amount: -l.Amount, Balance: -l.BalanceAfter}
		if i == 0 && e.Balance < 0 {
			story.Owed = -e.Balance
		}
		before := e.Balance - e.Amount
		if len(story.Entries) == 0 && e.Balance >= 0 && before >= 0 {
			continue // neither in debt before it nor after
		}
		story.Entries = append(story.Entries, e)
		if len(story.Entries) == 1 && e.Balance >= 0 {
			story.Over = l.RecordedAt
		}
		if before >= 0 {
			story.Since = l.RecordedAt
			break
		}
		story.More = i+1 == len(page.Lines) && page.More
	}
	slices.Reverse(story.Entries)
	return story, nil
}
