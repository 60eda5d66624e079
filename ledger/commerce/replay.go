package commerce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"mizan/ledger"
)

// Replaying an order: its transactions are read in the book's order, and each event is applied as it was when it was
// planned. What was reversed is left out together with its reversal; what was posted by hand moves the order's buckets and
// nothing else.

const (
	pageOfOrder = 200
	// maxOfOrder bounds the transactions of one order that are replayed.
	maxOfOrder = 5_000
)

// errOrderTooLong means that an order has more transactions than are replayed.
var errOrderTooLong = ErrOrderState.Withf("The order has more than %d transactions, which no sale has. Correct it with transactions.", maxOfOrder)

// load reads an order's state up to a sequence; 0 means up to now. An order that has no transactions is empty.
func (s *Service) load(ctx context.Context, book ledger.Book, id string, upTo int64) (*order, error) {
	if upTo == 0 {
		upTo = math.MaxInt64
	}
	all, err := (&stories{ledger: s.ledger, book: book, upTo: upTo}).of(ctx, orderPrefix+id)
	if err != nil {
		return nil, err
	}
	return s.loaded(ctx, book, id, upTo, all)
}

// loaded is load of an order whose transactions are read already, up to the sequence or further.
func (s *Service) loaded(ctx context.Context, book ledger.Book, id string, upTo int64, story []ledger.Transaction) (*order, error) {
	o := &order{book: book, id: id}
	for i := range story {
		if story[i].Sequence <= upTo {
			o.transactions, o.last = story[:i+1:i+1], story[i].Sequence
		}
	}
	return o, s.replay(ctx, o, len(o.transactions))
}

// replay applies the first n transactions of the order.
func (s *Service) replay(ctx context.Context, o *order, n int) error {
	undone := o.undone()
	for i := range n {
		t := &o.transactions[i]
		if err := s.replayOne(ctx, o, t, undone[t.Sequence]); err != nil {
			return err
		}
	}
	return nil
}

// undone are the sequences that were reversed and not posted again, and the reversals and repostings themselves.
func (o *order) undone() map[int64]bool {
	var undone map[int64]bool
	for i := range o.transactions {
		t := &o.transactions[i]
		if t.Reverses == 0 && t.Reposts == 0 {
			continue
		}
		if undone == nil {
			undone = map[int64]bool{}
		}
		undone[t.Sequence] = true
		undone[max(t.Reverses, t.Reposts)] = t.Reverses != 0
	}
	return undone
}

// replayOne applies one transaction. One that was undone moves the buckets, and its reversal moves them back.
func (s *Service) replayOne(ctx context.Context, o *order, t *ledger.Transaction, undone bool) error {
	r, _, ok := recordOf(t)
	if !ok || undone {
		o.absorbEntries(t, false)
		return nil
	}
	if r.Part != 0 && r.Kind != eventRemitted {
		o.absorbEntries(t, false)
		return nil
	}
	e, err := storedEvent(r, t)
	if err != nil {
		return fmt.Errorf("commerce: transaction %s: %w", t.ID(), err)
	}
	first := len(o.captures) == 0
	if opened, ok := e.(*openedOrder); ok { // which goes on from what its rules give
		if o.set, err = s.rules.ByID(ctx, o.book, opened.Terms.Rules); err != nil {
			return err
		}
		o.tier, o.capturedIn = o.set.Policies.Settlement.Tier, t.Effective
	}
	prep := &preparation{book: o.book, currency: o.currency, unit: o.unit}
	if err := e.apply(o, prep); err != nil || prep.err() != nil {
		o.edited = ErrOrderEdited.Because(fmt.Errorf("transaction %s: %w", t.ID(), errors.Join(err, prep.err())))
		o.absorbEntries(t, true)
		return nil
	}
	if terms, ok := e.(*captureTerms); ok && first {
		if o.set, err = s.rules.ByID(ctx, o.book, terms.Rules); err != nil {
			return err
		}
		o.tier = o.set.Policies.Settlement.Tier
		o.capturedIn = t.Effective
	}
	o.absorbEntries(t, computedEvent(e))
	if len(o.pledges) > 0 && computedEvent(e) {
		if err := o.replayPledges(); err != nil {
			return err
		}
	}
	return nil
}

// absorbEntries is absorb for a recorded transaction.
func (o *order) absorbEntries(t *ledger.Transaction, computed bool) {
	lines := make([]ledger.Line, len(t.Entries))
	for i, e := range t.Entries {
		lines[i] = ledger.Line{Account: e.Account, Amount: e.Amount, Currency: e.Currency}
	}
	o.absorb(lines, computed)
}

// storedEvent reads a record's data back.
func storedEvent(r record, t *ledger.Transaction) (orderEvent, error) {
	switch r.Kind {
	case eventCaptured, eventCODDelivered:
		terms := &captureTerms{liveSession: t.LiveSession, channel: t.Channel}
		return terms, json.Unmarshal(r.Data, terms)
	case eventOpenedOrder:
		e := &openedOrder{}
		err := json.Unmarshal(r.Data, e)
		if e.Terms != nil {
			e.Terms.liveSession, e.Terms.channel = t.LiveSession, t.Channel
		}
		return e, err
	case "refund.made":
		e := storedRefund{RefundMade: &RefundMade{}}
		err := json.Unmarshal(r.Data, &e)
		e.RefundMade.happened, e.RefundMade.from, e.RefundMade.released = e.Happened, e.From, e.Released
		return e.RefundMade, err
	case "order.line_cancelled":
		e := storedCancellation{LineCancelled: &LineCancelled{}}
		err := json.Unmarshal(r.Data, &e)
		e.happened, e.from = e.Happened, e.From
		return e.LineCancelled, err
	case eventRemitted:
		e := &orderRemitted{}
		return e, json.Unmarshal(r.Data, e)
	case eventReserveReleased, eventReserveApplied:
		e := &reserveMoved{}
		return e, json.Unmarshal(r.Data, e)
	case eventSettled:
		e := &settled{}
		return e, json.Unmarshal(r.Data, e)
	}
	kind, err := TypeOf(r.Kind)
	if err != nil {
		return nil, err
	}
	data := kind.New()
	e, ok := data.(orderEvent)
	if !ok {
		return nil, fmt.Errorf("%s is no event of an order", r.Kind)
	}
	return e, json.Unmarshal(r.Data, data)
}

// computedEvent reports whether an event posts differences of the sheet. The others post their own lines, which the sheet
// must not take back: charges, adjustments, holds and settlements.
func computedEvent(e orderEvent) bool {
	c, ok := e.(interface{ computes() bool })
	return ok && c.computes()
}

func (t *captureTerms) computes() bool { return true }
