package commerce

import (
	"encoding/json"
	"slices"
	"strconv"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What a delivery paid at the door posts, and what a refused parcel posts.

// ErrRemitted means that a carrier would have handed over more than it took.
var ErrRemitted = fault.New(fault.Conflict, "remitted-too-much",
	"The carrier has not so much of this order's cash. Compare the remittance with the order's open amount; nothing was posted.")

func (d *CODDelivered) subject() string { return "order:" + d.Order }
func (d *CODRefused) subject() string   { return "order:" + d.Order }

// sale is the delivery as a capture, without how it was paid.
func (d *CODDelivered) sale() *OrderCaptured {
	return &OrderCaptured{Order: d.Order, Capture: d.Capture, Currency: d.Currency, PlacedAt: d.PlacedAt, Seller: d.Seller, CategorySet: d.CategorySet,
		LiveSession: d.LiveSession, Channel: d.Channel, Lines: d.Lines, OrderDiscounts: d.OrderDiscounts, Shipping: d.Shipping, GiftWrap: d.GiftWrap, Duty: d.Duty,
		Creators: d.Creators, CommissionRate: d.CommissionRate, CommissionDeposit: d.CommissionDeposit, Partners: d.Partners, DonationRoundUp: d.DonationRoundUp}
}

// prepare reads the delivery into a capture's terms. The carrier took what the lines, shipping, duty and taxes say.
func (d *CODDelivered) prepare(p *preparation) {
	p.id("/carrier", d.Carrier, true)
	if d.DeliveredAt.Year() < 2000 || d.DeliveredAt.Year() > 2999 {
		p.bad("/delivered_at", "date-range", "A delivery lies after 2000-01-01.")
	}
	sale := d.sale()
	read := sale.readSale(p)
	if d.terms = sale.terms; !read || len(p.fields) > 0 {
		return
	}
	d.terms.Delivered, d.terms.More = d.DeliveredAt.UnixMicro(), d.MoreParcels
	if due := d.terms.due(p); due > 0 {
		d.terms.Payments = []termPayment{{Carrier: d.Carrier, Amount: cents(due)}}
	}
}

func (d *CODDelivered) plan(p *planner) error { return p.capture(d.terms) }

func (d *CODRefused) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/seller", d.Seller, true)
	p.id("/carrier", d.Carrier, true)
	p.id("/reason", d.Reason, false)
	p.useCurrency("/currency", d.Currency)
	p.amount("/freight_out", d.FreightOut)
	p.amount("/freight_back", d.FreightBack)
}

// freight is what the carrier is owed.
func (d *CODRefused) freight() (c money.Currency, out, back money.Minor) {
	c = money.Currency(d.Currency)
	p := &preparation{currency: c, unit: c.PostingUnit()}
	return c, p.amount("/freight_out", d.FreightOut), p.amount("/freight_back", d.FreightBack)
}

// apply remembers the refusal. A parcel that is delivered later, at another attempt, is a sale all the same.
func (d *CODRefused) apply(o *order, _ *preparation) error {
	switch {
	case len(o.captures) > 0:
		return ErrOrderState.With("The order was delivered or paid, so its parcel was not refused. Record what came back as a refund, and further freight as a charge.")
	case o.refused:
		return ErrRepeated.With("This order's refused parcel was recorded before. Record freight of another attempt as a charge of the seller.")
	}
	o.refused, o.seller, o.currency = true, d.Seller, money.Currency(d.Currency)
	o.unit = o.currency.PostingUnit()
	return nil
}

func (d *CODRefused) plan(p *planner) error {
	o := p.order
	if o.edited != nil {
		return o.edited
	}
	if err := d.apply(o, nil); err != nil {
		return err
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	_, out, back := d.freight()
	if out+back == 0 {
		return p.draft(draftOf{event: factRecorded, kind: p.event.Type, data: data, told: d})
	}
	return p.draft(draftOf{event: p.event.Type, data: data, told: d, lines: []ledger.Line{
		o.credit(payeeAccount("seller", bucketAvailable, d.Seller), -out-back),
		o.credit(carrierAccount(d.Carrier), out+back),
	}})
}

// tell adds the freight up.
func (d *CODRefused) tell() []Step {
	c, out, back := d.freight()
	t := &tale{currency: c}
	for _, way := range []struct {
		rule, title string
		amount      money.Minor
	}{{"freight_out", "Freight to the buyer", out}, {"freight_back", "Freight back to the seller", back}} {
		if way.amount != 0 {
			t.plain(way.rule, way.title, string(carrierAccount(d.Carrier)), way.amount, "as the carrier charges it")
		}
	}
	if out+back != 0 {
		t.plain("freight", "Freight both ways", "seller:"+d.Seller, -out-back, "at the seller's cost")
	}
	return t.steps
}

func (d *CODRemitted) subject() string { return "remittance:" + d.Remittance }

// contends names what remittances of the same orders wait for each other by.
func (d *CODRemitted) contends() string { return "order:" + d.Orders[0].Order }

func (d *CODRemitted) prepare(p *preparation) {
	p.id("/remittance", d.Remittance, true)
	p.id("/carrier", d.Carrier, true)
	p.id("/bank_account", d.BankAccount, true)
	p.oneOf("/fee_paid_by", d.FeePaidBy, "seller", "platform")
	p.useCurrency("/currency", d.Currency)
	if len(d.Orders) == 0 || len(d.Orders) >= maxParts {
		p.bad("/orders", "count", "A remittance is for 1 to "+strconv.Itoa(maxParts-1)+" orders.")
		return
	}
	seen, sum := make(map[string]bool, len(d.Orders)), money.Minor(0)
	for i := range d.Orders {
		r, pointer := &d.Orders[i], at("/orders", i)
		p.id(pointer+"/order", r.Order, true)
		if seen[r.Order] {
			p.bad(pointer+"/order", "order-twice", "Each order is named once in a remittance.")
		}
		seen[r.Order] = true
		amount := p.positive(pointer+"/amount", r.Amount)
		if fee := p.amount(pointer+"/carrier_fee", r.CarrierFee); fee > amount && len(p.fields) == 0 {
			p.bad(pointer+"/carrier_fee", "fee-too-large", "The carrier kept more than it took. The amount includes what the carrier kept.")
		}
		if sum += amount; sum > maxEventAmount {
			p.because(pointer+"/amount", money.ErrOverflow)
			return
		}
	}
}

// plan posts each order's part to the order, after a fact that keeps the remittance as a whole.
func (d *CODRemitted) plan(p *planner) error {
	if err := p.firstTime("A remittance of this id was recorded before."); err != nil {
		return err
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	if err := p.draft(draftOf{event: factRecorded, kind: eventRemitted, data: data, told: d}); err != nil {
		return err
	}
	orders := make([]*order, len(d.Orders))
	defer func() { p.order = nil }() // the remittance itself is about no order
	for i := range d.Orders {
		if orders[i], err = p.otherOrder(d.Orders[i].Order); err != nil {
			return err
		}
		p.order = orders[i]
		if err := d.remit(p, i); err != nil {
			return err
		}
	}
	if p.group != nil {
		for _, o := range orders {
			p.group.orders[orderPrefix+o.id] = o
		}
	}
	return nil
}

// otherOrder reads an order that the event changes without being about it alone. In a group it is a copy: a refused event
// must leave nothing behind.
func (p *planner) otherOrder(id string) (*order, error) {
	if p.group != nil {
		if o := p.group.orders[orderPrefix+id]; o != nil {
			return o.clone(), nil
		}
	}
	return p.service.load(p.ctx, p.book, id, 0)
}

// orderRemitted is an order's part of a remittance as it is kept with the order.
type orderRemitted struct {
	Remittance string `json:"remittance"`
	Carrier    string `json:"carrier"`
	Amount     cents  `json:"amount"`
	Fee        cents  `json:"fee,omitempty"`
	FeePaidBy  string `json:"fee_paid_by,omitempty"`
}

// apply counts what the carrier handed over.
func (r *orderRemitted) apply(o *order, _ *preparation) error {
	i := slices.IndexFunc(o.tenders, func(t tender) bool { return t.carrier == r.Carrier })
	if i < 0 {
		return ErrOrderState.With("This carrier took no cash for the order. Check the order and the carrier, or record the delivery first.")
	}
	t := &o.tenders[i]
	if money.Minor(r.Amount) > t.captured-t.remitted {
		return ErrRemitted.Withf("The carrier would hand over %s, and %s of the order's cash is still with it. Correct the remittance; nothing was posted.",
			money.Minor(r.Amount).Format(o.currency), (t.captured - t.remitted).Format(o.currency))
	}
	t.remitted += money.Minor(r.Amount)
	return nil
}

// remit posts one order's part. What the carrier kept is charged where the seller's share of the order sits (W-05).
func (d *CODRemitted) remit(p *planner, i int) error {
	o := p.order
	pointer := "/data" + at("/orders", i) + "/order"
	if err := p.known(); err != nil {
		return err
	}
	if o.currency != money.Currency(d.Currency) {
		return ledger.ErrInvalid.At(pointer, "currency", "The order is in another currency than the remittance.")
	}
	prep := &preparation{currency: o.currency, unit: o.unit}
	amount, fee := prep.amount("/amount", d.Orders[i].Amount), prep.amount("/carrier_fee", d.Orders[i].CarrierFee)
	part := &orderRemitted{Remittance: d.Remittance, Carrier: d.Carrier, Amount: cents(amount), Fee: cents(fee), FeePaidBy: d.FeePaidBy}
	if err := part.apply(o, nil); err != nil {
		return err
	}
	var lines []ledger.Line
	if amount != fee {
		lines = append(lines, ledger.Line{Account: bankAccount("operating", d.BankAccount), Amount: amount - fee, Currency: o.currency, ExternalRef: d.Remittance})
	}
	switch {
	case fee == 0:
	case d.FeePaidBy == "platform":
		lines = append(lines, o.credit(collectionFeeAccount(d.Carrier), -fee))
	default:
		lines = o.payeeLines(lines, o.sellerPosition(), -fee, 0)
	}
	lines = append(lines, o.credit(codAccount(d.Carrier), amount))
	data, err := json.Marshal(part)
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: eventRemitted, part: i + 1, lines: lines, data: data, memo: "remittance " + d.Remittance})
}

// tellsIn is the remittance's currency: the fact that keeps it has no lines to show it.
func (d *CODRemitted) tellsIn() money.Currency { return money.Currency(d.Currency) }

// tell says what of each order the bank got and what the carrier kept.
func (d *CODRemitted) tell() []Step {
	c := money.Currency(d.Currency)
	t, p := &tale{currency: c}, &preparation{currency: c, unit: c.PostingUnit()}
	for _, r := range d.Orders {
		amount, fee := p.amount("", r.Amount), p.amount("", r.CarrierFee)
		why := "all of it to the bank"
		if fee != 0 {
			payer := "the seller"
			if d.FeePaidBy == "platform" {
				payer = "the platform"
			}
			why = (amount - fee).Format(c) + " of it to the bank; the carrier kept " + fee.Format(c) + " at the cost of " + payer
		}
		t.plain("remitted", "Cash of order "+r.Order, string(codAccount(d.Carrier)), amount, why)
	}
	return t.steps
}
