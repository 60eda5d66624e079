package payouts

import (
	"context"
	"errors"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A debt is what a payee's money is below zero: what is available, reserved and held for disputes together. It is found
// in the books every day; the rows say since when it stands and what was done about it.

// The stages of a debt, by the thresholds of the policy.
const (
	StageStopPerks = "stop_perks"
	StageFreeze    = "freeze"
	StageClose     = "close"
)

// Debt is one as it was found last.
type Debt struct {
	Holder
	Amount money.Minor
	// Since is when the payee's money fell below zero.
	Since time.Time
	// Stage is empty or one of the Stage words.
	Stage string
	// Tried are the ways of recovery that were gone at TriedAt, in order.
	Tried             []string
	TriedAt, LookedAt time.Time
}

// stageOf is the stage of a debt.
func stageOf(d Debts, amount money.Minor, c money.Currency) string {
	over := func(limits Amounts) bool {
		limit, ok := limits[c]
		return ok && amount > limit
	}
	switch {
	case over(d.CloseAbove):
		return StageClose
	case over(d.FreezeAbove):
		return StageFreeze
	case over(d.StopPerksAbove):
		return StageStopPerks
	}
	return ""
}

// owing is a payee with less than nothing available, with what else it has in the same currency, its own amounts positive.
type owing struct {
	Holder
	available, reserve, dispute, pending, deposit money.Minor
	// sequence is the last entry of what is available.
	sequence int64
}

// missing is what would have to come in for nothing to be missing in what is available.
func (o owing) missing() money.Minor { return max(0, -o.available) }

// debt is what is owed beyond all that is kept of the payee's.
func (o owing) debt() money.Minor { return max(0, -(o.available + o.reserve + o.dispute)) }

// Bounds of the walk back to the day on which a debt began.
const (
	sincePage  = 500
	sincePages = 40
)

// backwards reads the entries of one account from the last to the first.
type backwards struct {
	query ledger.HistoryQuery
	lines []ledger.HistoryLine
	pages int
	ended bool
}

// top is the next entry, nil at the beginning of the account or of what may be read.
func (b *backwards) top(ctx context.Context, s *Service, book ledger.Book) (*ledger.HistoryLine, error) {
	if len(b.lines) == 0 && !b.ended {
		page, err := s.ledger.History(ctx, book, b.query)
		if errors.Is(err, ledger.ErrAccountNotOpened) {
			b.ended = true
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		b.lines, b.pages = page.Lines, b.pages+1
		if n := len(page.Lines); n > 0 {
			b.query.AfterSequence, b.query.AfterLine = page.Lines[n-1].Sequence, page.Lines[n-1].Line
		}
		b.ended = !page.More || b.pages >= sincePages
	}
	if len(b.lines) == 0 {
		return nil, nil
	}
	return &b.lines[0], nil
}

// owingSince finds when the money of a payee fell below zero, walking back through its accounts together. What was known at
// a moment needs no second walk: known is since when it was owed as of looked, zero for unknown. The walk is bounded; of a
// debt that is older than the walk, the oldest moment seen counts.
func (s *Service) owingSince(ctx context.Context, book ledger.Book, o owing, known, looked time.Time) (time.Time, error) {
	streams := make([]*backwards, 0, 3)
	for _, bucket := range []string{"available", "reserve", "dispute_hold"} {
		streams = append(streams, &backwards{query: ledger.HistoryQuery{Account: o.bucket(bucket), Currency: o.Currency, Descending: true, Limit: sincePage}})
	}
	total, since := o.available+o.reserve+o.dispute, s.now()
	for {
		sequence := int64(0)
		for _, b := range streams {
			if l, err := b.top(ctx, s, book); err != nil {
				return time.Time{}, err
			} else if l != nil {
				sequence = max(sequence, l.Sequence)
			}
		}
		if sequence == 0 {
			return since, nil
		}
		for _, b := range streams {
			for {
				l, err := b.top(ctx, s, book)
				if err != nil {
					return time.Time{}, err
				}
				if l == nil || l.Sequence != sequence {
					break
				}
				if !known.IsZero() && l.RecordedAt.Before(looked) {
					return known, nil
				}
				total, since = total+l.Amount, l.RecordedAt // an entry's debit lowers what the payee has
				b.lines = b.lines[1:]
			}
		}
		if total >= 0 {
			return since, nil
		}
	}
}
