package main

// Sales of the living market, and what becomes of each: delivery, return, dispute, settlement.

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"mizan/api/client"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// settleDays are the days from delivery to the settlement in the shipped rules, with the day that is added (DD+N+1) and one
// more for the clocks of time zones.
const settleDays = 9

// trade draws a day's orders: two of three in live sessions, the others by the hours of shops.
func (b *bazaar) trade(day int) {
	r := b.dice("trade", day)
	n := 0
	for range b.plan.orders*3/4 + r.IntN(b.plan.orders/2+1) {
		n++
		if r.IntN(3) == 0 {
			hour := []int{8, 9, 12, 13, 17, 19, 20, 20, 21, 21, 22, 23}[r.IntN(12)]
			at := marketBegins.AddDate(0, 0, day).Add(time.Duration(hour)*time.Hour + time.Duration(r.IntN(3600))*time.Second)
			b.sale(day, n, at, nil)
			continue
		}
		s := &b.live[day][r.IntN(len(b.live[day]))]
		b.sale(day, n, s.from.Add(time.Duration(r.IntN(s.minutes*60))*time.Second), s)
	}
	for i := range b.live[day] {
		s := &b.live[day][i]
		if !s.viral {
			continue
		}
		for range b.plan.orders * 4 {
			n++
			b.tally.viral++
			b.sale(day, n, s.from.Add(time.Duration(r.IntN(s.minutes*60))*time.Second), s)
		}
	}
}

// drawnSale is an order while it is drawn.
type drawnSale struct {
	*rand.Rand
	id       string
	at       time.Time
	seller   seller
	session  *session
	currency money.Currency
	paid     money.Minor
	captured commerce.OrderCaptured
}

func (s *drawnSale) text(m money.Minor) string { return m.Format(s.currency) }

// draw returns an index by its weights.
func draw(r *rand.Rand, weights []int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	n := r.IntN(sum)
	for i, w := range weights {
		if n -= w; n < 0 {
			return i
		}
	}
	return 0
}

// sale draws an order and its life.
func (b *bazaar) sale(day, n int, at time.Time, live *session) {
	s := &drawnSale{Rand: b.dice("sale", day, n), id: fmt.Sprintf("%s-%02d%04d", b.prefix, day+1, n), at: at, session: live}
	s.currency = b.home.currencies[draw(s.Rand, b.home.weights)]
	s.seller = b.people.sellers[s.IntN(marketSellers)]
	if live != nil {
		s.seller = b.people.sellers[live.seller]
	}
	b.basket(s)
	if live != nil {
		s.show()
	}
	payment := "pi_" + s.id
	s.captured.Payments = []commerce.Payment{{Processor: b.home.processor, PaymentID: payment, Amount: s.text(s.paid)}}
	if !b.say(at, s.seller.id, "order.captured", "captured:"+s.id, &s.captured) {
		return
	}
	b.orders = append(b.orders, s.id)
	b.tally.orders++
	b.tally.paid[s.currency] += s.paid
	fee := s.paid*15/1000 + 20
	b.say(at.Add(time.Second), s.seller.id, "processor.fee_recorded", "fee:"+s.id,
		&commerce.FeeRecorded{Processor: b.home.processor, PaymentID: payment, Amount: s.text(fee), Currency: string(s.currency)})
	b.pending[day][s.currency] += s.paid - fee
	b.life(s, payment)
}

// basket fills the order's lines, discounts and taxes, and sums what the buyer pays.
func (b *bazaar) basket(s *drawnSale) {
	d := &s.captured
	d.Order, d.Currency, d.PlacedAt, d.Seller, d.Channel = s.id, string(s.currency), s.at.Add(-time.Duration(5+s.IntN(200))*time.Second), s.seller.id, []string{"app", "app", "web"}[s.IntN(3)]
	d.Lines = nil
	for i := range 1 + draw(s.Rand, []int{70, 22, 8}) {
		price := max(s.seller.price*money.Minor(60+s.IntN(80))/100, 99)
		quantity := 1 + draw(s.Rand, []int{80, 15, 5})
		net := price * money.Minor(quantity)
		b.tally.gross[s.currency] += net
		line := commerce.CapturedLine{Line: i + 1, SKU: fmt.Sprintf("SKU-%s-%d", s.seller.id, s.IntN(12)), Category: []string{"fashion", "beauty", "home", "toys"}[s.IntN(4)], Quantity: quantity, UnitPrice: s.text(price)}
		if off := net * money.Minor(5+s.IntN(16)) / 100; s.IntN(4) == 0 && off > 0 {
			line.Discounts = []commerce.Discount{{Funder: "seller", Amount: s.text(off)}}
			net -= off
		}
		if off := net * 8 / 100; s.IntN(6) == 0 && off > 0 { // a voucher of the platform's, or one that both pay
			voucher := commerce.Discount{Funder: "platform", Amount: s.text(off)}
			if s.IntN(3) == 0 {
				voucher.Funder, voucher.PlatformShare = "cofunded", "0.5"
			}
			line.Discounts = append(line.Discounts, voucher)
			net -= off
		}
		line.Tax = b.taxOf(s, net)
		for _, tax := range line.Tax {
			if !tax.Included {
				s.paid += net * 825 / 10_000
			}
		}
		s.paid += net
		d.Lines = append(d.Lines, line)
	}
	if s.IntN(3) > 0 {
		d.Shipping = &commerce.Extra{Amount: s.text(299)}
		s.paid += 299
	}
}

// taxOf is the tax of a line: on top in America, inside the price in Britain, none on what is sold abroad.
func (b *bazaar) taxOf(s *drawnSale, net money.Minor) []commerce.LineTax {
	tax, kind, payer := net/6, "vat", "seller"
	if b.home.taxOnTop {
		tax, kind, payer = net*825/10_000, "sales", "platform"
	} else if s.seller.abroad {
		payer = "platform"
	}
	if s.currency != b.home.currencies[0] || tax == 0 {
		return nil
	}
	return []commerce.LineTax{{Jurisdiction: b.home.jurisdiction, Kind: kind, OwedBy: payer, Amount: s.text(tax), Included: !b.home.taxOnTop}}
}

// show credits the live session's people with the sale.
func (s *drawnSale) show() {
	d := &s.captured
	d.LiveSession, d.Channel = s.session.id, "app"
	credit := func(h host, weight string) {
		c := commerce.Creator{Creator: h.id, Weight: weight}
		if h.agency != "" {
			c.Agency = &commerce.Agency{ID: h.agency, Share: h.share, PaidBy: "creator"}
		}
		d.Creators = append(d.Creators, c)
	}
	if s.session.guest == nil {
		credit(s.session.host, "1")
	} else {
		credit(s.session.host, "3")
		credit(*s.session.guest, "1")
	}
	if s.IntN(20) == 0 {
		d.CommissionDeposit = "0.20"
	} else {
		d.CommissionRate = []string{"0.10", "0.12", "0.15"}[s.IntN(3)]
	}
	if s.session.viral || s.IntN(4) == 0 {
		d.Partners = []commerce.Partner{{Partner: "livetech", Role: "live_tech"}}
	}
}

// fates are what becomes of an order.
const (
	fatePlain = iota
	fateCancelled
	fateReturned
	fateGoodwill
	fateLate // a return after the settlement
	fateDisputed
)

// life draws what becomes of a sale.
func (b *bazaar) life(s *drawnSale, payment string) {
	lane := s.seller.id
	fate := draw(s.Rand, []int{860, 30, 75, 10, 10, 15})
	if b.abroad[lane+string(s.currency)] -= 1_000_000; fate == fatePlain {
		b.abroad[lane+string(s.currency)] += 1_000_000
	}
	if fate == fateCancelled {
		if b.say(s.at.Add(time.Duration(1+s.IntN(20))*time.Hour), lane, "order.cancelled", "cancelled:"+s.id, &commerce.OrderCancelled{Order: s.id, Reason: "buyer"}) {
			b.tally.cancelled++
		}
		return
	}
	b.extras(s)
	delivered := s.at.Add(time.Duration(20+s.IntN(96)) * time.Hour)
	b.say(delivered, lane, "order.delivered", "delivered:"+s.id, &commerce.OrderDelivered{Order: s.id, DeliveredAt: delivered, Parcel: 1, LastParcel: true})
	due := delivered.AddDate(0, 0, settleDays)
	switch fate {
	case fateReturned:
		b.sendBack(s, delivered.Add(30*time.Hour), s.IntN(2) == 0)
	case fateLate:
		b.sendBack(s, due.Add(30*time.Hour), false)
	case fateGoodwill:
		b.say(delivered.Add(9*time.Hour), lane, "refund.made", "goodwill:"+s.id, &commerce.RefundMade{Order: s.id, Refund: "GW-" + s.id, Amount: s.text(min(300, s.paid)), Goodwill: true, PaymentRefundID: "re_gw_" + s.id})
	case fateDisputed:
		due = b.dispute(s, payment, delivered, due)
	}
	var reserve *client.Reserve
	if s.seller.risky {
		days := 20
		reserve = &client.Reserve{Rate: "0.10", Days: &days}
	}
	if b.settle(due, lane, s.id, reserve) && fate == fatePlain {
		b.abroad[lane+string(s.currency)]++
	}
}

// extras are what some sales have beside: a bonus, the end of a deposit, a label.
func (b *bazaar) extras(s *drawnSale) {
	lane := s.seller.id
	if s.session != nil && s.IntN(40) == 0 {
		b.say(s.at.Add(2*time.Hour), lane, "creator.bonus", "bonus:"+s.id, &commerce.CreatorBonus{Order: s.id, Bonus: "B-" + s.id, Creator: s.session.host.id, Funders: []commerce.BonusFunder{{Funder: "platform", Amount: s.text(100)}}})
	}
	if s.captured.CommissionDeposit != "" {
		b.say(s.at.Add(5*24*time.Hour), lane, "commission.deposit_released", "deposit:"+s.id, &commerce.DepositReleased{Order: s.id, Rate: []string{"0.12", "0.15", "0.20"}[s.IntN(3)]})
	}
	if s.IntN(3) == 0 {
		label := &commerce.ChargeRecorded{Kind: "shipping.charged", Party: lane, Order: s.id, Currency: string(s.currency), Amount: s.text(money.Minor(220 + s.IntN(180))), Counterparty: b.home.carrier}
		if s.IntN(3) == 0 {
			label.Subsidy = s.text(100)
		}
		if b.say(s.at.Add(3*time.Hour), lane, "charge.recorded", "label:"+s.id, label) {
			b.tally.charges++
		}
	}
}

// sendBack returns everything or a unit of the first line, through an after-sales case if the buyer opened one.
func (b *bazaar) sendBack(s *drawnSale, at time.Time, full bool) {
	lane, id := s.seller.id, "RMA-"+s.id
	shipped := true
	refund := &commerce.RefundMade{Order: s.id, Refund: "RF-" + s.id, Full: full, PaymentRefundID: "re_" + s.id, Shipped: &shipped, Fault: []string{"seller", "buyer"}[s.IntN(2)]}
	if !full {
		refund.Lines = []commerce.RefundedLine{{Line: 1, Quantity: 1}}
	}
	opened := b.say(at, lane, "after_sales.opened", "case:"+s.id, &commerce.AfterSalesOpened{Order: s.id, Case: id, Reason: []string{"damaged", "size", "changed_mind"}[s.IntN(3)]})
	if b.say(at.Add(20*time.Hour), lane, "refund.made", "refund:"+s.id, refund) {
		b.tally.returns++
	}
	if opened {
		b.say(at.Add(30*time.Hour), lane, "after_sales.closed", "case_closed:"+s.id, &commerce.AfterSalesClosed{Order: s.id, Case: id, Outcome: "refunded"})
	}
	if s.seller.stored && b.say(at.Add(31*time.Hour), lane, "charge.recorded", "restocked:"+s.id, &commerce.ChargeRecorded{Kind: "warehouse.return_processed", Party: lane, Currency: string(b.home.currencies[0]), Amount: "1.80", Document: "RET-" + strconv.Itoa(b.tally.returns)}) {
		b.tally.charges++
	}
}

// dispute opens a dispute and ends it, and says when the order can settle.
func (b *bazaar) dispute(s *drawnSale, payment string, delivered, due time.Time) time.Time {
	lane, id := s.seller.id, "dp_"+s.id
	opened := delivered.Add(time.Duration(24+s.IntN(200)) * time.Hour)
	closed := opened.Add(time.Duration(100+s.IntN(100)) * time.Hour)
	if !b.say(opened, lane, "dispute.opened", "dispute:"+s.id, &commerce.DisputeOpened{Order: s.id, Dispute: id, PaymentID: payment, Amount: s.text(s.paid), Fee: s.text(1500), Reason: []string{"not_received", "unauthorised", "not_as_described"}[s.IntN(3)]}) {
		return due
	}
	b.tally.disputes++
	b.tally.disputed[s.currency] += s.paid
	outcome := []string{"won", "lost"}[s.IntN(2)]
	if b.say(closed, lane, "dispute.closed", "dispute_closed:"+s.id, &commerce.DisputeClosed{Dispute: id, Outcome: outcome, FeeReturned: outcome == "won"}) {
		b.tally.disputed[s.currency] -= s.paid
		if outcome == "won" {
			b.tally.won++
		}
	}
	if due.After(opened) {
		return closed.Add(24*time.Hour + due.Sub(opened))
	}
	return due
}
