package commerce

import (
	"context"
	"errors"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Reading the position: its balance in each currency, and the conversions that are still open. Executions cover the oldest
// conversions first, so the open ones are the latest that together come to what is short; reading stops there.

// FXPosition is the position as it stands. Amounts are decimal strings.
type FXPosition struct {
	Functional string   `json:"functional_currency" example:"USD"`
	AtSequence int64    `json:"at_sequence" doc:"The last transaction that is in it"`
	Legs       []FXLeg  `json:"legs" nullable:"false" doc:"The position in each currency that is not zero"`
	Open       []FXOpen `json:"open" nullable:"false" doc:"What is open, the latest first"`
	// More says that more is open than is listed.
	More bool `json:"more,omitempty" doc:"true: more is open than is listed"`
}

// FXLeg is the position in one currency: positive if we hold it, negative if we owe it.
type FXLeg struct {
	Currency string `json:"currency" example:"GBP"`
	Balance  string `json:"balance" doc:"The balance of assets:fx_position, a debit positive" example:"-100.00"`
	Listed   string `json:"listed" doc:"What the open transactions listed come to; equal to the balance for a currency other than the functional one" example:"-100.00"`
}

// FXOpen is a transaction that has an open part in a currency.
type FXOpen struct {
	Transaction int64     `json:"transaction" doc:"Its sequence in the book" example:"17"`
	Event       string    `json:"event" example:"fx.converted"`
	Subject     string    `json:"subject" example:"conversion:FX-1"`
	OccurredAt  time.Time `json:"occurred_at"`
	Currency    string    `json:"currency" example:"GBP"`
	Amount      string    `json:"amount" doc:"What it moved" example:"-100.00"`
	Open        string    `json:"open" doc:"What of it is open" example:"-100.00"`
	RateID      string    `json:"rate_id,omitempty" example:"R-77"`
	Mid         string    `json:"mid,omitempty" example:"1.2700"`
}

const (
	// maxOpen bounds the open transactions that are listed.
	maxOpen = 500
	// maxOpenLines bounds the entries of the position that are read to find them, in each currency.
	maxOpenLines = 10_000
)

// positionNow reads the position's balances at one moment.
func (s *Service) positionNow(ctx context.Context, book ledger.Book) (legs []fxLeg, at int64, err error) {
	page, err := s.ledger.Balances(ctx, book, ledger.BalanceQuery{Prefix: string(accountFXPosition), Limit: 1000})
	for _, b := range page.Balances {
		if b.Account == accountFXPosition {
			legs = append(legs, fxLeg{b.Currency, kept(b.Debits - b.Credits)})
		}
	}
	return legs, page.AtSequence, err
}

// FXPosition returns the position with what is open.
func (s *Service) FXPosition(ctx context.Context, book ledger.Book) (*FXPosition, error) {
	legs, sequence, err := s.positionNow(ctx, book)
	if err != nil {
		return nil, err
	}
	out := &FXPosition{Functional: string(book.Functional), AtSequence: sequence, Legs: []FXLeg{}, Open: []FXOpen{}}
	for _, l := range legs {
		if l.Amount == 0 {
			continue
		}
		listed := money.Minor(0)
		if l.Currency != book.Functional {
			if listed, err = s.listOpen(ctx, book, l, out); err != nil {
				return nil, err
			}
		}
		out.Legs = append(out.Legs, FXLeg{Currency: string(l.Currency), Balance: l.Amount.minor().Format(l.Currency), Listed: listed.Format(l.Currency)})
	}
	return out, nil
}

// listOpen lists the latest entries of the leg's sign until they come to its balance.
func (s *Service) listOpen(ctx context.Context, book ledger.Book, l fxLeg, out *FXPosition) (listed money.Minor, err error) {
	query := ledger.HistoryQuery{Account: accountFXPosition, Currency: l.Currency, AfterSequence: out.AtSequence + 1, Descending: true, Limit: 500}
	for range maxOpenLines / 500 {
		page, err := s.ledger.History(ctx, book, query)
		if err != nil && !errors.Is(err, ledger.ErrAccountNotOpened) {
			return listed, err
		}
		for _, e := range page.Lines {
			query.AfterSequence, query.AfterLine = e.Sequence, e.Line
			if listed == l.Amount.minor() {
				return listed, nil
			}
			if (e.Amount < 0) != (l.Amount < 0) {
				continue
			}
			if len(out.Open) == maxOpen {
				out.More = true
				return listed, nil
			}
			open := e.Amount
			if rest := l.Amount.minor() - listed; max(open, -open) > max(rest, -rest) {
				open = rest
			}
			listed += open
			o := FXOpen{Transaction: e.Sequence, Event: e.Event, Subject: e.Subject, OccurredAt: e.OccurredAt, Currency: string(l.Currency),
				Amount: e.Amount.Format(l.Currency), Open: open.Format(l.Currency)}
			if err := s.quoteOf(ctx, book, &o); err != nil {
				return listed, err
			}
			out.Open = append(out.Open, o)
		}
		if !page.More {
			return listed, nil
		}
	}
	out.More = listed != l.Amount.minor()
	return listed, nil
}

// quoteOf adds the rate of a conversion.
func (s *Service) quoteOf(ctx context.Context, book ledger.Book, o *FXOpen) error {
	if !strings.HasPrefix(o.Subject, "conversion:") {
		return nil
	}
	t, err := s.ledger.Transaction(ctx, book, o.Transaction)
	if err != nil {
		return err
	}
	if c, err := storedAs[conversionStored](&t); err == nil {
		o.RateID, o.Mid = c.RateID, c.Mid
	}
	return nil
}
