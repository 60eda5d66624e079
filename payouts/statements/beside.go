package statements

import (
	"context"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts"
)

// What stands beside a statement as of now: what is held and why, what waits for its day, the last payouts with the bank's trace, and
// what was decided last about paying. These move on, so they are no part of what is issued.

// Beside is what a page shows below a statement. Each list has at most 100; there may be more.
type Beside struct {
	Holds   []Held
	Waits   []Waiting
	Payouts []Paid
	// Next is the last decision about paying the payee: an amount, or the reasons why not and when it is looked at again; nil if nothing
	// was ever decided.
	Next *payouts.Decided
}

// Held is a hold as a payee is told of it: the category, and never the case.
type Held struct {
	Category, Effect string
	// Amount is how much is blocked, 0 for a pause of everything.
	Amount   money.Minor
	PlacedAt time.Time
}

// Waiting is money that becomes available on a day; DueAt is zero while nobody knows.
type Waiting struct {
	Subject, Act string
	Amount       money.Minor
	DueAt        time.Time
}

// Paid is a payout with the bank's trace.
type Paid struct {
	ID, State, Code, Trace        string
	Amount, Fee                   money.Minor
	CreatedAt, PaidAt, ExpectedOn time.Time
}

const mostBeside = 100

// Beside reads it.
func (s *Service) Beside(ctx context.Context, book ledger.Book, payee string, c money.Currency) (*Beside, error) {
	out := &Beside{}
	holds, err := s.payouts.HoldsOf(ctx, book, payee)
	if err != nil {
		return nil, err
	}
	for _, h := range holds {
		if h.ReleasedAt.IsZero() && (h.Currency == "" || h.Currency == c) && len(out.Holds) < mostBeside {
			out.Holds = append(out.Holds, Held{h.Category, h.Effect, h.Blocked, h.PlacedAt})
		}
	}
	waits, err := s.payouts.Waits(ctx, book, payee, payouts.Wait{}, mostBeside)
	if err != nil {
		return nil, err
	}
	for _, w := range waits {
		if w.Currency == c {
			out.Waits = append(out.Waits, Waiting{w.Subject, w.Act, w.Amount, w.DueAt})
		}
	}
	paid, err := s.payouts.Payouts(ctx, book, payouts.PayoutQuery{Payee: payee, Limit: mostBeside})
	if err != nil {
		return nil, err
	}
	for _, p := range paid {
		if p.Holder.Currency == c && len(out.Payouts) < mostBeside {
			out.Payouts = append(out.Payouts, Paid{p.ID, p.State, p.Code, p.Trace, p.Amount, p.Fee, p.CreatedAt, p.PaidAt, p.ExpectedOn})
		}
	}
	decided, err := s.payouts.Decisions(ctx, book, payouts.DecisionQuery{Payee: payee, Limit: mostBeside})
	if err != nil {
		return nil, err
	}
	for i := range decided.Decisions {
		if decided.Decisions[i].Holder.Currency == c {
			out.Next = &decided.Decisions[i]
			break
		}
	}
	return out, nil
}
