package commerce

import (
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What charges post.

// chargeKind says where a kind of charge goes.
type chargeKind struct {
	kind string
	// to is the account that gets the charge; empty for the carrier named as counterparty.
	to ledger.Address
	// credit says that the payee gets the amount instead of paying it.
	credit bool
	// platform says that the platform pays, and the payee is only named.
	platform bool
	// meaning is for the handbook.
	meaning string
}

// chargeKinds are the kinds of charges, with the account of each (domain 2 B and D, M-13).
var chargeKinds = []chargeKind{
	{kind: "shipping.charged", meaning: "A shipping label by the carrier's measure; the platform may pay a part as a subsidy. A later correction upwards is another charge."},
	{kind: "shipping.corrected", credit: true, meaning: "The carrier measured too much; the difference goes back to the seller."},
	{kind: "return.shipping_charged", meaning: "A return label at the seller's cost."},
	{kind: "return.shipping_subsidised", platform: true, meaning: "A return label at the platform's cost."},
	{kind: "warehouse.fulfilment_charged", to: "revenue:fulfilment_fee", meaning: "Picking, packing and shipping."},
	{kind: "warehouse.storage_charged", to: "revenue:storage_fee", meaning: "Storage over a period."},
	{kind: "warehouse.inbound_charged", to: "revenue:inbound_fee", meaning: "Receiving and placing stock."},
	{kind: "warehouse.removal_charged", to: "revenue:removal_fee", meaning: "Sending stock back to its owner."},
	{kind: "warehouse.disposal_charged", to: "revenue:removal_fee", meaning: "Disposing of stock."},
	{kind: "warehouse.return_processed", to: "revenue:returns_fee", meaning: "Inspecting and restocking what came back."},
	{kind: "warehouse.inventory_reimbursed", to: accountReimbursement, credit: true, meaning: "Goods lost or damaged in our care."},
	{kind: "warehouse.reimbursement_clawed_back", to: accountReimbursement, meaning: "Reimbursed goods were found."},
	{kind: "ads.charged", to: "revenue:ads", meaning: "Advertising paid from the settlement."},
	{kind: "dispute.appeal_fee", to: accountDisputeHandling, meaning: "Contesting a dispute."},
}

// ErrChargeKind means that there is no such kind of charge.
var ErrChargeKind = fault.New(fault.Invalid, "charge-kind", "There is no such kind of charge. Check the kind against the list in the handbook.")

func (d *ChargeRecorded) kind() *chargeKind {
	for i := range chargeKinds {
		if chargeKinds[i].kind == d.Kind {
			return &chargeKinds[i]
		}
	}
	return nil
}

func (d *ChargeRecorded) subject() string {
	if d.Order != "" {
		return "order:" + d.Order
	}
	return "seller:" + d.Party
}

func (d *ChargeRecorded) prepare(p *preparation) {
	k := d.kind()
	if k == nil {
		p.because("/kind", ErrChargeKind)
		return
	}
	p.id("/party", d.Party, true)
	p.id("/order", d.Order, false)
	p.id("/counterparty", d.Counterparty, k.to == "")
	p.id("/reason", d.Reason, false)
	if len(d.Document) > 128 {
		p.bad("/document", "text", "A document's number has up to 128 characters.")
	}
	p.useCurrency("/currency", d.Currency)
	amount := p.positive("/amount", d.Amount)
	if p.amount("/subsidy", d.Subsidy) > amount {
		p.bad("/subsidy", "subsidy-too-large", "The subsidy is larger than the charge.")
	}
	if d.Subsidy != "" && (k.credit || k.platform) {
		p.bad("/subsidy", "unexpected", "Only what the seller pays can be subsidised.")
	}
	if len(d.ServicePeriod) != 0 {
		d.preparePeriod(p)
	}
}

func (d *ChargeRecorded) preparePeriod(p *preparation) {
	if len(d.ServicePeriod) != 2 {
		p.bad("/service_period", "count", "A service period is its first and its last day.")
		return
	}
	var days [2]time.Time
	for i, s := range d.ServicePeriod {
		var err error
		if days[i], err = time.Parse(time.DateOnly, s); err != nil {
			p.bad(at("/service_period", i), "date", "A day is written as 2026-11-30.")
		}
	}
	if days[1].Before(days[0]) {
		p.bad("/service_period", "date-range", "The last day lies before the first.")
	}
}

// apply changes nothing but the order's buckets: a charge is no part of the sale's sheet.
func (d *ChargeRecorded) apply(*order, *preparation) error { return nil }

func (d *ChargeRecorded) plan(p *planner) error {
	prep := &preparation{book: p.book}
	c := prep.useCurrency("/currency", d.Currency)
	bucket := bucketAvailable
	if p.order != nil {
		if err := p.known(); err != nil {
			return err
		}
		if d.Party != p.order.seller {
			return ledger.ErrInvalid.At("/data/party", "party", "The order belongs to another seller.")
		}
		if c != p.order.currency {
			return ledger.ErrInvalid.At("/data/currency", "currency", "The order is in another currency.")
		}
		bucket = p.order.bucket()
	}
	k := d.kind()
	amount, subsidy := prep.amount("/amount", d.Amount), prep.amount("/subsidy", d.Subsidy)
	payee := payeeAccount("seller", bucket, d.Party)
	if k.platform {
		payee = accountShippingSubsidy
	}
	to := k.to
	if to == "" {
		to = carrierAccount(d.Counterparty)
	}
	if k.credit {
		amount = -amount
	}
	line := func(a ledger.Address, m money.Minor) ledger.Line {
		return ledger.Line{Account: a, Amount: m, Currency: c}
	}
	rule, err := p.chargeRule(d.Kind)
	if err != nil {
		return err
	}
	net, tax, taxTo, onTop, err := chargeTax(rule, c, amount)
	if err != nil {
		return err
	}
	lines := []ledger.Line{line(payee, amount+onTop), line(to, -net)}
	if tax != 0 {
		lines = append(lines, line(taxTo, -tax))
	}
	if subsidy > 0 {
		lines = append(lines, line(accountShippingSubsidy, subsidy), line(payee, -subsidy))
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: d.Kind, kind: p.event.Type, lines: lines, data: data, memo: d.Document})
}

// chargeTax divides a charge by the tax rule of its kind, of the rule set in force when it happened (M-15). Without a rule
// the charge bears no tax.
func chargeTax(r *Rule, c money.Currency, amount money.Minor) (net, tax money.Minor, to ledger.Address, onTop money.Minor, err error) {
	if r == nil || r.Tax == nil {
		return amount, 0, "", 0, nil
	}
	switch r.Tax.Mode {
	case "inclusive":
		net, tax, err = money.SplitInclusive(amount, r.Tax.Rate, r.Tax.Rounding, c.PostingUnit())
		return net, tax, r.Tax.To, 0, err
	case "exclusive":
		tax, err = r.Tax.Rate.Of(amount, r.Tax.Rounding, c.PostingUnit())
		return amount, tax, r.Tax.To, tax, err
	}
	return amount, 0, "", 0, nil
}

func (p *planner) chargeRule(kind string) (*Rule, error) {
	when := p.event.OccurredAt
	if when.IsZero() {
		when = p.service.now()
	}
	set, err := p.service.rules.InForce(p.ctx, p.book, when)
	if fault.KindOf(err) == fault.Conflict {
		return nil, nil // a market without rules has no rule about the tax of charges
	}
	if err != nil {
		return nil, err
	}
	return set.chargeRule(kind), nil
}
