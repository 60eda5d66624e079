package commerce

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// The steps of random lives.

// lifeStepTaken is a step that was tried.
type lifeStepTaken struct {
	kind     string
	data     EventData
	outcome  string
	from, to int // the transactions it recorded
	ask      Settlement
}

// text is the data as a caller sends it.
func (s *lifeStepTaken) text() string {
	text, err := json.Marshal(s.data)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// log says what happened, for a failure.
func (l *randomLife) log() string {
	var b strings.Builder
	for _, taken := range l.steps {
		fmt.Fprintln(&b, taken.kind, taken.text(), taken.outcome)
	}
	return b.String()
}

func isInvalid(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && fault.CodeOf(err) == ledger.ErrInvalid.Code
}

// step takes one random step.
func (l *randomLife) step() error {
	var err error
	if l.chance(10) {
		return l.remit()
	}
	switch n := l.IntN(100); {
	case n < 22:
		_, err = l.try(l.refund(), "refund.made")
	case n < 40:
		err = l.change()
	case n < 48:
		err = l.capture(len(l.order.captures) + 1)
	case n < 58:
		_, err = l.try(l.disputeOpened(), "dispute.opened")
	case n < 70:
		err = l.closeDispute()
	case n < 78:
		err = l.settle()
	case n < 83:
		_, err = l.try(l.bonus(), "creator.bonus")
	case n < 87:
		_, err = l.try(&DepositReleased{Order: l.dice.name, Rate: l.rate(200)}, "commission.deposit_released")
	case n < 90 && len(l.payments) > 0:
		_, err = l.try(&PaymentFailed{Order: l.dice.name, PaymentID: pick(l.dice, l.payments...), Fee: l.amount(l.units(20)), Shipped: l.chance(50)}, "payment.failed")
	case n < 92:
		_, err = l.try(&OrderCancelled{Order: l.dice.name}, "order.cancelled")
	case n < 94:
		_, err = l.try(&OrderDelivered{Order: l.dice.name, DeliveredAt: testNow, LastParcel: l.chance(50)}, "order.delivered")
	case n < 96:
		_, err = l.try(&ChargeRecorded{Kind: "return.shipping_charged", Party: l.order.seller, Order: l.dice.name, Currency: string(l.currency), Amount: l.amount(l.unit + l.units(50)), Counterparty: "dhl"}, "charge.recorded")
	case n < 98:
		_, err = l.try(&AdjustmentPosted{Adjustment: l.id("adj"), Order: l.dice.name, Kind: "creator", Payee: "c0", Direction: l.direction(),
			Currency: string(l.currency), Amount: l.amount(l.unit + l.units(50)), Reason: "x", Document: "T-1"}, "adjustment.posted")
	default:
		if n := len(l.order.refunds); n > 0 {
			_, err = l.try(&RefundFailed{Order: l.dice.name, Refund: l.order.refunds[l.IntN(n)].id}, "refund.failed")
		}
	}
	return err
}

// refund is a random refund that is often possible.
func (l *randomLife) refund() *RefundMade {
	d := &RefundMade{Order: l.dice.name, Refund: l.id("rf")}
	if l.chance(70) {
		shipped := l.chance(60)
		d.Shipped = &shipped
	}
	left := l.order.refundable()
	switch n := l.IntN(100); {
	case n < 15:
		d.Full = true
		d.Shipping = pick(l.dice, "", "", "keep")
	case n < 60:
		for i := range l.order.lots {
			x := &l.order.lots[i]
			if x.kind == lotGoods && x.quantity > x.unitsBack && l.chance(60) && !slices.ContainsFunc(d.Lines, func(r RefundedLine) bool { return r.Line == x.line }) {
				d.Lines = append(d.Lines, RefundedLine{x.line, 1 + l.IntN(x.quantity-x.unitsBack)})
			}
		}
		if len(d.Lines) == 0 {
			d.Lines = []RefundedLine{{1, 1}}
		}
		if l.chance(20) {
			d.Shipping = "refund"
		}
	default:
		d.Amount = l.amount(l.unit + min(l.units(int64(left/l.unit)), max(left-l.unit, 0)))
		d.Goodwill = l.chance(12)
	}
	if d.Amount == "" && l.chance(20) {
		d.RestockingFee = l.amount(l.units(10))
	}
	if d.Amount == "" && l.chance(10) {
		d.LabelFee = l.amount(l.units(10))
	}
	if l.chance(15) {
		d.To = "store_credit:b"
	}
	return d
}

func (l *randomLife) disputeOpened() *DisputeOpened {
	d := &DisputeOpened{Order: l.dice.name, Dispute: l.id("dp"), PaymentID: "none", Fee: l.amount(l.units(30)), Reason: pick(l.dice, "fraudulent", "not_received")}
	var won []string
	for _, x := range l.order.disputes {
		if x.state == disputeWon {
			won = append(won, x.id)
		}
	}
	if len(won) > 0 && l.chance(20) {
		d.Dispute = pick(l.dice, won...)
	}
	if len(l.payments) == 0 {
		return d
	}
	d.PaymentID = pick(l.dice, l.payments...)
	for i := range l.order.tenders {
		if t := &l.order.tenders[i]; t.paymentID == d.PaymentID {
			amount := l.order.tenderLeft(t)
			switch l.IntN(10) {
			case 0:
				amount = t.captured // a dispute of what was refunded already (M-17)
			case 1, 2, 3:
				amount = min(l.units(int64(amount/l.unit)+1), amount)
			}
			d.Amount = l.amount(amount)
		}
	}
	return d
}

func (l *randomLife) closeDispute() error {
	var open []string
	for _, x := range l.order.disputes {
		if x.state != disputeWon {
			open = append(open, x.id)
		}
	}
	if len(open) == 0 {
		return nil
	}
	d := &DisputeClosed{Dispute: pick(l.dice, open...), Outcome: pick(l.dice, "won", "lost"), FeeReturned: l.chance(20), order: l.dice.name}
	if d.Outcome == "lost" {
		d.Liable = pick(l.dice, "", "seller", "platform")
	}
	_, err := l.try(d, "dispute.closed")
	return err
}

func (l *randomLife) settle() error {
	ask := Settlement{}
	if l.chance(40) {
		rate, days := pick(l.dice, "0.10", "0.333", "1"), 30
		ask.ReserveRate, ask.ReserveDays = &rate, &days
	}
	waits := slices.ContainsFunc(l.order.payees(), func(at ledger.Address) bool { return l.order.bucketOf(at, bucketPending) != 0 })
	if len(l.order.captures) == 0 || l.order.settled() && !waits {
		return nil // the service answers with the settlement there was
	}
	d, err := l.order.settlement(testNow, ask)
	if err != nil {
		return nil
	}
	if !l.trustRate.IsZero() {
		for _, c := range l.order.earners() {
			d.Minors = append(d.Minors, minor{c, l.trustRate})
		}
	}
	_, err = l.try(d, eventSettled)
	l.steps[len(l.steps)-1].ask = ask
	return err
}

func (l *randomLife) bonus() *CreatorBonus {
	b := &CreatorBonus{Order: l.dice.name, Bonus: l.id("b"), Creator: pick(l.dice, "c0", "c9")}
	for _, f := range []string{"platform", "seller"} {
		if l.chance(60) {
			x := BonusFunder{Funder: f}
			if l.chance(50) {
				x.Rate = l.rate(50)
			} else {
				x.Amount = l.amount(l.unit + l.units(50))
			}
			b.Funders = append(b.Funders, x)
		}
	}
	if len(b.Funders) == 0 {
		b.Funders = []BonusFunder{{Funder: "seller", Amount: l.amount(l.unit)}}
	}
	return b
}

// end returns everything that is left and looks at what remains.
func (l *randomLife) end() error {
	for _, x := range l.order.disputes {
		if x.state != disputeOpen {
			continue
		}
		if _, err := l.try(&DisputeClosed{Dispute: x.id, Outcome: pick(l.dice, "won", "lost"), order: l.dice.name}, "dispute.closed"); err != nil {
			return err
		}
	}
	done, err := l.try(&RefundMade{Order: l.dice.name, Refund: l.id("rf"), Full: true}, "refund.made")
	if err != nil || !done {
		return err
	}
	return l.checkNothingLeft()
}

// sameAgain replays the stored records and compares the state.
func (l *randomLife) sameAgain() error {
	again, err := l.replayed()
	if err != nil {
		return err
	}
	if a, b := l.order.fingerprint(), again.fingerprint(); a != b {
		return fmt.Errorf("replaying the records gives another state:\n%s\nthan the events gave:\n%s", b, a)
	}
	return nil
}

// state is what the checks compare before and after a step.
type lifeState struct{ goodwill, loss, refundable, lots money.Minor }

func (o *order) moneyState() lifeState {
	return lifeState{o.goodwill, o.platformLoss, o.refundable(), o.money(false)}
}

func (d *dice) direction() string {
	if d.noDebits {
		return "credit"
	}
	return pick(d, "credit", "debit")
}
