package commerce

import (
	"slices"
	"time"
)

// What facts about an order change, and what a cancellation posts.

func (d *OrderDelivered) subject() string   { return "order:" + d.Order }
func (d *AfterSalesOpened) subject() string { return "order:" + d.Order }
func (d *AfterSalesClosed) subject() string { return "order:" + d.Order }
func (d *OrderCancelled) subject() string   { return "order:" + d.Order }

func (d *OrderDelivered) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	if d.Parcel < 0 || d.Parcel > 1000 {
		p.bad("/parcel", "range", "Parcels are numbered from 1 to 1000.")
	}
	if d.DeliveredAt.Year() < 2000 || d.DeliveredAt.Year() > 2999 {
		p.bad("/delivered_at", "date-range", "A delivery lies after 2000-01-01.")
	}
}

func (d *AfterSalesOpened) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/case", d.Case, true)
	p.id("/reason", d.Reason, false)
}

func (d *AfterSalesClosed) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/case", d.Case, true)
	p.id("/outcome", d.Outcome, false)
}

func (d *OrderCancelled) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/reason", d.Reason, false)
	p.id("/payment_refund_id", d.PaymentRefundID, false)
	p.oneOf("/cash", d.Cash, bucketPending, bucketAvailable)
}

// apply remembers the delivery; the latest scan of the last parcel starts the clock.
func (d *OrderDelivered) apply(o *order, _ *preparation) error {
	o.arrived(d.DeliveredAt.UTC(), d.LastParcel)
	o.parcel(d.Parcel).scanned = true
	return nil
}

// arrived notes the arrival of a parcel.
func (o *order) arrived(at time.Time, last bool) {
	o.anyDelivery = true
	if at.After(o.delivered) {
		o.delivered = at
	}
	o.complete = o.complete || last
}

func (d *AfterSalesOpened) apply(o *order, _ *preparation) error {
	if slices.Contains(o.cases, d.Case) {
		return ErrRepeated.With("This case is open already.")
	}
	o.cases = append(o.cases, d.Case)
	return nil
}

func (d *AfterSalesClosed) apply(o *order, _ *preparation) error {
	i := slices.Index(o.cases, d.Case)
	if i < 0 {
		return ErrOrderState.With("No such case is open for the order. Check the case's id.")
	}
	o.cases = slices.Delete(o.cases, i, i+1)
	return nil
}

// planFact posts a fact about an order.
func (p *planner) planFact(e orderEvent, event string) error {
	if err := e.apply(p.order, &preparation{}); err != nil {
		return err
	}
	return p.fact(event)
}

func (d *OrderDelivered) plan(p *planner) error   { return p.planFact(d, "order.delivered") }
func (d *AfterSalesOpened) plan(p *planner) error { return p.planFact(d, "after_sales.opened") }
func (d *AfterSalesClosed) plan(p *planner) error { return p.planFact(d, "after_sales.closed") }

// apply cancels the order: nothing of it stands any more.
func (d *OrderCancelled) apply(o *order, _ *preparation) error {
	switch {
	case o.cancelled:
		return ErrRepeated.With("The order was cancelled before.")
	case o.anyDelivery:
		return ErrOrderState.With("The order was delivered, so it cannot be cancelled. Record a refund instead.")
	case o.settled():
		return ErrOrderState.With("The order's money was released, so it cannot be cancelled. Record a refund instead.")
	case o.openDispute() != nil:
		return ErrOrderState.With("A dispute of the order is open. Close it first.")
	}
	o.cancelled = true
	paid := o.money(false)
	for i := range o.lots {
		o.lots[i].giveBackAll()
	}
	o.returnRefundFees()
	return o.payBack("", paid, d.cash(), d.PaymentRefundID, true)
}

// returnRefundFees gives back what the platform charged for refunds. What refunds kept back from the buyer and what
// disputes cost stays: that money is with others.
func (o *order) returnRefundFees() {
	if o.set == nil {
		return // nothing was captured
	}
	for i := range o.set.Rules {
		if r := &o.set.Rules[i]; r.Kind == RuleRefundFee && o.refundFee[r.ID] != 0 {
			o.extras.add(o.sellerPosition(), o.refundFee[r.ID])
			o.extras.add(r.To, -o.refundFee[r.ID])
		}
	}
	o.refundFee = nil
}

func (d *OrderCancelled) computes() bool { return true }

func (d *OrderCancelled) cash() string {
	if d.Cash == "" {
		return bucketAvailable // the processor's line is not known yet
	}
	return d.Cash
}

// plan mirrors everything that the order has posted: kept flat fees go back too, except what the processor keeps.
func (d *OrderCancelled) plan(p *planner) error {
	o := p.order
	if o.edited != nil {
		return o.edited
	}
	before, after, err := p.apply(d)
	if err != nil {
		return err
	}
	lines := append(o.entries(o.changes(after), nil), o.refundLines(&o.refunds[len(o.refunds)-1])...)
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: "order.cancelled", lines: lines, data: data, computed: true, before: before, after: after})
}
