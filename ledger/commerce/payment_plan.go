package commerce

import (
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What the processor's facts about payments post.

func (d *FeeRecorded) subject() string       { return "payment:" + d.PaymentID }
func (d *PaymentFailed) subject() string     { return "order:" + d.Order }
func (d *DuplicateReceived) subject() string { return "order:" + d.Order }
func (d *DuplicateRefunded) subject() string { return "order:" + d.Order }
func (d *RefundFailed) subject() string      { return "order:" + d.Order }

// subject is the payment if there is one; funds of several are about none of them.
func (d *FundsAvailable) subject() string {
	if len(d.PaymentIDs) == 1 {
		return "payment:" + d.PaymentIDs[0]
	}
	return ""
}

func (d *FeeRecorded) prepare(p *preparation) {
	p.id("/processor", d.Processor, true)
	p.id("/payment_id", d.PaymentID, true)
	p.oneOf("/kind", d.Kind, "fee")
	p.oneOf("/cash", d.Cash, bucketPending, bucketAvailable)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1 // the processor's own arithmetic is not bound to our posting unit
	p.positive("/amount", d.Amount)
}

func (d *FeeRecorded) plan(p *planner) error {
	cash := d.Cash
	if cash == "" {
		cash = bucketPending
	}
	if p.fresh && p.group == nil { // most fees are of ordinary sales: nothing else is known of their payment
		p.expects = append(p.expects, ledger.Expectation{Subject: d.subject()})
	} else {
		told, err := p.story(d.subject())
		if err != nil {
			return err
		}
		if list := told.named(eventPaymentNoted); len(list) > 0 {
			return d.ofDonation(p, told, list[0])
		}
	}
	return p.pair("processor.fee_recorded", d.Currency, d.Amount, accountProcessorFee, processorAccount(cash, d.Processor), d.PaymentID)
}

func (d *FundsAvailable) prepare(p *preparation) {
	p.id("/processor", d.Processor, true)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1
	p.positive("/amount", d.Amount)
	if len(d.PaymentIDs) > 200 {
		p.bad("/payment_ids", "too-many", "At most 200 payments are named.")
	}
	for i, id := range d.PaymentIDs {
		p.id(at("/payment_ids", i), id, true)
	}
}

func (d *FundsAvailable) plan(p *planner) error {
	ref := ""
	if len(d.PaymentIDs) == 1 {
		ref = d.PaymentIDs[0]
	}
	return p.pair("processor.funds_available", d.Currency, d.Amount, processorAccount(bucketAvailable, d.Processor), processorAccount(bucketPending, d.Processor), ref)
}

// pair posts an amount from one account to another. The external reference goes to the processor's side.
func (p *planner) pair(event, currency, amount string, debit, credit ledger.Address, ref string) error {
	prep := &preparation{book: p.book}
	c := prep.useCurrency("/currency", currency)
	prep.unit = 1
	m := prep.amount("/amount", amount)
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: event, kind: p.event.Type, data: data, lines: []ledger.Line{
		{Account: debit, Amount: m, Currency: c}, {Account: credit, Amount: -m, Currency: c, ExternalRef: ref},
	}})
}

func (d *PaymentFailed) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/payment_id", d.PaymentID, true)
	p.oneOf("/liable", d.Liable, "seller", "platform")
	if d.Liable != "" && !d.Shipped {
		p.bad("/liable", "unexpected", "Only a failure after shipment has somebody who is liable; before it, the sale is undone.")
	}
}

func (d *PaymentFailed) computes() bool { return true }

// apply undoes the sale if the goods are still here or the seller is liable; otherwise the platform loses the money.
func (d *PaymentFailed) apply(o *order, p *preparation) error {
	if len(o.captures) == 0 {
		return ErrOrderUnknown
	}
	i := slices.IndexFunc(o.tenders, func(t tender) bool { return t.paymentID == d.PaymentID && t.processor != "" })
	p.amount("/fee", d.Fee)
	if i < 0 {
		p.bad("/payment_id", "payment-unknown", "The order was not paid by this payment. Check its id.")
		return nil
	}
	t := &o.tenders[i]
	if t.failed {
		return ErrRepeated.With("This payment's failure was recorded before.")
	}
	lost := o.tenderLeft(t)
	t.failed = true
	t.returned += lost
	d.lost, d.processor = lost, t.processor
	if d.Shipped && d.liable(o) == "platform" {
		o.platformLoss += lost
		return nil
	}
	left := o.money(false)
	if lost >= left {
		for i := range o.lots {
			o.lots[i].giveBackAll()
		}
		d.double = lost - left
		return nil
	}
	return o.takeAmount(lost, true)
}

func (d *PaymentFailed) liable(o *order) string {
	if d.Liable != "" {
		return d.Liable
	}
	if o.set.Policies.PaymentFailure.Liability == "seller" {
		return "seller"
	}
	return "platform"
}

func (d *PaymentFailed) plan(p *planner) error {
	if err := p.known(); err != nil {
		return err
	}
	o := p.order
	before, after, err := p.apply(d)
	if err != nil {
		return err
	}
	prep := &preparation{currency: o.currency, unit: o.unit}
	fee := prep.amount("/fee", d.Fee)
	lines := o.entries(o.changes(after), nil)
	cash := processorAccount(bucketAvailable, d.processor)
	add := func(a ledger.Address, amount money.Minor, ref string) {
		if amount != 0 {
			l := o.credit(a, amount)
			l.ExternalRef = ref
			lines = append(lines, l)
		}
	}
	if d.Shipped && d.liable(o) == "platform" {
		add(accountChargebackLoss, -d.lost, "")
	} else {
		add(accountChargebackLoss, -d.double, "")
	}
	add(accountProcessorFee, -fee, "")
	add(cash, d.lost, d.PaymentID)
	add(cash, fee, d.PaymentID)
	data, err := p.stored()
	if err != nil {
		return err
	}
	event := "payment.failed"
	if len(lines) == 0 {
		event = "order.fact_recorded"
	}
	return p.draft(draftOf{event: event, kind: p.event.Type, lines: lines, data: data, computed: true, before: before, after: after})
}

func (d *DuplicateReceived) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/processor", d.Processor, true)
	p.id("/payment_id", d.PaymentID, true)
	p.id("/buyer", d.Buyer, false)
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
}

// duplicate is a second payment of an order, owed to the buyer until it went back.
type duplicate struct {
	paymentID, processor string
	account              ledger.Address
	amount               money.Minor
	refunded             bool
}

// apply remembers the payment: it makes no second sale.
func (d *DuplicateReceived) apply(o *order, _ *preparation) error {
	known := slices.ContainsFunc(o.duplicates, func(x duplicate) bool { return x.paymentID == d.PaymentID }) ||
		slices.ContainsFunc(o.tenders, func(t tender) bool { return t.paymentID == d.PaymentID })
	if known {
		return ErrRepeated.With("This payment of the order is recorded already.")
	}
	buyer := d.Buyer
	if buyer == "" {
		buyer = d.Order
	}
	prep := &preparation{book: o.book, currency: o.currency, unit: 1}
	o.duplicates = append(o.duplicates, duplicate{paymentID: d.PaymentID, processor: d.Processor,
		account: ledger.Address("liabilities:customer_refund_due:" + buyer), amount: prep.amount("/amount", d.Amount)})
	return nil
}

func (d *DuplicateReceived) plan(p *planner) error {
	if err := p.known(); err != nil {
		return err
	}
	o := p.order
	if d.Currency != string(o.currency) {
		return ledger.ErrInvalid.At("/data/currency", "currency", "The order is in another currency.")
	}
	if _, _, err := p.apply(d); err != nil {
		return err
	}
	x := o.duplicates[len(o.duplicates)-1]
	return p.duplicate("payment.duplicate_received", x.account, processorAccount(bucketPending, x.processor), x.amount, d.PaymentID)
}

func (d *DuplicateRefunded) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/payment_id", d.PaymentID, true)
	p.id("/payment_refund_id", d.PaymentRefundID, false)
}

func (d *DuplicateRefunded) apply(o *order, p *preparation) error {
	i := slices.IndexFunc(o.duplicates, func(x duplicate) bool { return x.paymentID == d.PaymentID })
	switch {
	case i < 0:
		p.bad("/payment_id", "payment-unknown", "The order has no such duplicate payment. Check its id.")
	case o.duplicates[i].refunded:
		return ErrRepeated.With("This duplicate payment went back before.")
	default:
		o.duplicates[i].refunded = true
	}
	return nil
}

func (d *DuplicateRefunded) plan(p *planner) error {
	if err := p.known(); err != nil {
		return err
	}
	if _, _, err := p.apply(d); err != nil {
		return err
	}
	o := p.order
	x := o.duplicates[slices.IndexFunc(o.duplicates, func(x duplicate) bool { return x.paymentID == d.PaymentID })]
	ref := d.PaymentRefundID
	if ref == "" {
		ref = d.PaymentID
	}
	return p.duplicate("payment.duplicate_refunded", x.account, processorAccount(bucketAvailable, x.processor), -x.amount, ref)
}

// duplicate posts an amount owed to the buyer, or back.
func (p *planner) duplicate(event string, owed, cash ledger.Address, amount money.Minor, ref string) error {
	data, err := p.stored()
	if err != nil {
		return err
	}
	o := p.order
	in := o.credit(cash, -amount)
	in.ExternalRef = ref
	return p.draft(draftOf{event: event, kind: p.event.Type, data: data, memo: "payment " + ref, lines: []ledger.Line{in, o.credit(owed, amount)}})
}

func (d *RefundFailed) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/refund", d.Refund, true)
	p.id("/buyer", d.Buyer, false)
}

// apply marks the refund: its money is with us again, and owed.
func (d *RefundFailed) apply(o *order, p *preparation) error {
	i := slices.IndexFunc(o.refunds, func(r refund) bool { return r.id == d.Refund })
	switch {
	case i < 0:
		p.bad("/refund", "refund-unknown", "The order has no such refund. Check its id.")
	case o.refunds[i].failed:
		return ErrRepeated.With("This refund's failure was recorded before.")
	default:
		o.refunds[i].failed = true
	}
	return nil
}

// plan takes the money back into our account at the processor and owes it to the buyer.
func (d *RefundFailed) plan(p *planner) error {
	if err := p.known(); err != nil {
		return err
	}
	if _, _, err := p.apply(d); err != nil {
		return err
	}
	o := p.order
	buyer := d.Buyer
	if buyer == "" {
		buyer = d.Order
	}
	var lines []ledger.Line
	for _, leg := range o.refunds[slices.IndexFunc(o.refunds, func(r refund) bool { return r.id == d.Refund })].cash {
		if strings.HasPrefix(string(leg.account), "assets:processor:") {
			lines = append(lines, ledger.Line{Account: leg.account, Amount: leg.amount, Currency: o.currency, ExternalRef: leg.ref})
		}
	}
	if len(lines) == 0 {
		return ErrOrderState.With("No processor had part in this refund, so none can have failed to deliver it.")
	}
	lines = append(lines, o.credit(ledger.Address("liabilities:customer_refund_due:"+buyer), sumOf(lines)))
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: "refund.failed", lines: lines, data: data, memo: "refund " + d.Refund})
}
