package commerce

import (
	"mizan/ledger"
	"mizan/ledger/money"
)

// What corrections post.

// subject is the order of the transaction to reverse, which is looked up.
func (d *EntryReversed) subject() string { return d.about }

func (d *EntryReversed) prepare(p *preparation) {
	p.id("/reason", d.Reason, true)
	if _, err := ledger.ParseTransactionID(p.book.Code, d.Transaction); err != nil {
		p.bad("/transaction", "transaction-unknown", "The book has no such transaction. Check its id.")
	}
}

// plan mirrors a transaction. Of an order's computed transactions only the last can be reversed: what came after it was
// computed from it.
func (d *EntryReversed) plan(p *planner) error {
	sequence, err := ledger.ParseTransactionID(p.book.Code, d.Transaction)
	if err != nil {
		return err
	}
	original, err := p.service.ledger.Transaction(p.ctx, p.book, sequence)
	if err != nil {
		return err
	}
	switch {
	case original.Reverses != 0:
		return ledger.ErrReversalOfReversal
	case len(original.Entries) == 0:
		return ledger.ErrNothingToReverse
	}
	if p.order != nil {
		if err := p.order.reversible(&original); err != nil {
			return err
		}
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	draft := ledger.Draft{Event: ledger.EventReversed, OccurredAt: p.event.OccurredAt, Subject: original.Subject, LiveSession: original.LiveSession,
		Channel: original.Channel, Campaign: original.Campaign, OriginalPeriod: original.Period, Reverses: sequence, Memo: d.Reason, Explanation: explanationOf(p.hash, "", 0, data)}
	for _, e := range original.Entries {
		draft.Lines = append(draft.Lines, ledger.Line{Account: e.Account, Amount: -e.Amount, Currency: e.Currency, ExternalRef: e.ExternalRef})
	}
	if p.order != nil {
		draft.Expect = []ledger.Expectation{{Subject: original.Subject, LastSequence: p.order.last}}
	}
	p.drafts = append(p.drafts, draft)
	p.explained = &explained{event: draft.Event, lines: draft.Lines, data: d}
	if p.order != nil {
		p.explained.order = &order{id: p.order.id}
	}
	return nil
}

// ErrNotLast means that later events of the order were computed from the transaction.
var ErrNotLast = ErrOrderState.With("Later events of this order were computed from this transaction. Reverse the latest first, or record what happened as a refund.")

// reversible reports whether an order's transaction may be reversed: no later one that stands was computed after it.
func (o *order) reversible(original *ledger.Transaction) error {
	undone := o.undone()
	for i := range o.transactions {
		t := &o.transactions[i]
		if t.Sequence <= original.Sequence || undone[t.Sequence] {
			continue
		}
		if r, _, ok := recordOf(t); ok && r.Kind != "charge.recorded" && r.Kind != "adjustment.posted" && t.Reference != original.Reference {
			return ErrNotLast
		}
	}
	return nil
}

func (d *AdjustmentPosted) subject() string {
	if d.Order != "" {
		return "order:" + d.Order
	}
	return d.Kind + ":" + d.Payee
}

func (d *AdjustmentPosted) prepare(p *preparation) {
	p.id("/adjustment", d.Adjustment, true)
	p.id("/order", d.Order, false)
	p.id("/payee", d.Payee, true)
	p.id("/reason", d.Reason, true)
	p.oneOf("/kind", d.Kind, payeeKinds...)
	p.oneOf("/direction", d.Direction, "credit", "debit")
	for pointer, s := range map[string]string{"/kind": d.Kind, "/direction": d.Direction, "/document": d.Document} {
		if s == "" {
			p.bad(pointer, "required", "This field is required.")
		}
	}
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
}

// apply changes nothing but the order's buckets.
func (d *AdjustmentPosted) apply(*order, *preparation) error { return nil }

// plan moves the amount. In the payee's favour it is a fact; against the payee it is a decision, and never makes a debt
// (W-03).
func (d *AdjustmentPosted) plan(p *planner) error {
	prep := &preparation{book: p.book}
	c := prep.useCurrency("/currency", d.Currency)
	amount := prep.amount("/amount", d.Amount)
	bucket := bucketAvailable
	if p.order != nil {
		if err := p.known(); err != nil {
			return err
		}
		if c != p.order.currency {
			return ledger.ErrInvalid.At("/data/currency", "currency", "The order is in another currency.")
		}
		bucket = p.order.bucket()
	}
	if d.Direction == "debit" {
		amount = -amount
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	line := func(a ledger.Address, m money.Minor) ledger.Line {
		return ledger.Line{Account: a, Amount: m, Currency: c}
	}
	return p.draft(draftOf{event: "adjustment.posted", data: data, memo: d.Reason, decision: d.Direction == "debit", lines: []ledger.Line{
		line(accountGoodwill, amount), line(payeeAccount(d.Kind, bucket, d.Payee), -amount),
	}})
}
