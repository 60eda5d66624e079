package commerce

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
)

// How a refund changes an order, and what it posts.

func (d *RefundMade) subject() string { return "order:" + d.Order }

func (d *RefundMade) computes() bool { return true }

func (d *RefundMade) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/refund", d.Refund, true)
	p.id("/carrier", d.Carrier, false)
	p.id("/payment_refund_id", d.PaymentRefundID, false)
	p.oneOf("/shipping", d.Shipping, "keep", "refund")
	p.oneOf("/fault", d.Fault, "seller", "buyer", "platform", "carrier")
	p.oneOf("/cash", d.Cash, bucketPending, bucketAvailable)
	ways := 0
	for _, used := range []bool{d.Full, len(d.Lines) > 0, d.Amount != ""} {
		if used {
			ways++
		}
	}
	if ways != 1 && !(ways == 0 && d.Shipping == "refund") {
		p.bad("", "refund-extent", "A refund is one thing: full, lines with their units, or an amount.")
	}
	if d.Goodwill && d.Amount == "" {
		p.bad("/goodwill", "unexpected", "Goodwill is an amount.")
	}
	if d.Amount != "" && (d.Shipping == "refund" || moreThanZero(d.RestockingFee) || moreThanZero(d.LabelFee)) {
		p.bad("/amount", "refund-extent", "A refund of an amount never reaches shipping and keeps nothing back. Send the amount the buyer gets.")
	}
	if buyer, ok := strings.CutPrefix(d.To, "store_credit:"); ok {
		p.id("/to", buyer, true)
	} else if d.To != "" && d.To != "original" {
		p.bad("/to", "enum", "A refund goes to original or to store_credit:<buyer>.")
	}
	seen := map[int]bool{}
	for i, l := range d.Lines {
		if seen[l.Line] || l.Line < 1 || l.Quantity < 1 {
			p.bad(at("/lines", i), "line", "Each line is named once, with one unit or more.")
		}
		seen[l.Line] = true
	}
}

// moreThanZero reports whether an optional amount says more than zero; how it is written is judged with the currency.
func moreThanZero(s string) bool { return strings.Trim(s, "0.") != "" }

// amounts are the refund's own, in the order's currency.
func (d *RefundMade) amounts(p *preparation) (amount, restocking, label money.Minor) {
	if d.Amount != "" {
		amount = p.positive("/amount", d.Amount)
	}
	return amount, p.amount("/restocking_fee", d.RestockingFee), p.amount("/label_fee", d.LabelFee)
}

// apply takes back what the refund names, and remembers what it kept from the buyer and charged to the seller.
func (d *RefundMade) apply(o *order, p *preparation) error {
	if len(o.captures) == 0 {
		return ErrOrderUnknown
	}
	if slices.ContainsFunc(o.refunds, func(r refund) bool { return r.id == d.Refund }) {
		return ErrRepeated.With("The order has a refund of this id already. Give a new refund an id of its own.")
	}
	if o.cancelled {
		return errRefundTooLarge
	}
	amount, restocking, label := d.amounts(p)
	if p.err() != nil {
		return nil
	}
	if d.Goodwill {
		if amount > o.refundable() && !d.happened {
			return errRefundTooLarge
		}
		o.goodwill += amount
		return d.pay(o, amount)
	}
	paid := o.money(false)
	memories, err := o.feesBefore()
	if err != nil {
		return err
	}
	if err := d.take(o, amount, p); err != nil || p.err() != nil {
		return err
	}
	back := paid - o.money(false) - restocking - label
	if back < 0 {
		return errRefundAmount("/restocking_fee")
	}
	if restocking > 0 {
		o.extras.add(o.sellerPosition(), restocking)
	}
	if label > 0 {
		o.extras.add(carrierAccount(d.carrier()), label)
	}
	if err := o.chargeRefundFees(memories, d.shipped(o)); err != nil {
		return err
	}
	return d.pay(o, back)
}

func (d *RefundMade) carrier() string {
	if d.Carrier == "" {
		return "default"
	}
	return d.Carrier
}

// shipped reports whether the goods had left: as said, or as a delivery shows.
func (d *RefundMade) shipped(o *order) bool {
	if d.Shipped != nil {
		return *d.Shipped
	}
	return o.anyDelivery
}

// take takes back goods, shipping or an amount from the lots.
func (d *RefundMade) take(o *order, amount money.Minor, p *preparation) error {
	switch {
	case d.Full:
		for i := range o.lots {
			l := &o.lots[i]
			if l.kind == lotShipping && d.Shipping == "keep" || l.kind == lotRoundUp && d.released {
				continue
			}
			l.giveBackAll()
		}
		return nil
	case amount > 0:
		return o.takeAmount(amount, false)
	}
	for i, l := range d.Lines {
		if err := o.takeUnits(l.Line, l.Quantity); err != nil {
			if err == errNoSuchLine {
				p.bad(at("/lines", i)+"/line", "line-unknown", "The order has no such line. Check the line's number.")
				return nil
			}
			return err
		}
	}
	if d.Shipping == "refund" {
		for i := range o.lots {
			if o.lots[i].kind == lotShipping {
				o.lots[i].giveBackAll()
			}
		}
	}
	return nil
}

var errNoSuchLine = ErrOrderState.With("The order has no such line.")

// takeUnits takes units of a line from its last capture on.
func (o *order) takeUnits(line, quantity int) error {
	found := false
	for i := len(o.lots) - 1; i >= 0 && quantity > 0; i-- {
		l := &o.lots[i]
		if l.kind != lotGoods || l.line != line {
			continue
		}
		found = true
		if n := min(quantity, l.quantity-l.unitsBack); n > 0 {
			l.giveBackUnits(n, o.unit)
			quantity -= n
		}
	}
	switch {
	case !found:
		return errNoSuchLine
	case quantity > 0:
		return errRefundTooLarge
	}
	return nil
}

// takeAmount takes an amount of the buyer's money from the goods in proportion to what is left of each line. A
// dispute may reach the other lots after the goods.
func (o *order) takeAmount(amount money.Minor, beyondGoods bool) error {
	for _, goods := range []bool{true, false} {
		if amount == 0 || !goods && !beyondGoods {
			break
		}
		lefts := make([]money.Minor, len(o.lots))
		sum := money.Minor(0)
		for i := range o.lots {
			if (o.lots[i].kind == lotGoods) == goods {
				lefts[i] = o.lots[i].money(false)
				sum += lefts[i]
			}
		}
		part := min(amount, sum)
		if part == 0 {
			continue
		}
		shares, err := money.AllocateOver(part, lefts, o.unit)
		if err != nil {
			return err
		}
		for i, share := range shares {
			if share > 0 {
				if err := o.lots[i].giveBackMoney(share, o.unit); err != nil {
					return err
				}
			}
		}
		amount -= part
	}
	if amount > 0 {
		return errRefundTooLarge
	}
	return nil
}

// pay records that the money went back: by the tenders, to store credit, or, if it happened already, from suspense.
func (d *RefundMade) pay(o *order, amount money.Minor) error {
	if d.happened {
		o.takeFromTenders(amount)
		from := d.from
		if from == "" {
			from = accountSuspense
		}
		o.refunds = append(o.refunds, refund{id: d.Refund, cash: []cashLeg{{account: from, amount: amount, ref: d.PaymentRefundID}}})
		return nil
	}
	cash := d.Cash
	if cash == "" {
		cash = bucketAvailable // the processor's line is not known yet
	}
	if err := o.payBack(d.Refund, amount, cash, d.PaymentRefundID, d.Full); err != nil {
		return err
	}
	if buyer, ok := strings.CutPrefix(d.To, "store_credit:"); ok {
		r := &o.refunds[len(o.refunds)-1]
		r.cash = []cashLeg{{account: ledger.Address("liabilities:store_credit:" + buyer), amount: amount - r.fromLoss - r.fromGoodwill}}
	}
	return nil
}

// event is the name of the transaction.
func (d *RefundMade) event() string {
	switch {
	case d.Goodwill:
		return "refund.platform_goodwill"
	case strings.HasPrefix(d.To, "store_credit:"):
		return "refund.to_store_credit"
	case moreThanZero(d.RestockingFee):
		return "refund.with_restocking_fee"
	case d.Full:
		return "refund.full"
	default:
		return "refund.partial"
	}
}

// plan posts the refund, after releasing what the reserve holds too much, and before applying it to a debt.
func (d *RefundMade) plan(p *planner) error {
	if err := p.known(); err != nil {
		return err
	}
	if err := d.lookUp(p); err != nil {
		return err
	}
	if err := d.lookUpDonations(p); err != nil {
		return err
	}
	if err := d.give(p); err != nil {
		return err
	}
	return p.applyReserve()
}

// give posts the refund itself, which nothing outside its order decides.
func (d *RefundMade) give(p *planner) error {
	o := p.order
	before, after, err := p.apply(d)
	if err != nil {
		return err
	}
	r := &o.refunds[len(o.refunds)-1]
	var lines []ledger.Line
	if !d.Goodwill {
		changes := o.changes(after)
		if err := p.releaseReserve(after); err != nil {
			return err
		}
		lines = o.entries(changes, nil)
	}
	lines = append(lines, o.refundLines(r)...)
	if d.Goodwill {
		lines = append([]ledger.Line{o.credit(accountGoodwill, sumOf(lines))}, lines...)
	}
	data, err := d.stored()
	if err != nil {
		return err
	}
	event := d.event()
	if len(lines) == 0 {
		event = "order.fact_recorded"
	}
	return p.draft(draftOf{event: event, kind: p.event.Type, lines: lines, data: data, memo: "refund " + d.Refund, computed: true, before: before, after: after})
}

// storedRefund is a refund as it is kept: with what was found when it was planned.
type storedRefund struct {
	*RefundMade
	Happened bool `json:"cleared_suspense,omitempty"`
	// From is the cash account that the money left before it was told, empty for what was posted by hand.
	From     ledger.Address `json:"cleared_from,omitempty"`
	Released bool           `json:"round_up_released,omitempty"`
}

func (d *RefundMade) stored() (json.RawMessage, error) {
	return json.Marshal(storedRefund{d, d.happened, d.from, d.released})
}

// lookUpDonations finds out whether donations rounded up with the order wait still. What is missing went on.
func (d *RefundMade) lookUpDonations(p *planner) error {
	d.released = false
	if !d.Full {
		return nil // units and amounts never touch a donation
	}
	for i := range p.order.lots {
		l := &p.order.lots[i]
		if l.kind != lotRoundUp || l.empty() {
			continue
		}
		waits, err := p.waits(ledger.Address(l.owner))
		if err != nil {
			return err
		}
		d.released = d.released || waits < l.parts(false).list
	}
	return nil
}

// maxSuspense bounds how many of the newest lines of the suspense account are searched for a refund that happened.
const maxSuspense = 10_000

// lookUp finds out whether the refund waits in suspense: reconciliation found it at the processor before it was told here.
// Its cash leg is then the suspense account (W-20). What reconciliation put there is found by its reference; what was
// posted there by hand is searched for.
func (d *RefundMade) lookUp(p *planner) error {
	d.happened, d.from = false, ""
	if d.PaymentRefundID == "" {
		return nil
	}
	balance, err := p.balance(accountSuspense)
	if err != nil || balance == 0 {
		return err
	}
	held, err := p.drawer(drawerSubject(p.order.currency, d.PaymentRefundID))
	if err != nil {
		return err
	}
	var list []waiting
	if held.mayHold(d.PaymentRefundID) {
		if list, err = p.waitingUnder(d.PaymentRefundID); err != nil {
			return err
		}
	}
	for _, w := range list {
		if w.Side == SideOutflow && w.Currency == p.order.currency {
			d.happened, d.from = true, w.Cash
			return nil
		}
	}
	d.happened, err = d.searchSuspense(p)
	return err
}

// searchSuspense searches the newest lines of the suspense account for what waits under the refund's reference.
func (d *RefundMade) searchSuspense(p *planner) (bool, error) {
	q := ledger.HistoryQuery{Account: accountSuspense, Currency: p.order.currency, Descending: true, Limit: 1000}
	open := money.Minor(0)
	for searched := 0; searched < maxSuspense; searched += q.Limit {
		page, err := p.service.ledger.History(p.ctx, p.book, q)
		if errors.Is(err, ledger.ErrAccountNotOpened) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		for _, l := range page.Lines {
			if l.ExternalRef == d.PaymentRefundID {
				open += l.Amount
			}
		}
		if !page.More {
			break
		}
		last := page.Lines[len(page.Lines)-1]
		q.AfterSequence, q.AfterLine = last.Sequence, last.Line
	}
	return open > 0, nil
}
