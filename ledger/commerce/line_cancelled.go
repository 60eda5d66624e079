package commerce

import (
	"encoding/json"

	"mizan/ledger"
)

// order.line_cancelled: a part of an order is not shipped, and what the buyer paid for it goes back (M-08). It is computed
// like a refund of units before shipment, so no refund fee is charged.

// LineCancelled is the cancellation of units before their shipment.
type LineCancelled struct {
	Order           string         `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	Cancellation    string         `json:"cancellation" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The cancellation's own id, unique in the order with its refunds" example:"CA-1"`
	Lines           []RefundedLine `json:"lines" nullable:"false" minItems:"1" maxItems:"200" doc:"Units that are not shipped; the last ones first"`
	Shipping        string         `json:"shipping,omitempty" enum:"keep,refund" default:"keep" doc:"Whether what the buyer paid for shipping goes back too"`
	Reason          string         `json:"reason,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why, in your words" example:"sold_out"`
	PaymentRefundID string         `json:"payment_refund_id,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The processor's id of the refund; one that waits in suspense is cleared" example:"re_1"`
	Cash            string         `json:"cash,omitempty" enum:"pending,available" default:"available" doc:"Which of our balances at the processor it was taken from"`

	// happened says that the money left already and waits in suspense.
	happened bool
	// from is the cash account that it left, as the processor's line says.
	from ledger.Address
}

// storedCancellation is a cancellation as it is kept: with what was found when it was planned.
type storedCancellation struct {
	*LineCancelled
	Happened bool           `json:"cleared_suspense,omitempty"`
	From     ledger.Address `json:"cleared_from,omitempty"`
}

func (d *LineCancelled) subject() string { return "order:" + d.Order }
func (d *LineCancelled) computes() bool  { return true }

func (d *LineCancelled) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/cancellation", d.Cancellation, true)
	p.id("/reason", d.Reason, false)
	p.id("/payment_refund_id", d.PaymentRefundID, false)
	p.oneOf("/shipping", d.Shipping, "keep", "refund")
	p.oneOf("/cash", d.Cash, bucketPending, bucketAvailable)
	if len(d.Lines) == 0 {
		p.bad("/lines", "count", "A cancellation names the units that are not shipped.")
	}
	prepareUnits(p, "/lines", d.Lines)
}

// refund is the cancellation as the refund of units that never left.
func (d *LineCancelled) refund() *RefundMade {
	shipped := false
	return &RefundMade{Order: d.Order, Refund: d.Cancellation, Lines: d.Lines, Shipping: d.Shipping, PaymentRefundID: d.PaymentRefundID, Cash: d.Cash,
		Shipped: &shipped, happened: d.happened, from: d.from}
}

// apply takes the units from the order. The last ones of an order that was never delivered are no part of it: with them
// the order itself is cancelled, which gives kept fees back too.
func (d *LineCancelled) apply(o *order, p *preparation) error {
	if err := o.changeable(); err != nil {
		return err
	}
	switch {
	case o.complete:
		return ErrOrderState.With("The last parcel of the order was delivered, so nothing can be cancelled any more. Record a refund or an exchange instead.")
	case o.settled():
		return ErrOrderState.With("The order's money was released, so nothing can be cancelled any more. Record a refund instead.")
	}
	if err := d.refund().apply(o, p); err != nil || p.err() != nil {
		return err
	}
	if o.goodsGone() && !o.anyDelivery {
		return ErrOrderState.With("This would cancel all that is left of the order. Record order.cancelled instead, which gives back kept fees too.")
	}
	return nil
}

// plan posts what the cancellation changes, and the money that goes back.
func (d *LineCancelled) plan(p *planner) error {
	if err := p.known(); err != nil {
		return err
	}
	o := p.order
	r := d.refund()
	if err := r.lookUp(p); err != nil {
		return err
	}
	d.happened, d.from = r.happened, r.from
	before, after, err := p.apply(d)
	if err != nil {
		return err
	}
	lines := append(o.entries(o.changes(after), nil), o.refundLines(&o.refunds[len(o.refunds)-1])...)
	data, err := json.Marshal(storedCancellation{d, d.happened, d.from})
	if err != nil {
		return err
	}
	event := "order.line_cancelled"
	if len(lines) == 0 {
		event = "order.fact_recorded"
	}
	return p.draft(draftOf{event: event, kind: p.event.Type, lines: lines, data: data, memo: "cancellation " + d.Cancellation, computed: true, before: before, after: after})
}
