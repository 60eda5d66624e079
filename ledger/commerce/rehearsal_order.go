package commerce

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Playing one order again: its recorded events are planned once more on an order that another rule set serves. What a
// person decided, and what the world did, stays as it was recorded; what followed from the set is decided by the other
// set.

// replayUnder is an order that is played again.
type replayUnder struct {
	service *Service
	ctx     context.Context
	book    ledger.Book
	// set is the proposed set, was the one the order is frozen to.
	set, was *RuleSet
	order    *order
	result   *rehearsed
	// planned are the references whose transactions are planned again, with their further parts.
	planned map[string]bool
	all     []ledger.Transaction
	// kept are the donation accounts that kept something an event would have taken back, because it had been released.
	kept map[ledger.Address]bool
}

// rehearseOrder plays the transactions of one order again under a set. Its error says why that cannot be done.
func (s *Service) rehearseOrder(ctx context.Context, book ledger.Book, id string, ts []ledger.Transaction, set *RuleSet) (*rehearsed, error) {
	r := &replayUnder{service: s, ctx: ctx, book: book, set: set, order: &order{book: book, id: id, transactions: ts}, result: newRehearsed(), planned: map[string]bool{}, all: ts}
	undone := r.order.undone()
	if err := r.findKept(); err != nil {
		return nil, err
	}
	for i := range ts {
		t := &ts[i]
		r.result.recorded(t, r.result.now)
		if err := r.play(t, undone[t.Sequence]); err != nil {
			return nil, fmt.Errorf("transaction %s: %w", t.ID(), err)
		}
	}
	return r.result, nil
}

// play plays one transaction. What was undone moves the money and its reversal moves it back.
func (r *replayUnder) play(t *ledger.Transaction, undone bool) error {
	rec, _, ok := recordOf(t)
	remitted := rec.Kind == eventRemitted
	if ok && rec.Part != 0 && !remitted && r.planned[t.Reference] {
		return nil // planned with its event
	}
	if !ok || undone || rec.Part != 0 && !remitted {
		r.asRecorded(t)
		return nil
	}
	e, err := storedEvent(rec, t)
	if err != nil {
		return err
	}
	plan, err := r.planOf(e, t, rec.Kind)
	if err != nil {
		return err
	}
	if plan == nil {
		prep := &preparation{book: r.book, currency: r.order.currency, unit: r.order.unit}
		if err := e.apply(r.order, prep); err != nil {
			return err
		}
		r.asRecorded(t)
		return prep.err()
	}
	r.planned[t.Reference] = true
	p := &planner{ctx: r.ctx, service: r.service, book: r.book, order: r.order, rehearsed: true,
		event: &Event{Type: rec.Kind, Reference: t.Reference, OccurredAt: t.OccurredAt, Data: dataOf(e, r.order.id)}}
	p.waited = func(account ledger.Address) money.Minor { return r.waited(t, account) }
	if err := plan(p); err != nil {
		return err
	}
	r.result.proposed(p.drafts)
	return nil
}

// findKept finds out which donation accounts kept released money, by the order as it was recorded.
func (r *replayUnder) findKept() error {
	was := &order{book: r.book, id: r.order.id, transactions: r.all}
	if err := r.service.replay(r.ctx, was, len(r.all)); err != nil {
		return err
	}
	r.kept = map[ledger.Address]bool{}
	for i := range was.pledges {
		if x := &was.pledges[i]; x.released > 0 {
			r.kept[x.account] = true
		}
	}
	return nil
}

// waited is what waited on a donation's account when a transaction was recorded: what it took back, if the account kept
// anything, and otherwise as much as was wanted.
func (r *replayUnder) waited(t *ledger.Transaction, account ledger.Address) (back money.Minor) {
	if !r.kept[account] {
		return maxEventAmount
	}
	for _, e := range t.Entries {
		if e.Account == account {
			back += e.Amount
		}
	}
	return back
}

// asRecorded takes a transaction over as it was posted.
func (r *replayUnder) asRecorded(t *ledger.Transaction) {
	r.order.absorbEntries(t, false)
	r.result.recorded(t, r.result.then)
}

// dataOf is an event's data as a plan reads it.
func dataOf(e orderEvent, id string) EventData {
	if d, ok := e.(EventData); ok {
		return d
	}
	return &OrderCaptured{Order: id}
}

// planOf is how an event is planned again; nil for one that is taken over as recorded, because no rule decides about it.
func (r *replayUnder) planOf(e orderEvent, t *ledger.Transaction, kind string) (func(*planner) error, error) {
	switch d := e.(type) {
	case *captureTerms:
		return func(p *planner) error { return r.capture(p, d) }, nil
	case *RefundMade:
		return func(p *planner) error { return r.refund(p, d, t.Reference) }, nil
	case *DisputeOpened:
		return d.open, nil
	case *DisputeClosed:
		d.order = r.order.id
		r.decideLiability(d)
		return d.plan, nil
	case *settled:
		if err := r.decideReserve(d); err != nil {
			return nil, err
		}
		return d.plan, nil
	}
	if !computedEvent(e) {
		return nil, nil
	}
	d, ok := e.(EventData)
	if !ok {
		return nil, ErrOrderState.Withf("Events of the type %s cannot be rehearsed.", kind)
	}
	return d.plan, nil
}

// capture posts what a capture comes to under the proposed set.
func (r *replayUnder) capture(p *planner, t *captureTerms) (err error) {
	o := p.order
	if len(o.captures) == 0 {
		if r.was, err = r.service.rules.ByID(r.ctx, r.book, t.Rules); err != nil {
			return err
		}
	}
	if err := t.apply(o, nil); err != nil {
		return err
	}
	if len(o.captures) == 1 {
		if err := o.serve(r.set, t); err != nil {
			return err
		}
	}
	after, err := o.compute()
	if err != nil {
		return err
	}
	var lines []ledger.Line
	for _, y := range t.Payments {
		lines = append(lines, ledger.Line{Account: y.tender().account, Amount: money.Minor(y.Amount), Currency: o.currency, ExternalRef: y.ID})
	}
	lines = append(lines, o.entries(o.changes(after), nil)...)
	return p.draft(draftOf{event: p.event.Type, lines: lines, data: json.RawMessage("{}"), computed: true})
}

// refund posts a refund. What a debt took from the reserve then, it takes now, as far as there is so much.
func (r *replayUnder) refund(p *planner, d *RefundMade, reference string) error {
	if err := p.known(); err != nil {
		return err
	}
	if err := d.give(p); err != nil {
		return err
	}
	for i := range r.all {
		t := &r.all[i]
		if t.Reference != reference || t.Event != "reserve.applied" {
			continue
		}
		took := money.Minor(0)
		for _, e := range t.Entries {
			if e.Amount > 0 {
				took += e.Amount
			}
		}
		return p.moveReserve("reserve.applied", min(took, max(p.order.reserved(), 0)), 2)
	}
	return nil
}

// decideLiability leaves a lost dispute's liability to the proposed set, if it followed from the set before.
func (r *replayUnder) decideLiability(d *DisputeClosed) {
	x := r.order.dispute(d.Dispute)
	if x == nil || r.was == nil || d.Outcome != "lost" {
		return
	}
	followed := "seller"
	if slices.Contains(r.was.Policies.Dispute.PlatformReasons, x.reason) {
		followed = "platform"
	}
	if d.Liable == followed {
		d.Liable = ""
	}
}

// decideReserve takes the reserve of the proposed set, if the one that was kept is what the set before says.
func (r *replayUnder) decideReserve(d *settled) error {
	if r.was == nil {
		return ErrOrderUnknown
	}
	was, policy := r.was.Policies.Settlement, r.set.Policies.Settlement
	if d.ReserveRate != was.ReserveRate || d.ReserveDays != was.ReserveDays || policy.ReserveRate == was.ReserveRate && policy.ReserveDays == was.ReserveDays {
		return nil
	}
	d.ReserveRate, d.ReserveDays, d.ReleaseAt = policy.ReserveRate, policy.ReserveDays, 0
	if at := r.order.release(time.UnixMicro(d.At).UTC(), d.ReserveDays); !d.ReserveRate.IsZero() && !at.IsZero() {
		d.ReleaseAt = at.UnixMicro()
	}
	return nil
}

// rehearseCharge computes a recorded charge again by the set's rule about its kind.
func rehearseCharge(t *ledger.Transaction, set *RuleSet) (*rehearsed, error) {
	d, err := storedAs[ChargeRecorded](t)
	if err != nil {
		return nil, err
	}
	out := newRehearsed()
	out.recorded(t, out.now)
	k := d.kind()
	if k == nil || len(t.Entries) == 0 {
		return nil, ErrChargeKind
	}
	prep := &preparation{currency: t.Entries[0].Currency, unit: t.Entries[0].Currency.PostingUnit()}
	amount, subsidy := prep.amount("/amount", d.Amount), prep.amount("/subsidy", d.Subsidy)
	if err := prep.err(); err != nil {
		return nil, err
	}
	if k.credit {
		amount = -amount
	}
	net, tax, taxTo, onTop, err := chargeTax(set.chargeRule(d.Kind), prep.currency, amount)
	if err != nil {
		return nil, err
	}
	to := k.to
	if to == "" {
		to = carrierAccount(d.Counterparty)
	}
	// The first entry is the payee's, in the bucket that the charge met it in.
	add := func(a ledger.Address, m money.Minor) { out.then[balanceKey{a, prep.currency}] += m }
	payee := t.Entries[0].Account
	add(payee, -amount-onTop)
	add(to, net)
	if tax != 0 {
		add(taxTo, tax)
	}
	if subsidy > 0 {
		add(accountShippingSubsidy, -subsidy)
		add(payee, subsidy)
	}
	return out, nil
}

// chargeRule is the set's rule about a kind of charge, or nil.
func (s *RuleSet) chargeRule(kind string) *Rule {
	for i := range s.Rules {
		if r := &s.Rules[i]; r.Kind == RuleCharge && r.Event == kind {
			return r
		}
	}
	return nil
}
