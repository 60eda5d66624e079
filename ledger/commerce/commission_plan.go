package commerce

import (
	"slices"

	"mizan/ledger"
)

// How bonuses and deposits change an order, and what commission without an order posts.

func (d *CreatorBonus) subject() string       { return "order:" + d.Order }
func (d *DepositReleased) subject() string    { return "order:" + d.Order }
func (d *CommissionEarned) subject() string   { return "commission:" + d.Commission }
func (d *CommissionClawback) subject() string { return "commission:" + d.Commission }

func (d *CreatorBonus) computes() bool    { return true }
func (d *DepositReleased) computes() bool { return true }

func (d *CreatorBonus) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/bonus", d.Bonus, true)
	p.id("/creator", d.Creator, true)
	if len(d.Funders) == 0 || len(d.Funders) > 2 {
		p.bad("/funders", "count", "A bonus has one or two funders.")
	}
	for i, f := range d.Funders {
		p.oneOf(at("/funders", i)+"/funder", f.Funder, "platform", "seller")
		if f.Funder == "" || (f.Amount == "") == (f.Rate == "") {
			p.bad(at("/funders", i), "bonus-extent", "A funder pays an amount or a rate.")
		}
		p.share(at("/funders", i)+"/rate", f.Rate)
	}
	if len(d.Funders) == 2 && d.Funders[0].Funder == d.Funders[1].Funder {
		p.bad("/funders/1/funder", "repeated", "Each funder is named once.")
	}
}

// apply adds the bonus to the order; every later refund computes it again.
func (d *CreatorBonus) apply(o *order, p *preparation) error {
	if slices.ContainsFunc(o.bonuses, func(b bonus) bool { return b.id == d.Bonus }) {
		return ErrRepeated.With("The order has a bonus of this id already.")
	}
	if o.cancelled {
		return ErrOrderState.With("The order was cancelled.")
	}
	b := bonus{id: d.Bonus, creator: d.Creator}
	for i, f := range d.Funders {
		out := bonusFunder{funder: f.Funder}
		if f.Rate != "" {
			rate := p.share(at("/funders", i)+"/rate", f.Rate)
			out.rate = &rate
		} else {
			out.amount = p.positive(at("/funders", i)+"/amount", f.Amount)
		}
		b.funders = append(b.funders, out)
	}
	o.bonuses = append(o.bonuses, b)
	return nil
}

func (d *CreatorBonus) plan(p *planner) error {
	return p.recompute(d, "creator.bonus", "bonus "+d.Bonus)
}

func (d *DepositReleased) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	if d.Rate == "" {
		p.bad("/rate", "required", "The release needs the rate that was reached.")
	}
	p.share("/rate", d.Rate)
}

// apply replaces the deposit by the commission at the rate reached, at most the deposit's.
func (d *DepositReleased) apply(o *order, p *preparation) error {
	switch {
	case o.depositRate == nil:
		return ErrOrderState.With("The order has no commission deposit.")
	case o.finalRate != nil:
		return ErrRepeated.With("The order's commission deposit was released before.")
	}
	rate := p.share("/rate", d.Rate)
	if rate.Compare(*o.depositRate) > 0 {
		p.bad("/rate", "rate-range", "The rate reached cannot be above the deposit's.")
	}
	o.finalRate = &rate
	return nil
}

func (d *DepositReleased) plan(p *planner) error {
	return p.recompute(d, "commission.deposit_released", "")
}

// recompute posts the difference that an event makes to the order's sheet, without money from or to the buyer.
func (p *planner) recompute(e orderEvent, event, memo string) error {
	if err := p.known(); err != nil {
		return err
	}
	before, after, err := p.apply(e)
	if err != nil {
		return err
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	lines := p.order.entries(p.order.changes(after), nil)
	if len(lines) == 0 {
		event = "order.fact_recorded"
	}
	return p.draft(draftOf{event: event, kind: p.event.Type, lines: lines, data: data, memo: memo, computed: true, before: before, after: after})
}

func (d *CommissionEarned) prepare(p *preparation) {
	p.id("/commission", d.Commission, true)
	p.id("/seller", d.Seller, true)
	p.id("/creator", d.Creator, true)
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
}

func (d *CommissionEarned) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	if told.begun() {
		return ErrRepeated.With("A commission of this id was recorded before.")
	}
	prep := &preparation{book: p.book}
	c := prep.useCurrency("/currency", d.Currency)
	amount := prep.amount("/amount", d.Amount)
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: "commission.earned", data: data, lines: []ledger.Line{
		{Account: payeeAccount("seller", bucketAvailable, d.Seller), Amount: amount, Currency: c},
		{Account: payeeAccount("creator", bucketPending, d.Creator), Amount: -amount, Currency: c},
	}})
}

func (d *CommissionClawback) prepare(p *preparation) {
	p.id("/commission", d.Commission, true)
	if d.Amount == "" {
		p.bad("/amount", "required", "The claw-back needs an amount.")
	}
}

// ErrCommissionUnknown means that no such commission was earned.
var ErrCommissionUnknown = ErrOrderUnknown.With("No commission of this id was recorded. Check its id.")
