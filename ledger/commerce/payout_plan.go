package commerce

import (
	"slices"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What the way of a payout posts, until it has arrived. How it comes back stands in payout_back.go.

const accountPayoutFee = "revenue:payout_fee"

// judge judges what all steps carry.
func (d *PayoutTerms) judge(p *preparation) payoutAmounts {
	p.id("/payout", d.Payout, true)
	p.payee(d.Kind, d.Payee)
	switch d.Source {
	case SourceAvailable, SourceBlocked:
	case SourceDeposit:
		p.oneOf("/kind", d.Kind, "seller")
	case SourceTrust:
		p.oneOf("/kind", d.Kind, "creator")
	default:
		p.bad("/source", "enum", "A payout comes out of what is available or blocked, of a deposit or of a trust.")
	}
	p.id("/receiver", d.Receiver, false)
	c := p.useCurrency("/currency", d.Currency)
	p.unit = 1
	a := payoutAmounts{currency: c, amount: p.positive("/amount", d.Amount), fee: p.amount("/fee", d.Fee), tax: p.amount("/fee_tax", d.FeeTax)}
	p.id("/fee_tax_in", d.FeeTaxIn, a.tax != 0)
	if a.tax != 0 && a.fee == 0 {
		p.bad("/fee_tax", "without-fee", "There is a tax on the fee only where there is a fee.")
	}
	return a
}

// payee checks the kind and id of a payee.
func (p *preparation) payee(kind, id string) {
	if !slices.Contains(payeeKinds, kind) {
		p.bad("/kind", "enum", "A payee is a seller, creator, agency or partner.")
	}
	p.id("/payee", id, true)
}

// amounts reads what was judged.
func (d *PayoutTerms) amounts(p *planner) payoutAmounts {
	prep, c := p.read(d.Currency)
	return payoutAmounts{c, prep.amount("/amount", d.Amount), prep.amount("/fee", d.Fee), prep.amount("/fee_tax", d.FeeTax)}
}

// source is the account that the money comes from.
func (d *PayoutTerms) source() ledger.Address {
	if d.Source == SourceDeposit {
		return depositAccount(d.Payee)
	}
	return payeeAccount(d.Kind, d.Source, d.Payee)
}

func (d *PayoutTerms) inTransit() ledger.Address {
	if d.Receiver != "" {
		return inTransitTo(d.Receiver)
	}
	return inTransitTo(d.Payee)
}

// feeTo is what the platform keeps, in its favour; a negative sign gives it back.
func (d *PayoutTerms) feeTo(a payoutAmounts, sign money.Minor) []leg {
	return []leg{{accountPayoutFee, -sign * a.fee, ""}, {ledger.Address("liabilities:tax:vat:" + d.FeeTaxIn + ":on-fees"), -sign * a.tax, ""}}
}

func cashInTransitAt(processor string) ledger.Address {
	return ledger.Address("assets:cash_in_transit:" + processor)
}

// payoutCash is where the money of a payout leaves and comes back to: our balance at the processor, or our own bank account.
func payoutCash(processor, bank string) ledger.Address {
	if bank != "" {
		return ledger.Address("assets:bank:operating:" + bank)
	}
	return processorAccount(bucketAvailable, processor)
}

func fromWhere(processor, bank string) string {
	if bank != "" {
		return "from our bank account " + bank
	}
	return "from our balance at " + processor
}

// take is what the payout takes out of its source: a step of the explanation for each part.
func (d *PayoutTerms) take(t *tale, a payoutAmounts) {
	t.plain("payout", "On its way to "+d.receiver(), string(d.inTransit()), a.amount, "")
	if a.fee != 0 {
		t.plain("payout_fee", "The platform's fee for it", accountPayoutFee, a.fee, "beside the amount")
	}
	if a.tax != 0 {
		t.plain("payout_fee_tax", "Tax on the fee", "liabilities:tax:vat:"+d.FeeTaxIn+":on-fees", a.tax, "beside it")
	}
	t.plain("payout_source", "Taken from what is "+sourceWords[d.Source], d.owner(), -a.whole(), "")
}

// owner is who the money comes from, as a step names it: the payee, or the account of a deposit.
func (d *PayoutTerms) owner() string {
	if d.Source == SourceDeposit {
		return string(d.source())
	}
	return d.Kind + ":" + d.Payee
}

var sourceWords = map[string]string{SourceAvailable: "available", SourceBlocked: "blocked", SourceDeposit: "deposited", SourceTrust: "set aside"}

func (d *PayoutTerms) receiver() string {
	if d.Receiver != "" {
		return d.Receiver
	}
	return d.Payee
}

// read reads the amounts of a record. What cannot be read is nothing.
func (d *PayoutTerms) read() (t *tale, a payoutAmounts) {
	a.currency = money.Currency(d.Currency)
	a.amount, a.fee, a.tax = a.of(d.Amount), a.of(d.Fee), a.of(d.FeeTax)
	return &tale{currency: a.currency}, a
}

func (a payoutAmounts) of(s string) money.Minor {
	m, err := money.ParseAmount(s, a.currency)
	if err != nil {
		return 0
	}
	return m
}

func (d *PayoutCreated) prepare(p *preparation) {
	d.judge(p)
	if d.Source == SourceDeposit || d.Source == SourceTrust {
		p.bad("/source", "in-transit", "This money is in transit already. Attach the payout to it.")
	}
	p.id("/method", d.Method, false)
	p.id("/run", d.Run, false)
	p.id("/retry_of", d.RetryOf, false)
	if d.Part < 0 || d.Part > maxPayoutParts {
		p.bad("/part", "range", "Parts are numbered from 1 to 10000.")
	}
}

// maxPayoutParts bounds the parts of one payment.
const maxPayoutParts = 10_000

// plan locks the money: amount and fee leave the source in one entry. It is a decision, so it is refused below zero.
func (d *PayoutCreated) plan(p *planner) error {
	a := d.amounts(p)
	event := eventPayoutCreated
	if d.Source == SourceBlocked {
		event = eventHoldExecuted
	}
	legs := append([]leg{{d.source(), a.whole(), ""}, {d.inTransit(), -a.amount, ""}}, d.feeTo(a, 1)...)
	return p.payoutStep(event, d, a, true, legs)
}

func (d *PayoutCreated) tell() []Step {
	t, a := d.read()
	d.take(t, a)
	return t.steps
}

// payoutStep posts a step, and what flags have caught of what it makes available. What happened at the processor is told;
// what we do is decided.
func (p *planner) payoutStep(event string, told teller, a payoutAmounts, decision bool, legs []leg) error {
	data, err := p.stored()
	if err != nil {
		return err
	}
	lines, moves, err := p.flagged(linesOf(a.currency, legs...))
	if err != nil {
		return err
	}
	if err := p.draft(draftOf{event: event, kind: p.event.Type, data: data, told: told, decision: decision, lines: lines}); err != nil {
		return err
	}
	return p.fill(p.event.Data.subject(), moves)
}

func (d *PayoutSubmitted) prepare(p *preparation) {
	d.judge(p)
	p.atProcessor(d.Processor, d.Bank, d.Entry)
}

// atProcessor checks where the processor has booked something.
func (p *preparation) atProcessor(processor, bank, entry string) {
	p.id("/processor", processor, true)
	p.id("/bank", bank, false)
	p.id("/entry", entry, true)
}

func (d *PayoutSubmitted) plan(p *planner) error {
	a := d.amounts(p)
	return p.payoutStep(eventPayoutSubmitted, d, a, false, []leg{
		{cashInTransitAt(d.Processor), a.amount, ""}, {payoutCash(d.Processor, d.Bank), -a.amount, d.Entry}})
}

func (d *PayoutSubmitted) tell() []Step {
	t, a := d.read()
	t.plain("payout", "Sent to "+d.receiver(), string(payoutCash(d.Processor, d.Bank)), a.amount, fromWhere(d.Processor, d.Bank))
	return t.steps
}

func (d *PayoutPaid) prepare(p *preparation) {
	d.judge(p)
	p.id("/processor", d.Processor, true)
	p.document("/trace", d.Trace, false)
}

func (d *PayoutPaid) plan(p *planner) error {
	a := d.amounts(p)
	return p.payoutStep(eventPayoutPaid, d, a, false, []leg{{d.inTransit(), a.amount, ""}, {cashInTransitAt(d.Processor), -a.amount, ""}})
}

func (d *PayoutPaid) tell() []Step {
	t, a := d.read()
	t.plain("payout", "Arrived at "+d.receiver(), string(cashInTransitAt(d.Processor)), a.amount, "")
	return t.steps
}

func (d *PayoutTaxWithheld) prepare(p *preparation) {
	p.id("/payout", d.Payout, true)
	p.payee(d.Kind, d.Payee)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1
	p.positive("/amount", d.Amount)
	p.id("/jurisdiction", d.Jurisdiction, true)
	p.id("/tax_kind", d.TaxKind, true)
}

func (d *PayoutTaxWithheld) to() ledger.Address {
	return ledger.Address("liabilities:tax:withholding:" + d.Jurisdiction + ":" + d.TaxKind)
}

func (d *PayoutTaxWithheld) plan(p *planner) error {
	prep, c := p.read(d.Currency)
	a := payoutAmounts{currency: c, amount: prep.amount("/amount", d.Amount)}
	return p.payoutStep(eventPayoutTaxWithheld, d, a, true, []leg{{payeeAccount(d.Kind, bucketAvailable, d.Payee), a.amount, ""}, {d.to(), -a.amount, ""}})
}

func (d *PayoutTaxWithheld) tell() []Step { return d.tellTax("Withheld for the tax office", 1) }

func (d *PayoutTaxWithheld) tellTax(title string, sign money.Minor) []Step {
	a := payoutAmounts{currency: money.Currency(d.Currency)}
	t := &tale{currency: a.currency}
	t.plain("payout_tax", title, string(d.to()), sign*a.of(d.Amount), d.Jurisdiction+", "+d.TaxKind)
	return t.steps
}

func (d *PayoutTaxReturned) plan(p *planner) error {
	prep, c := p.read(d.Currency)
	a := payoutAmounts{currency: c, amount: prep.amount("/amount", d.Amount)}
	return p.payoutStep(eventPayoutTaxReturned, d, a, false, []leg{{d.to(), a.amount, ""}, {payeeAccount(d.Kind, bucketAvailable, d.Payee), -a.amount, ""}})
}

func (d *PayoutTaxReturned) tell() []Step { return d.tellTax("Given back by the tax office", -1) }
