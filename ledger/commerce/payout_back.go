package commerce

import "mizan/ledger"

// How a payout comes back: cancelled before it was submitted, failed after it, returned after it was paid, or pulled back.
// The money goes back to where it came from: what was blocked stays blocked.

// back gives the payee an amount again, with the fee if it goes back too.
func (d *PayoutTerms) back(a payoutAmounts, fee bool) []leg {
	if !fee {
		a.fee, a.tax = 0, 0
	}
	return append(d.feeTo(a, -1), leg{d.source(), -a.whole(), ""})
}

// tellBack tells what goes back, from where.
func (d *PayoutTerms) tellBack(t *tale, a payoutAmounts, title string, from ledger.Address, fee bool) {
	t.plain("payout", title, string(from), -a.amount, "")
	switch {
	case !fee && a.fee != 0:
		t.plain("payout_fee", "The platform keeps its fee", accountPayoutFee, 0, "because the payout had been made")
		a.fee, a.tax = 0, 0
	case a.fee != 0:
		t.plain("payout_fee", "The platform's fee goes back", accountPayoutFee, -a.fee, "with the money")
		if a.tax != 0 {
			t.plain("payout_fee_tax", "The tax on the fee goes back", "liabilities:tax:vat:"+d.FeeTaxIn+":on-fees", -a.tax, "with the fee")
		}
	}
	t.plain("payout_source", "Back to what is "+sourceWords[d.Source], d.owner(), a.whole(), "")
}

func (d *PayoutCancelled) prepare(p *preparation) {
	d.judge(p)
	p.id("/reason", d.Reason, false)
}

func (d *PayoutCancelled) plan(p *planner) error {
	a := d.amounts(p)
	legs := append([]leg{{d.inTransit(), a.amount, ""}}, d.back(a, true)...)
	return p.payoutStep(eventPayoutCancelled, d, a, false, legs)
}

func (d *PayoutCancelled) tell() []Step {
	t, a := d.read()
	d.tellBack(t, a, "Not sent to "+d.receiver(), d.inTransit(), true)
	return t.steps
}

func (d *PayoutFailed) prepare(p *preparation) {
	d.judge(p)
	p.atProcessor(d.Processor, d.Bank, d.Entry)
	p.id("/reason", d.Reason, false)
	cost := p.amount("/cost_returned", d.CostReturned)
	p.id("/cost_entry", d.CostEntry, cost != 0)
	if cost != 0 && d.CostEntry == d.Entry {
		p.bad("/cost_entry", "repeated", "What the processor gave back of its cost is a balance transaction of its own.")
	}
}

func (d *PayoutFailed) plan(p *planner) error {
	a := d.amounts(p)
	prep, _ := p.read(d.Currency)
	cost := prep.amount("/cost_returned", d.CostReturned)
	cash := payoutCash(d.Processor, d.Bank)
	legs := append([]leg{{d.inTransit(), a.amount, ""}}, d.back(a, true)...)
	legs = append(legs, leg{cash, a.amount, d.Entry}, leg{cashInTransitAt(d.Processor), -a.amount, ""},
		leg{cash, cost, d.CostEntry}, leg{accountProcessorFee, -cost, ""})
	return p.payoutStep(eventPayoutFailed, d, a, false, legs)
}

func (d *PayoutFailed) tell() []Step {
	t, a := d.read()
	d.tellBack(t, a, "Did not arrive at "+d.receiver(), d.inTransit(), true)
	if cost := a.of(d.CostReturned); cost != 0 {
		t.plain("payout_cost", "The processor gives its cost back", accountProcessorFee, cost, "")
	}
	return t.steps
}

func (d *PayoutReturned) prepare(p *preparation) {
	d.judge(p)
	p.atProcessor(d.Processor, d.Bank, d.Entry)
	p.id("/reason", d.Reason, false)
}

func (d *PayoutReturned) plan(p *planner) error {
	a := d.amounts(p)
	legs := append([]leg{{payoutCash(d.Processor, d.Bank), a.amount, d.Entry}}, d.back(a, d.FeeReturned)...)
	return p.payoutStep(eventPayoutReturned, d, a, false, legs)
}

func (d *PayoutReturned) tell() []Step {
	t, a := d.read()
	d.tellBack(t, a, "Sent back by the bank of "+d.receiver(), payoutCash(d.Processor, d.Bank), d.FeeReturned)
	return t.steps
}

func (d *PayoutPulledBack) prepare(p *preparation) {
	a := d.judge(p)
	p.atProcessor(d.Processor, d.Bank, d.Entry)
	if p.positive("/pulled", d.Pulled) > a.amount {
		p.bad("/pulled", "too-large", "No more is taken back than is on its way.")
	}
}

func (d *PayoutPulledBack) plan(p *planner) error {
	a := d.amounts(p)
	prep, _ := p.read(d.Currency)
	a.amount = prep.amount("/pulled", d.Pulled)
	legs := append([]leg{{payoutCash(d.Processor, d.Bank), a.amount, d.Entry}, {cashInTransitAt(d.Processor), -a.amount, ""},
		{d.inTransit(), a.amount, ""}}, d.back(a, d.FeeReturned)...)
	return p.payoutStep(eventPayoutPulledBack, d, a, false, legs)
}

func (d *PayoutPulledBack) tell() []Step {
	t, a := d.read()
	a.amount = a.of(d.Pulled)
	d.tellBack(t, a, "Taken back before it reached "+d.receiver(), d.inTransit(), d.FeeReturned)
	return t.steps
}
