package commerce

import (
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// How an exchange changes an order. What the buyer paid for the goods that came back becomes a lot of its own on the
// order's clearing account. Like every lot it is the buyer's money: the new goods use it up, a full refund or a
// cancellation returns it, and a lost dispute takes from it. While anything is left there, the order does not settle
// (invariant 16).

func (d *ExchangeReturned) subject() string { return "order:" + d.Order }
func (d *ExchangeCaptured) subject() string { return "order:" + d.Order }

func (d *ExchangeReturned) computes() bool { return true }
func (d *ExchangeCaptured) computes() bool { return true }

func (d *ExchangeReturned) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/exchange", d.Exchange, true)
	p.id("/reason", d.Reason, false)
	if len(d.Lines) == 0 {
		p.bad("/lines", "count", "An exchange names the units that came back.")
	}
	prepareUnits(p, "/lines", d.Lines)
}

func (d *ExchangeCaptured) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/exchange", d.Exchange, true)
	p.id("/payment_refund_id", d.PaymentRefundID, false)
	p.oneOf("/cash", d.Cash, bucketPending, bucketAvailable)
	prepareUnits(p, "/returned", d.Returned)
	if len(d.Lines) == 0 && d.Shipping != nil {
		p.bad("/shipping", "unexpected", "Only new goods are shipped. Leave shipping out, or name the goods.")
	}
}

// prepareUnits checks units of lines, each line once.
func prepareUnits(p *preparation, pointer string, lines []RefundedLine) {
	seen := map[int]bool{}
	for i, l := range lines {
		if seen[l.Line] || l.Line < 1 || l.Quantity < 1 {
			p.bad(at(pointer, i), "line", "Each line is named once, with one unit or more.")
		}
		seen[l.Line] = true
	}
}

// exchange returns the lot of an exchange, or nil.
func (o *order) exchange(id string) *lot {
	for i := range o.lots {
		if o.lots[i].kind == lotExchange && o.lots[i].sku == id {
			return &o.lots[i]
		}
	}
	return nil
}

// changeable returns why nothing about the order may change any more.
func (o *order) changeable() error {
	if len(o.captures) == 0 {
		return ErrOrderUnknown
	}
	if o.cancelled {
		return ErrOrderState.With("The order was cancelled.")
	}
	return nil
}

// apply takes the units back and keeps what they cost for the exchange.
func (d *ExchangeReturned) apply(o *order, p *preparation) error {
	return o.takeForExchange(d.Exchange, "/lines", d.Lines, p)
}

func (o *order) takeForExchange(id, pointer string, lines []RefundedLine, p *preparation) error {
	if err := o.changeable(); err != nil {
		return err
	}
	if o.exchange(id) != nil || slices.ContainsFunc(o.refunds, func(r refund) bool { return r.id == id }) {
		return ErrRepeated.With("The order has an exchange or refund of this id already. Give a new one an id of its own.")
	}
	paid := o.money(false)
	for i, l := range lines {
		if err := o.takeUnits(l.Line, l.Quantity); err != nil {
			if err == errNoSuchLine {
				p.bad(at(pointer, i)+"/line", "line-unknown", "The order has no such line. Check the line's number.")
				return nil
			}
			return err
		}
	}
	o.lots = append(o.lots, lot{kind: lotExchange, sku: id, quantity: 1, captured: parts{list: paid - o.money(false)}, owner: string(clearingAccount(o.id))})
	return nil
}

func (d *ExchangeReturned) plan(p *planner) error {
	return p.recompute(d, "exchange.returned", "exchange "+d.Exchange)
}

// apply sells the new goods for what the exchange holds, and takes or gives the difference.
func (d *ExchangeCaptured) apply(o *order, p *preparation) error {
	if err := o.changeable(); err != nil {
		return err
	}
	if len(d.Returned) > 0 {
		if err := o.takeForExchange(d.Exchange, "/returned", d.Returned, p); err != nil || p.err() != nil {
			return err
		}
	}
	held := o.exchange(d.Exchange)
	switch {
	case held == nil:
		return ErrOrderState.With("The order has no such exchange. Record exchange.returned first, or name the units that come back.")
	case held.empty() && slices.Contains(o.exchanged, d.Exchange):
		return ErrRepeated.With("The new goods of this exchange were recorded before.")
	}
	terms := d.terms(o, p)
	if p.err() != nil {
		return nil
	}
	due, had := money.Minor(0), held.money(false)
	for _, l := range terms.lotsOf() {
		due += l.money(true)
	}
	if due > maxEventAmount-max(o.money(false), 0) {
		p.because("/lines", money.ErrOverflow)
		return nil
	}
	paid := money.Minor(0)
	for _, y := range terms.Payments {
		paid += money.Minor(y.Amount)
	}
	if more := max(due-had, 0); paid != more {
		p.bad("/payments", "payments-differ", "The payments come to "+paid.Format(o.currency)+", but the new goods cost "+more.Format(o.currency)+" more than what came back.")
		return nil
	}
	held.giveBackAll()
	o.exchanged = append(o.exchanged, d.Exchange)
	if len(terms.Lines) > 0 {
		o.complete, o.delivered = false, time.Time{}
	}
	o.sell(terms)
	if less := had - due; less > 0 {
		return o.payBack(d.Exchange, less, d.cash(), d.PaymentRefundID, false)
	}
	return nil
}

func (d *ExchangeCaptured) cash() string {
	if d.Cash == "" {
		return bucketAvailable // the processor's line is not known yet
	}
	return d.Cash
}

// terms reads the new goods as a capture of the order.
func (d *ExchangeCaptured) terms(o *order, p *preparation) *captureTerms {
	t := &captureTerms{Currency: o.currency}
	sale := OrderCaptured{Lines: d.Lines}
	if len(d.Lines) > 0 {
		sale.readLines(p, t)
	}
	for i := range d.Lines {
		if slices.ContainsFunc(o.lots, func(l lot) bool { return l.kind == lotGoods && l.line == d.Lines[i].Line }) {
			p.bad(at("/lines", i)+"/line", "line", "The order has a line of this number. Number the new goods on.")
		}
	}
	t.Shipping = readExtra(p, "/shipping", d.Shipping)
	readTenders(p, t, d.Payments)
	return t
}

// plan posts the difference between what came back and what is sold.
func (d *ExchangeCaptured) plan(p *planner) error {
	if err := p.known(); err != nil {
		return err
	}
	o := p.order
	refunds := len(o.refunds)
	before, after, err := p.apply(d)
	if err != nil {
		return err
	}
	var lines []ledger.Line
	prep := &preparation{book: p.book, currency: o.currency, unit: o.unit}
	for _, y := range d.terms(&order{currency: o.currency}, prep).Payments {
		lines = append(lines, ledger.Line{Account: y.tender().account, Amount: money.Minor(y.Amount), Currency: o.currency, ExternalRef: y.ID})
	}
	lines = append(lines, o.entries(o.changes(after), nil)...)
	for i := refunds; i < len(o.refunds); i++ {
		lines = append(lines, o.refundLines(&o.refunds[i])...)
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	event := "exchange.captured"
	if len(lines) == 0 {
		event = "order.fact_recorded" // an even exchange
	}
	return p.draft(draftOf{event: event, kind: p.event.Type, lines: lines, data: data, memo: "exchange " + d.Exchange, computed: true, before: before, after: after})
}
