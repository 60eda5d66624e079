package commerce

import "mizan/ledger"

// What the processor's own bills and bookings post. All are facts: they may leave the balance at the processor below zero.

const (
	accountSuspenseIn = "liabilities:suspense"
	bucketReserved    = "reserved"
)

func inputTaxAccount(jurisdiction string) ledger.Address {
	return ledger.Address("assets:tax:input:" + jurisdiction)
}

func (d *ProcessorInvoiced) subject() string        { return "processor_invoice:" + d.Invoice }
func (d *PayoutCost) subject() string               { return "payout:" + d.Payout }
func (d *RefundCost) subject() string               { return "refund_cost:" + d.PaymentRefundID }
func (d *ProcessorReserveHeld) subject() string     { return "processor_hold:" + d.Hold }
func (d *ProcessorReserveReleased) subject() string { return "processor_hold:" + d.Hold }
func (d *ProcessorAdjusted) subject() string        { return "processor_adjustment:" + d.Adjustment }

// document checks a document's number.
func (p *preparation) document(pointer, s string, required bool) {
	switch {
	case s == "" && required:
		p.bad(pointer, "required", "This needs a document.")
	case len(s) > 128:
		p.bad(pointer, "text", "A document's number has up to 128 characters.")
	}
}

func (d *ProcessorInvoiced) prepare(p *preparation) {
	p.id("/invoice", d.Invoice, true)
	p.id("/processor", d.Processor, true)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1
	p.positive("/net", d.Net)
	if tax := p.amount("/input_vat", d.InputVAT); tax > 0 && d.Jurisdiction == "" {
		p.bad("/jurisdiction", "required", "Tax that is deducted needs its jurisdiction.")
	}
	p.id("/jurisdiction", d.Jurisdiction, false)
	p.document("/document", d.Document, false)
}

func (d *ProcessorInvoiced) plan(p *planner) error {
	if err := p.firstTime("An invoice of this id was recorded before."); err != nil {
		return err
	}
	prep, c := p.read(d.Currency)
	net, tax := prep.amount("/net", d.Net), prep.amount("/input_vat", d.InputVAT)
	return p.move(c, d.Document, leg{accountProcessorFee, net, ""}, leg{inputTaxAccount(d.Jurisdiction), tax, ""},
		leg{processorAccount(bucketAvailable, d.Processor), -net - tax, d.Invoice})
}

func (d *PayoutCost) prepare(p *preparation) {
	p.id("/payout", d.Payout, true)
	p.id("/processor", d.Processor, true)
	p.id("/processor_reference", d.Reference, false)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1
	p.positive("/amount", d.Amount)
}

func (d *PayoutCost) plan(p *planner) error {
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	ref := d.Reference
	if ref == "" {
		ref = d.Payout
	}
	return p.move(c, "", leg{accountProcessorFee, amount, ""}, leg{processorAccount(bucketAvailable, d.Processor), -amount, ref})
}

func (d *RefundCost) prepare(p *preparation) {
	p.id("/payment_refund_id", d.PaymentRefundID, true)
	p.id("/processor", d.Processor, true)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1
	p.positive("/amount", d.Amount)
}

func (d *RefundCost) plan(p *planner) error {
	if err := p.firstTime("The cost of this refund was recorded before."); err != nil {
		return err
	}
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	return p.move(c, "", leg{accountProcessorFee, amount, ""}, leg{processorAccount(bucketAvailable, d.Processor), -amount, d.PaymentRefundID})
}

func (d *ProcessorReserveHeld) prepare(p *preparation) {
	p.id("/hold", d.Hold, true)
	p.id("/processor", d.Processor, true)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1
	p.positive("/amount", d.Amount)
}

func (d *ProcessorReserveHeld) plan(p *planner) error {
	if err := p.firstTime("A hold of this id was recorded before."); err != nil {
		return err
	}
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	return p.move(c, "", leg{processorAccount(bucketReserved, d.Processor), amount, ""}, leg{processorAccount(bucketAvailable, d.Processor), -amount, d.Hold})
}

func (d *ProcessorReserveReleased) prepare(p *preparation) {
	p.id("/hold", d.Hold, true)
	if d.Amount == "" {
		p.bad("/amount", "required", "The release needs an amount.")
	}
}

// plan gives back at most what is still held.
func (d *ProcessorReserveReleased) plan(p *planner) error {
	told, held, c, _, err := sentAs[ProcessorReserveHeld](p, "processor.reserve_held")
	if err != nil {
		return err
	}
	prep := &preparation{book: p.book, currency: c, unit: 1}
	amount := prep.positive("/amount", d.Amount)
	if err := prep.err(); err != nil {
		return err
	}
	reserved := processorAccount(bucketReserved, held.Processor)
	if left := -told.net(reserved, c); amount > left {
		return ErrTransferDone.Withf("Of this hold %s %s is left. Give back at most that.", left.Format(c), c)
	}
	return p.move(c, "", leg{processorAccount(bucketAvailable, held.Processor), amount, d.Hold}, leg{reserved, -amount, ""})
}

func (d *ProcessorAdjusted) prepare(p *preparation) {
	p.id("/adjustment", d.Adjustment, true)
	p.id("/processor", d.Processor, true)
	if d.Direction == "" || d.Reason == "" {
		p.bad("/direction", "required", "An adjustment needs its direction and its reason.")
	}
	p.oneOf("/direction", d.Direction, "credit", "debit")
	p.oneOf("/reason", d.Reason, "fee", "other")
	p.useCurrency("/currency", d.Currency)
	p.unit = 1
	p.positive("/amount", d.Amount)
	p.document("/document", d.Document, false)
}

func (d *ProcessorAdjusted) plan(p *planner) error {
	if err := p.firstTime("An adjustment of this id was recorded before."); err != nil {
		return err
	}
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	other := ledger.Address(accountProcessorFee)
	switch {
	case d.Reason == "other" && d.Direction == "credit":
		other = accountSuspenseIn
	case d.Reason == "other":
		other = accountSuspense
	}
	if d.Direction == "debit" {
		amount = -amount
	}
	return p.move(c, d.Document, leg{processorAccount(bucketAvailable, d.Processor), amount, d.Adjustment}, leg{other, -amount, ""})
}
