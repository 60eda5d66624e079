package commerce

import (
	"cmp"
	"slices"
	"strings"

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

// plan mirrors a transaction, or withdraws a fact. What came after it in the same story was computed from it, so only the
// last can be undone.
func (d *EntryReversed) plan(p *planner) error {
	sequence, err := ledger.ParseTransactionID(p.book.Code, d.Transaction)
	if err != nil {
		return err
	}
	original, err := p.service.ledger.Transaction(p.ctx, p.book, sequence)
	if err != nil {
		return err
	}
	if err := p.reversible(&original); err != nil {
		return err
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	event, kind := ledger.EventReversed, ""
	if len(original.Entries) == 0 { // what posted nothing is undone by what posts nothing
		event, kind = "order.fact_recorded", ledger.EventReversed
	}
	draft := ledger.Draft{Event: event, OccurredAt: p.event.OccurredAt, Subject: original.Subject, LiveSession: original.LiveSession,
		Channel: original.Channel, Campaign: original.Campaign, OriginalPeriod: original.Period, Reverses: sequence, Memo: d.Reason, Explanation: explanationOf(p.hash, kind, 0, data)}
	for _, e := range original.Entries {
		draft.Lines = append(draft.Lines, ledger.Line{Account: e.Account, Amount: -e.Amount, Currency: e.Currency, ExternalRef: e.ExternalRef})
	}
	if p.order != nil {
		draft.Expect = []ledger.Expectation{{Subject: original.Subject, LastSequence: p.order.last}}
	}
	draft.Expect = append(draft.Expect, p.expects...)
	p.drafts = append(p.drafts, draft)
	p.explained = &explained{event: ledger.EventReversed, lines: draft.Lines, data: d}
	if err := p.backToSuspense(&original); err != nil || p.order == nil {
		return err
	}
	p.explained.order = &order{id: p.order.id}
	if p.group == nil {
		return nil
	}
	return p.goOnWithout(&original, &draft)
}

// goOnWithout gives the later events of a group the order as it is after the reversal.
func (p *planner) goOnWithout(original *ledger.Transaction, draft *ledger.Draft) error {
	o := p.order
	reversal := foretold(p.event.Reference, draft)
	reversal.Book, reversal.Sequence = original.Book, o.last+1
	again := &order{book: o.book, id: o.id, last: o.last, transactions: append(slices.Clone(o.transactions), reversal)}
	if err := p.service.replay(p.ctx, again, len(again.transactions)); err != nil {
		return err
	}
	again.ahead = true
	*o = *again
	return nil
}

// ErrNotLast means that later events were computed from the transaction.
var ErrNotLast = ErrOrderState.With("Later events were computed from this transaction. Reverse the latest first, or record what happened as an event.")

// standAlone are the events that nothing later is computed from, though they may be about the same subject.
var standAlone = []string{"charge.recorded", "adjustment.posted", "processor.fee_recorded", "processor.funds_available", eventFeeTruedUp}

// reversible refuses to reverse what later transactions stand on: those of the same story, and the later parts of the same
// event, whatever they are about.
func (p *planner) reversible(original *ledger.Transaction) error {
	r, _, byEvent := recordOf(original)
	_, ours := recordedType(r.Kind)
	switch {
	case original.Reverses != 0:
		return ledger.ErrReversalOfReversal
	case !byEvent && len(original.Entries) == 0:
		return ledger.ErrNothingToReverse
	case byEvent && (!ours && r.Kind != eventSettled || keptElsewhere(r.Kind)), aboutSuspense(original.Subject):
		return ErrEventReserved.With("This transaction was posted by another of Mizan's services, which keeps its own state. Use that service's operations instead.")
	}
	var after []ledger.Transaction
	switch {
	case p.order != nil && p.order.ahead:
		return ErrNotLast.With("Another event of the same batch changed this order before. Send the reversal first, or by itself.")
	case p.order != nil:
		after = p.order.later(original)
	case original.Subject != "" && !slices.Contains(standAlone, r.Kind):
		s, err := p.story(original.Subject)
		if err != nil {
			return err
		}
		after = later(s.transactions, original, nil)
	}
	parts, err := p.laterParts(original)
	if err != nil {
		return err
	}
	for _, t := range parts {
		if !slices.ContainsFunc(after, func(x ledger.Transaction) bool { return x.Sequence == t.Sequence }) {
			after = append(after, t)
		}
	}
	if len(after) == 0 {
		return nil
	}
	slices.SortFunc(after, func(a, b ledger.Transaction) int { return cmp.Compare(b.Sequence, a.Sequence) })
	return ErrNotLast.Withf("Later transactions stand on this one. Reverse them first, from the left: %s. Or record what happened as an event.", named(after))
}

// keptElsewhere reports whether another of our services keeps a state that an event moves: payouts, holds and the
// reconciliation. A mirrored entry would leave that state wrong.
func keptElsewhere(kind string) bool {
	return kind != eventSplit && (strings.HasPrefix(kind, "payout.") || strings.HasPrefix(kind, "hold.") || strings.HasPrefix(kind, "recon."))
}

// laterParts are the transactions that the same event posted after this one, and that stand.
func (p *planner) laterParts(original *ledger.Transaction) (list []ledger.Transaction, err error) {
	parts, err := p.service.ledger.ByReference(p.ctx, p.book, original.Reference)
	if err != nil {
		return nil, err
	}
	for i := range parts {
		t := &parts[i]
		if t.Sequence <= original.Sequence || aboutSuspense(t.Subject) {
			continue
		}
		links, err := p.service.ledger.LinksTo(p.ctx, p.book, t.Sequence)
		if err != nil {
			return nil, err
		}
		if links.ReversedBy == 0 || links.RepostedBy != 0 {
			list = append(list, *t)
		}
	}
	return list, nil
}

// later are an order's transactions that stand and came after one, without those that nothing is computed from.
func (o *order) later(original *ledger.Transaction) []ledger.Transaction {
	return later(o.transactions, original, o.undone())
}

func later(ts []ledger.Transaction, original *ledger.Transaction, undone map[int64]bool) (list []ledger.Transaction) {
	for i := range ts {
		t := &ts[i]
		r, _, ok := recordOf(t)
		early := t.Sequence != 0 && t.Sequence <= original.Sequence // those of a group have no sequence yet
		if ok && !early && !undone[t.Sequence] && !slices.Contains(standAlone, r.Kind) {
			list = append(list, *t)
		}
	}
	return list
}

// maxNamed bounds the transactions that a refusal names.
const maxNamed = 5

// named lists the ids of transactions.
func named(ts []ledger.Transaction) string {
	ids := make([]string, 0, maxNamed+1)
	for i := range ts {
		switch {
		case i == maxNamed:
			ids = append(ids, "…")
		case i < maxNamed && ts[i].Sequence != 0:
			ids = append(ids, ts[i].ID())
		}
	}
	return strings.Join(ids, ", ")
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
