package commerce

import (
	"mizan/ledger"
	"mizan/ledger/money"
)

// The reserve: a part of the seller's share that stays back after settlement for some days. A refund lowers what it must
// be; what it holds too much is released first. When nothing is left of the order, the reserve covers the debt that the
// refund made, and the rest keeps its date (A-16 and its decisions).

// reserveTarget is what the reserve must hold for what remains of the order. Costs that a return causes do not lower it.
func (o *order) reserveTarget(s *sheet) (money.Minor, error) {
	return o.reserve.rate.Of(max(s.seller+o.reserve.offset, 0), money.HalfEven, o.unit)
}

func (o *order) reserved() money.Minor { return o.bucketOf(o.sellerPosition(), bucketReserve) }

// releaseReserve releases what the reserve holds too much for what remains, if something remains.
func (p *planner) releaseReserve(after *sheet) error {
	o := p.order
	held := o.reserved()
	if held <= 0 {
		return nil
	}
	target, err := o.reserveTarget(after)
	if err != nil || target == 0 || target >= held {
		return err
	}
	return p.moveReserve("reserve.released", held-target, 1)
}

// applyReserve covers the seller's debt from the reserve of an order of which nothing is left.
func (p *planner) applyReserve() error {
	o := p.order
	held := o.reserved()
	if held <= 0 {
		return nil
	}
	s, err := o.compute()
	if err != nil {
		return err
	}
	if target, err := o.reserveTarget(s); err != nil || target != 0 {
		return err
	}
	available, err := p.available(o.sellerPosition())
	if err != nil {
		return err
	}
	return p.coverDebt(held, available)
}

// coverDebt applies what is held to a debt: what is missing in available after this plan.
func (p *planner) coverDebt(held, available money.Minor) error {
	o := p.order
	account := payeeAccount("seller", bucketAvailable, o.seller)
	for _, d := range p.drafts {
		for _, l := range d.Lines {
			if l.Account == account && l.Currency == o.currency {
				available -= l.Amount
			}
		}
	}
	return p.moveReserve("reserve.applied", min(held, max(-available, 0)), 2)
}

// moveReserve moves an amount from the reserve to what is available.
func (p *planner) moveReserve(event string, amount money.Minor, part int) error {
	if amount == 0 {
		return nil
	}
	o := p.order
	return p.draft(draftOf{event: event, kind: p.event.Type, part: part, decision: true, lines: []ledger.Line{
		o.credit(payeeAccount("seller", bucketReserve, o.seller), -amount),
		o.credit(payeeAccount("seller", bucketAvailable, o.seller), amount),
	}})
}
