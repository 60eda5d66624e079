package commerce

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// Running a rehearsal: all captures of the book are looked at in its order, because an imported order may have been placed
// long before the book learned of it, and then all charges. A page reads in short transactions and remembers sums only.

const eventCaptured = "order.captured"

// rehearsedCaptures are the events that sell goods, in the order that they are looked at.
var rehearsedCaptures = []string{eventCaptured, eventCODDelivered}

// Rehearse plays a page of the orders placed, and of the charges made, in a range of time again under a proposed set. It
// posts nothing. It returns ErrRehearsalRange, ErrRuleSetMarket or ErrRehearsalLarge.
func (s *Service) Rehearse(ctx context.Context, book ledger.Book, set *RuleSet, q RehearsalQuery) (*Rehearsal, error) {
	if !q.From.Before(q.To) {
		return nil, ErrRehearsalRange
	}
	if set.Market != book.Market {
		return nil, ErrRuleSetMarket
	}
	if q.Limit <= 0 || q.Limit > maxRehearsedOrders {
		q.Limit = maxRehearsedOrders
	}
	sums := newRehearsalSums()
	at := q.After
	for reads := 0; ; reads++ {
		if at.Event == "" {
			at = RehearsalPlace{Event: eventCaptured}
		}
		if reads == rehearsalReads || sums.played() >= q.Limit {
			out := sums.page(set)
			out.Next = &at
			return out, nil
		}
		more, err := s.rehearsePage(ctx, book, set, q, &at, sums)
		if err != nil {
			return nil, err
		}
		if more {
			continue
		}
		if at = nextPlace(at.Event); at.Event == "" {
			return sums.page(set), nil
		}
	}
}

// played counts what a page holds.
func (s *rehearsalSums) played() int { return s.orders + s.charges + len(s.failed) }

// nextPlace is the beginning of what follows the captures or a kind of charge; the zero place at the end.
func nextPlace(event string) RehearsalPlace {
	if event == eventCaptured {
		return RehearsalPlace{Event: eventCODDelivered}
	}
	i := slices.IndexFunc(chargeKinds, func(k chargeKind) bool { return k.kind == event }) + 1
	if i == len(chargeKinds) {
		return RehearsalPlace{}
	}
	return RehearsalPlace{Event: chargeKinds[i].kind}
}

// IsPlace reports whether a place can be one of a rehearsal.
func (p RehearsalPlace) IsPlace() bool {
	return p.Sequence >= 0 && (slices.Contains(rehearsedCaptures, p.Event) || slices.ContainsFunc(chargeKinds, func(k chargeKind) bool { return k.kind == p.Event }))
}

// rehearsePage looks at a page of transactions and moves the place. more says that others of this event follow.
func (s *Service) rehearsePage(ctx context.Context, book ledger.Book, set *RuleSet, q RehearsalQuery, at *RehearsalPlace, sums *rehearsalSums) (more bool, err error) {
	page, err := s.ledger.Transactions(ctx, book, ledger.TransactionQuery{Event: at.Event, After: at.Sequence, Limit: rehearsalPage})
	if err != nil {
		return false, err
	}
	for i := range page.Transactions {
		if sums.played() >= q.Limit {
			return true, nil
		}
		t := &page.Transactions[i]
		if slices.Contains(rehearsedCaptures, at.Event) {
			err = s.rehearseCapture(ctx, book, set, q, t, sums)
		} else {
			err = s.rehearseOne(ctx, book, set, q, t, sums)
		}
		if err != nil {
			return false, err
		}
		at.Sequence = t.Sequence
	}
	return page.More, nil
}

// rehearseCapture plays the order of a capture again, if it is the order's first and the order was placed in the range.
func (s *Service) rehearseCapture(ctx context.Context, book ledger.Book, set *RuleSet, q RehearsalQuery, t *ledger.Transaction, sums *rehearsalSums) error {
	id, isOrder := orderID(t.Subject)
	terms, err := storedAs[captureTerms](t)
	if err != nil || !isOrder {
		return nil // posted by hand: no rule decided about it
	}
	if placed := time.UnixMicro(terms.Placed); placed.Before(q.From) || !placed.Before(q.To) {
		return nil
	}
	o := &order{}
	if o.transactions, err = s.transactionsOf(ctx, book, id); err != nil && fault.CodeOf(err) != ErrOrderState.Code {
		return err
	}
	if err == nil {
		first := slices.IndexFunc(o.transactions, func(x ledger.Transaction) bool { return slices.Contains(rehearsedCaptures, x.Event) })
		if first < 0 || o.transactions[first].Sequence != t.Sequence {
			return nil
		}
		var result *rehearsed
		if result, err = s.rehearseOrder(ctx, book, id, o.transactions, set); err == nil {
			sums.orders++
			return sums.add(id, "", result)
		}
	}
	return sums.fail(ctx, id, err)
}

// fail notes an order that cannot be played again. A fault of ours is no reason of the order's.
func (s *rehearsalSums) fail(ctx context.Context, id string, err error) error {
	var known *fault.Error
	if ctx.Err() != nil || !errors.As(err, &known) {
		return err
	}
	why := known.Message
	for _, f := range known.Fields {
		why += " " + f.Message
	}
	s.failed = append(s.failed, RehearsalFailure{Order: id, Code: known.Code, Reason: why})
	return nil
}

// rehearseOne computes a charge again, if it happened in the range and stands.
func (s *Service) rehearseOne(ctx context.Context, book ledger.Book, set *RuleSet, q RehearsalQuery, t *ledger.Transaction, sums *rehearsalSums) error {
	if r, _, ok := recordOf(t); !ok || r.Kind != "charge.recorded" || t.OccurredAt.Before(q.From) || !t.OccurredAt.Before(q.To) {
		return nil
	}
	links, err := s.ledger.LinksTo(ctx, book, t.Sequence)
	if err != nil {
		return err
	}
	if links.ReversedBy != 0 && links.RepostedBy == 0 {
		return nil
	}
	result, err := rehearseCharge(t, set)
	if err != nil {
		return sums.fail(ctx, t.ID(), err)
	}
	sums.charges++
	return sums.add("", t.ID(), result)
}

// transactionsOf reads the transactions of an order. Of one that is too long it returns the first with errOrderTooLong.
func (s *Service) transactionsOf(ctx context.Context, book ledger.Book, id string) ([]ledger.Transaction, error) {
	return (&stories{ledger: s.ledger, book: book, upTo: math.MaxInt64}).of(ctx, orderPrefix+id)
}
