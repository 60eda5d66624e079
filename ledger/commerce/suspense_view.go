package commerce

import (
	"context"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What waits in suspense of a break, as its story tells it: what was put there, less what decisions and business events took.

// Suspended is what waits of a break under one reference.
type Suspended struct {
	Break, Reference string
	// Side is one of the Side words.
	Side     string
	Currency money.Currency
	// Cash is the account that it was moved from or to.
	Cash ledger.Address
	// Amount is what waits, never below zero in minor units; zero if all of it has left.
	Amount money.Minor
}

// Suspended are all references under which something of a break ever waited, the first found first, with what waits of it
// after a sequence of the book; until 0 is all that is recorded. It returns ErrStoryTooLong.
func (s *Service) Suspended(ctx context.Context, book ledger.Book, id string, until int64) (list []Suspended, err error) {
	p := &planner{service: s, ctx: ctx, book: book, event: &Event{}}
	told, err := p.story(breakSubject(id))
	if err != nil {
		return nil, err
	}
	if until > 0 {
		for i := range told.transactions {
			if told.transactions[i].Sequence > until {
				told.transactions = told.transactions[:i]
				break
			}
		}
	}
	for _, t := range told.chapters(eventSuspenseIn) {
		in, err := storedAs[SuspenseIn](t)
		if err != nil {
			return nil, err
		}
		n := in.note(in.Where.account())
		amount, err := told.waits(n)
		if err != nil {
			return nil, err
		}
		list = append(list, Suspended{Break: id, Reference: n.Reference, Side: n.Side, Currency: n.Currency, Cash: n.Cash, Amount: amount})
	}
	return list, nil
}
