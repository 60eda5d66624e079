package commerce

import (
	"context"
	"errors"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What is set aside for a minor has to be in a trust account within a time that the law gives (invariant 17): the trust
// account and what is younger than that cover the trust.

// trustDays are the business days within which money that is set aside is deposited (California; domain 1.7).
const trustDays = 15

// Trust is what is set aside for a creator in one currency.
type Trust struct {
	Currency  string `json:"currency" example:"USD"`
	SetAside  string `json:"set_aside" doc:"What is owed to the minor" example:"195.00"`
	Deposited string `json:"deposited" doc:"What of it is in the minor's trust account" example:"150.00"`
	Due       string `json:"due" doc:"What has been set aside for more than 15 business days and is not deposited. Public holidays are not known, and count as business days." example:"45.00"`
}

// Trusts returns what is set aside for a creator at a moment, in each of the book's currencies in which there is any.
func (s *Service) Trusts(ctx context.Context, book ledger.Book, creator string, at time.Time) ([]Trust, error) {
	list := []Trust{}
	if !ledger.IsSegment(creator) {
		return list, nil
	}
	for _, c := range book.Currencies {
		held, err := s.look.balance(ctx, book, payeeAccount("creator", bucketTrust, creator), c)
		if err != nil {
			return nil, err
		}
		bank, err := s.look.balance(ctx, book, trustBank(creator), c)
		if err != nil {
			return nil, err
		}
		if held == 0 && bank == 0 {
			continue
		}
		young, err := s.setAsideSince(ctx, book, creator, c, trustDeadline(book, at))
		if err != nil {
			return nil, err
		}
		due := max(held+bank-young, 0) // the bank account is debited, so its balance in its favour is negative
		list = append(list, Trust{Currency: string(c), SetAside: held.Format(c), Deposited: (-bank).Format(c), Due: due.Format(c)})
	}
	return list, nil
}

// setAsideSince is what was set aside since a moment.
func (s *Service) setAsideSince(ctx context.Context, book ledger.Book, creator string, c money.Currency, since time.Time) (sum money.Minor, err error) {
	q := ledger.HistoryQuery{Account: payeeAccount("creator", bucketTrust, creator), Currency: c, Descending: true, Limit: 1000}
	for {
		page, err := s.ledger.History(ctx, book, q)
		if errors.Is(err, ledger.ErrAccountNotOpened) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		for _, l := range page.Lines {
			if l.RecordedAt.Before(since) { // the book's order is that of recording
				return sum, nil
			}
			sum -= min(l.Amount, 0)
			q.AfterSequence, q.AfterLine = l.Sequence, l.Line
		}
		if len(page.Lines) < q.Limit {
			return sum, nil
		}
	}
}

// trustDeadline is the start of the book's local day that lies trustDays business days before a moment: what was set aside
// before it has to be deposited.
func trustDeadline(book ledger.Book, at time.Time) time.Time {
	y, m, d := at.In(book.Location()).Date()
	for left := trustDays; left > 0; {
		d--
		if day := time.Date(y, m, d, 12, 0, 0, 0, time.UTC).Weekday(); day != time.Saturday && day != time.Sunday {
			left--
		}
	}
	return time.Date(y, m, d, 0, 0, 0, 0, book.Location())
}
