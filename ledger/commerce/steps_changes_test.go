package commerce

import (
	"strconv"

	"mizan/ledger/money"
)

// The steps of random lives that change an order.

// change draws one of the events that change an order.
func (l *randomLife) change() error {
	var err error
	switch l.IntN(6) {
	case 0:
		d := &LineCancelled{Order: l.dice.name, Cancellation: l.id("ca"), Lines: l.someUnits(), Shipping: pick(l.dice, "", "keep", "refund"), Cash: pick(l.dice, "", "pending")}
		_, err = l.try(d, "order.line_cancelled")
	case 1:
		_, err = l.try(l.move(), "attribution.moved")
	case 2:
		d := &TierAdjusted{Order: l.dice.name, TierChange: l.id("tc"), Rate: l.rate(300), Payer: pick(l.dice, "seller", "platform")}
		if !l.noDebits { // a cut is a decision, which the book may refuse for want of money
			d.Consent = pick(l.dice, "", "DOC-1")
		}
		_, err = l.try(d, "commission.tier_adjusted")
	case 3:
		d := &DonationFromSale{Order: l.dice.name, Pledge: l.id("pl"), Creator: pick(l.dice, "c0", "c1", "c2"), Beneficiary: "ngo", Campaign: l.dice.name, Rate: l.rate(600)}
		if !l.noDebits || !l.order.settled() {
			_, err = l.try(d, "donation.from_sale")
		}
	default:
		err = l.exchange()
	}
	return err
}

// someUnits names a few units that the order may still have.
func (l *randomLife) someUnits() (lines []RefundedLine) {
	for i := range l.order.lots {
		if x := &l.order.lots[i]; x.kind == lotGoods && x.quantity > x.unitsBack && len(lines) == 0 && l.chance(60) {
			lines = []RefundedLine{{x.line, 1 + l.IntN(x.quantity-x.unitsBack)}}
		}
	}
	if lines == nil {
		lines = []RefundedLine{{1, 1}}
	}
	return lines
}

// move gives the commission to other creators.
func (l *randomLife) move() *AttributionMoved {
	d := &AttributionMoved{Order: l.dice.name, Move: l.id("mv"), Reason: "x"}
	for i := range 1 + l.IntN(2) {
		c := Creator{Creator: pick(l.dice, "c0", "c1", "c5") + strconv.Itoa(i), Weight: pick(l.dice, "", "3", "0.7")}
		if l.chance(40) {
			c.Agency = &Agency{ID: pick(l.dice, "a0", "a7"), Share: l.rate(500), PaidBy: pick(l.dice, "", "seller", "platform")}
		}
		if l.chance(50) {
			c.Creator = "c" + strconv.Itoa(i)
		}
		d.Creators = append(d.Creators, c)
	}
	return d
}

// exchange takes goods back for others, or goes on with an exchange that is open.
func (l *randomLife) exchange() error {
	id, held := "", money.Minor(0)
	for i := range l.order.lots {
		if x := &l.order.lots[i]; x.kind == lotExchange && !x.empty() {
			id, held = x.sku, x.money(false)
		}
	}
	if id == "" {
		id = l.id("ex")
		done, err := l.try(&ExchangeReturned{Order: l.dice.name, Exchange: id, Lines: l.someUnits()}, "exchange.returned")
		if err != nil || !done || l.chance(30) {
			return err
		}
		held = l.order.exchange(id).money(false)
	}
	d := &ExchangeCaptured{Order: l.dice.name, Exchange: id, Cash: pick(l.dice, "", "pending")}
	if l.chance(80) {
		line := CapturedLine{Line: 1000 + len(l.steps), SKU: "X", Category: pick(l.dice, lifeCategories...), Quantity: 1 + l.IntN(3), UnitPrice: l.amount(l.units(int64(held/l.unit) + 20))}
		line.Tax = l.taxes(l.unit)
		d.Lines = []CapturedLine{line}
	}
	due := -held
	for _, x := range d.terms(&order{currency: l.currency}, &preparation{book: l.book, currency: l.currency, unit: l.unit}).lotsOf() {
		due += x.money(true)
	}
	if due > 0 {
		d.Payments = []Payment{{Processor: "main", PaymentID: l.id("pi"), Amount: l.amount(due)}}
	}
	done, err := l.try(d, "exchange.captured")
	if done && due > 0 {
		l.payments = append(l.payments, d.Payments[0].PaymentID)
	}
	return err
}
