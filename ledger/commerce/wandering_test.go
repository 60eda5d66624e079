package commerce

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Random lives: orders of random markets live through random events, planned by the same code that posts them, over books
// kept in memory. After each event the order's posted positions are the sheet's; in the end, what is left is what a rule
// keeps. A failing life is printed with its seed.

var (
	wanderSeed  = flag.Uint64("wander.seed", 0, "play one random life with this seed, and print it")
	wanderCount = flag.Int("wander.count", 3_000/underRace, "how many wandering orders are played")
)

// memory is the ledger that plans of random lives look at.
type memory struct {
	balances map[ledger.Address]money.Minor // in the account's favour
}

// wanderer is one order on its way.
type wanderer struct {
	rng      *rand.Rand
	set      *RuleSet
	currency money.Currency
	unit     money.Minor
	service  *Service
	book     ledger.Book
	memory   memory
	order    *order
	recorded []ledger.Transaction
	n        int
	log      []string
}

var wandererCurrencies = []money.Currency{"JPY", "VND", "USD", "GBP", "KWD", "IDR"}

func newWanderer(seed uint64) *wanderer {
	rng := rand.New(rand.NewPCG(seed, 7))
	c := wandererCurrencies[rng.IntN(len(wandererCurrencies))]
	g := &wanderer{rng: rng, currency: c, unit: c.PostingUnit(), memory: memory{map[ledger.Address]money.Minor{}}}
	g.set = randomRules(rng, c)
	g.book = ledger.Book{ID: 1, NewBook: ledger.NewBook{Code: "life", Currencies: []money.Currency{c}, Market: "ZZ", TimeZone: "UTC"}}
	g.service = g.newService()
	g.order = &order{book: g.book, id: "L"}
	return g
}

// newService returns a service that knows the life's rules and looks at its memory.
func (g *wanderer) newService() *Service {
	now := func() time.Time { return testNow }
	rules := &RuleSets{now: now, read: map[ledger.BookID]*bookRules{1: {at: testNow, own: []*RuleSet{g.set}, byID: map[string]*RuleSet{g.set.ID(): g.set}}}}
	return &Service{rules: rules, now: now, look: lookups{
		balance: func(_ context.Context, _ ledger.Book, a ledger.Address, _ money.Currency) (money.Minor, error) {
			return g.memory.balances[a], nil
		},
		released: func(context.Context, ledger.Book, ledger.Address, money.Currency, []gift) (money.Minor, error) {
			return 0, nil // what the balance says is enough for one order
		},
		disputed: func(context.Context, ledger.Book, string, money.Currency) (string, error) {
			return "", ErrDisputeUnknown
		},
		story: func(context.Context, ledger.Book, ledger.TransactionQuery) (ledger.TransactionPage, error) {
			return ledger.TransactionPage{}, nil
		},
	}}
}

// randomRules draws a rule set that a market could have.
func randomRules(rng *rand.Rand, c money.Currency) *RuleSet {
	unit := c.PostingUnit()
	rate := func(most int) money.Rate { return money.MustRate(fmt.Sprintf("0.%04d", rng.IntN(most))) }
	mode := func() money.Rounding {
		return []money.Rounding{money.HalfEven, money.HalfUp, money.Floor, money.Ceil}[rng.IntN(4)]
	}
	goods := []Term{{Component: GoodsList}, {SellerDiscount, true}}
	paid := append(slices.Clone(goods), Term{PlatformDiscount, true})
	all := append(slices.Clone(paid), Term{Component: Shipping}, Term{Component: GiftWrap})
	base := func() Base {
		b := Base{Components: [][]Term{goods, paid, all}[rng.IntN(3)], Tax: []string{"", "exclude", "include"}[rng.IntN(3)]}
		return b
	}
	s := &RuleSet{Set: "zz", Version: 1, Market: "ZZ", ValidFrom: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), Researched: true, Title: "random",
		Signature: &Signature{By: "Example Person", At: testNow, Document: "DOC-1"}}
	tax := func() *Tax {
		if rng.IntN(2) == 0 {
			return nil
		}
		return &Tax{Mode: []string{"inclusive", "exclusive", "reverse_charge", "out_of_scope"}[rng.IntN(4)], Rate: rate(2500), To: "liabilities:tax:vat:ZZ:on-fees", Rounding: mode(),
			ReverseChargeWhen: []string{"", "deemed_supplier"}[rng.IntN(2)]}
	}
	for i, to := range []ledger.Address{"revenue:referral_fee", "revenue:transaction_fee", "revenue:order_fee"} {
		r := Rule{ID: fmt.Sprintf("fee_%d", i), Kind: RuleFee, Title: "Fee", To: to, Base: base(), Rate: rate(1200), Rounding: mode(), Tax: tax()}
		switch rng.IntN(6) {
		case 0:
			r.Cap = Amounts{c: money.Minor(1+rng.IntN(400)) * unit}
		case 1:
			r.Min = Amounts{c: money.Minor(1+rng.IntN(40)) * unit}
		case 2:
			r.Granularity = "line"
		case 3:
			r.Rates = []CategoryRate{{Category: "a", Rate: rate(900)}, {Category: "b", Rate: rate(900)}}
		case 4:
			r.OnRefund = "keep"
		case 5:
			r.Rate, r.Flat = money.Rate{}, Amounts{c: money.Minor(rng.IntN(40)) * unit}
		}
		s.Rules = append(s.Rules, r)
	}
	s.Rules = append(s.Rules,
		Rule{ID: "affiliate", Kind: RuleCommission, Title: "Commission", Base: Base{Components: paid}, Rate: rate(2000), Rounding: mode()},
		Rule{ID: "agency", Kind: RuleAgency, Title: "Agency", MaxShare: money.MustRate("0.6"), Rounding: mode()},
		Rule{ID: "tech", Kind: RulePartner, Role: "tech", Title: "Partner", Base: Base{Components: paid}, Rate: rate(500), Rounding: mode()},
		Rule{ID: "wh_seller", Kind: RuleWithholding, Party: "seller", Title: "Tax", To: "liabilities:tax:withholding:ZZ:seller", Base: Base{Components: goods}, Rate: rate(200), Rounding: mode()},
		Rule{ID: "wh_creator", Kind: RuleWithholding, Party: "creator", Title: "Tax", To: "liabilities:tax:withholding:ZZ:creator",
			Base: Base{Of: []string{"before_agency", "after_agency"}[rng.IntN(2)]}, Rate: rate(1500), Rounding: mode()})
	if rng.IntN(2) == 0 {
		s.Rules = append(s.Rules, Rule{ID: "admin", Kind: RuleRefundFee, Title: "Refund fee", To: "revenue:refund_admin_fee", Base: Base{Of: "fee_0"}, Rate: rate(4000),
			Cap: Amounts{c: money.Minor(1+rng.IntN(100)) * unit}, Rounding: mode(), OnRefund: "charge"})
	}
	s.Policies = Policies{Settlement: SettlementPolicy{Tiers: map[string]int{"standard": 7}, Tier: "standard"},
		Dispute: DisputePolicy{PlatformReasons: []string{"unauthorised"}, NoTaxRelief: rng.IntN(3) == 0, FeeRecovery: []string{"net", "gross"}[rng.IntN(2)],
			HoldCreators: rng.IntN(3) == 0, DoublePayment: []string{"platform", "seller"}[rng.IntN(2)]},
		PaymentFailure: FailurePolicy{Liability: []string{"platform", "seller"}[rng.IntN(2)]}}
	return s
}

func (g *wanderer) text(m money.Minor) string { return m.Format(g.currency) }

// some draws an amount of up to most units.
func (g *wanderer) some(most int) money.Minor { return money.Minor(g.rng.IntN(most+1)) * g.unit }

// try plans an event, and takes it over if it is not refused. A refused event changes nothing.
func (g *wanderer) try(kind string, data EventData) error {
	g.n++
	e := &Event{Type: kind, Reference: fmt.Sprintf("r-%d", g.n), Data: data}
	ready, err := g.service.prepare(g.book, e)
	if err != nil {
		return err
	}
	p := &planner{ctx: context.Background(), service: g.service, book: g.book, event: e, hash: ready.hash, order: g.order}
	if err := data.plan(p); err != nil {
		if again := g.replayed(); again != nil {
			g.order = again
		}
		return err
	}
	g.order = p.order
	for _, d := range p.drafts {
		t := ledger.Transaction{Book: "life", Sequence: int64(len(g.recorded) + 1), Reference: e.Reference, Event: d.Event, Subject: d.Subject, LiveSession: d.LiveSession, Channel: d.Channel, Explanation: d.Explanation}
		for _, l := range d.Lines {
			t.Entries = append(t.Entries, ledger.Entry{Account: l.Account, Amount: l.Amount, Currency: l.Currency})
			g.memory.balances[l.Account] -= l.Amount
		}
		g.recorded = append(g.recorded, t)
		g.log = append(g.log, fmt.Sprintf("%s %+v", d.Event, d.Lines))
	}
	return nil
}

// replayed is the order as its records say.
func (g *wanderer) replayed() *order {
	o := &order{book: g.book, id: "L", transactions: g.recorded, last: int64(len(g.recorded))}
	if err := g.service.replay(context.Background(), o, len(g.recorded)); err != nil || o.edited != nil {
		return nil
	}
	return o
}

// capture draws a capture of the order.
func (g *wanderer) capture(number int, frozen *OrderCaptured) *OrderCaptured {
	rng := g.rng
	d := &OrderCaptured{Order: "L", Capture: number, Currency: string(g.currency), PlacedAt: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC), Seller: "s", Channel: "app"}
	kinds := []string{"sales", "vat", "gst"}
	due := money.Minor(0)
	taxes := func(net money.Minor) (ts []LineTax) {
		left := net
		for range rng.IntN(3) {
			t := LineTax{Jurisdiction: "ZZ", Kind: kinds[rng.IntN(3)], OwedBy: []string{"seller", "platform"}[rng.IntN(2)], Included: rng.IntN(2) == 0}
			amount := min(g.some(30), left/g.unit/4*g.unit)
			if t.Included {
				left -= amount
			} else {
				due += amount
			}
			t.Amount = g.text(amount)
			ts = append(ts, t)
		}
		return ts
	}
	for i := range 1 + rng.IntN(3) {
		quantity := 1 + rng.IntN(4)
		price := g.some(400)
		list := price * money.Minor(quantity)
		l := CapturedLine{Line: i + 1, SKU: "K", Category: []string{"", "a", "b", "c"}[rng.IntN(4)], Quantity: quantity, UnitPrice: g.text(price)}
		left := list
		for range rng.IntN(3) {
			amount := min(g.some(60), left)
			left -= amount
			switch rng.IntN(3) {
			case 0:
				l.Discounts = append(l.Discounts, Discount{Funder: "seller", Amount: g.text(amount)})
			case 1:
				l.Discounts = append(l.Discounts, Discount{Funder: "platform", Amount: g.text(amount)})
			default:
				l.Discounts = append(l.Discounts, Discount{Funder: "cofunded", Amount: g.text(amount), PlatformShare: fmt.Sprintf("0.%03d", rng.IntN(1000))})
			}
		}
		// A co-funded discount counts in full with the buyer.
		l.Tax = taxes(left)
		due += left
		d.Lines = append(d.Lines, l)
	}
	if due > 0 && rng.IntN(4) == 0 {
		d.OrderDiscounts = []Discount{{Funder: []string{"seller", "platform"}[rng.IntN(2)], Amount: g.text(0)}}
	}
	if rng.IntN(2) == 0 {
		amount := g.some(50)
		d.Shipping = &Extra{Amount: g.text(amount), Tax: taxes(amount)}
		due += amount
	}
	if rng.IntN(5) == 0 {
		amount := g.some(20)
		d.GiftWrap = &Extra{Amount: g.text(amount)}
		due += amount
	}
	if rng.IntN(6) == 0 {
		amount := g.some(20)
		d.Duty = &Duty{Jurisdiction: "ZZ", Amount: g.text(amount)}
		due += amount
	}
	if frozen == nil {
		for i := range rng.IntN(4) {
			c := Creator{Creator: fmt.Sprintf("c%d", i), Weight: fmt.Sprint(1 + rng.IntN(90))}
			if rng.IntN(2) == 0 {
				c.Agency = &Agency{ID: fmt.Sprintf("a%d", rng.IntN(2)), Share: fmt.Sprintf("0.%02d", rng.IntN(60)), PaidBy: []string{"", "creator", "seller", "platform"}[rng.IntN(4)]}
			}
			d.Creators = append(d.Creators, c)
		}
		if rng.IntN(2) == 0 {
			d.CommissionRate = fmt.Sprintf("0.%03d", rng.IntN(300))
		}
		if len(d.Creators) > 0 && rng.IntN(8) == 0 {
			d.CommissionDeposit = "0.3"
		}
		if rng.IntN(3) == 0 {
			d.Partners = []Partner{{Partner: "p", Role: "tech"}}
		}
	}
	if first := due / 3 / g.unit * g.unit; rng.IntN(3) == 0 && first > 0 {
		d.Payments = append(d.Payments, Payment{GiftCard: "g", Amount: g.text(first)})
		due -= first
	}
	if due > 0 {
		d.Payments = append(d.Payments, Payment{Processor: "main", PaymentID: fmt.Sprintf("pi_%d", number), Amount: g.text(due)})
	}
	return d
}

// live plays the whole life and returns the first thing that does not hold.
func (g *wanderer) live() error {
	first := g.capture(1, nil)
	if err := g.try("order.captured", first); err != nil {
		return fmt.Errorf("the capture is refused: %w", err)
	}
	if err := g.holds(); err != nil {
		return err
	}
	if g.rng.IntN(3) == 0 {
		if err := g.try("order.captured", g.capture(2, first)); err != nil {
			return fmt.Errorf("the second capture is refused: %w", err)
		}
	}
	for range g.rng.IntN(7) {
		if err := g.step(); err != nil && fault.KindOf(err) == fault.Internal {
			return err
		}
		if err := g.holds(); err != nil {
			return err
		}
	}
	return g.end()
}

// step draws an event. A refusal is an answer too.
func (g *wanderer) step() error {
	rng := g.rng
	id := fmt.Sprintf("x%d", g.n)
	shipped := rng.IntN(2) == 0
	switch rng.IntN(18) {
	case 12, 13, 14, 15, 16:
		return g.change(id)
	case 17:
		return g.exchange(id)
	case 0, 1, 2:
		l := RefundedLine{Line: 1 + rng.IntN(3), Quantity: 1 + rng.IntN(2)}
		return g.try("refund.made", &RefundMade{Order: "L", Refund: id, Lines: []RefundedLine{l}, Shipped: &shipped, Shipping: []string{"", "keep", "refund"}[rng.IntN(3)]})
	case 3, 4:
		return g.try("refund.made", &RefundMade{Order: "L", Refund: id, Amount: g.text(g.unit + g.some(120)), Shipped: &shipped, Goodwill: rng.IntN(5) == 0})
	case 5:
		return g.settle()
	case 6:
		return g.try("creator.bonus", &CreatorBonus{Order: "L", Bonus: id, Creator: "c0", Funders: []BonusFunder{{Funder: []string{"platform", "seller"}[rng.IntN(2)], Rate: "0.03"}}})
	case 7:
		return g.try("commission.deposit_released", &DepositReleased{Order: "L", Rate: fmt.Sprintf("0.%02d", rng.IntN(31))})
	case 8, 9:
		return g.dispute(id)
	case 10:
		return g.try("refund.made", &RefundMade{Order: "L", Refund: id, Lines: []RefundedLine{{Line: 1, Quantity: 1}}, RestockingFee: g.text(g.some(5)), LabelFee: g.text(g.some(3)), Shipped: &shipped,
			To: []string{"", "store_credit:b"}[rng.IntN(2)]})
	default:
		if rng.IntN(4) == 0 {
			return g.try("order.cancelled", &OrderCancelled{Order: "L"})
		}
		return g.try("charge.recorded", &ChargeRecorded{Kind: "shipping.charged", Party: "s", Order: "L", Currency: string(g.currency), Amount: g.text(g.unit + g.some(20)), Counterparty: "x"})
	}
}

// change draws one of the events that change an order.
func (g *wanderer) change(id string) error {
	rng := g.rng
	switch rng.IntN(5) {
	case 0:
		return g.try("order.line_cancelled", &LineCancelled{Order: "L", Cancellation: id, Lines: []RefundedLine{{Line: 1 + rng.IntN(3), Quantity: 1 + rng.IntN(2)}},
			Shipping: []string{"", "keep", "refund"}[rng.IntN(3)]})
	case 1:
		creators := []Creator{{Creator: fmt.Sprintf("c%d", rng.IntN(6)), Weight: fmt.Sprint(rng.IntN(9) + 1)}}
		if rng.IntN(2) == 0 {
			creators = append(creators, Creator{Creator: "m", Agency: &Agency{ID: "a1", Share: fmt.Sprintf("0.%02d", rng.IntN(60)), PaidBy: []string{"", "creator", "seller", "platform"}[rng.IntN(4)]}})
		}
		return g.try("attribution.moved", &AttributionMoved{Order: "L", Move: id, Creators: creators, Reason: "r"})
	case 2:
		return g.try("commission.tier_adjusted", &TierAdjusted{Order: "L", TierChange: id, Rate: fmt.Sprintf("0.%03d", rng.IntN(400)), Payer: []string{"seller", "platform"}[rng.IntN(2)],
			Consent: []string{"", "DOC-1"}[rng.IntN(2)]})
	case 3:
		if account := ledger.Address("liabilities:donation:pending:ngo:k"); rng.IntN(3) == 0 { // a part of it is released to the beneficiary
			g.memory.balances[account] -= g.some(int(g.memory.balances[account] / g.unit))
		}
		return nil
	default:
		return g.try("donation.from_sale", &DonationFromSale{Order: "L", Pledge: id, Creator: fmt.Sprintf("c%d", rng.IntN(4)), Beneficiary: "ngo", Campaign: "k", Rate: fmt.Sprintf("0.%03d", 1+rng.IntN(999))})
	}
}

// exchange takes units back for goods that cost more, less or nothing.
func (g *wanderer) exchange(id string) error {
	rng := g.rng
	back := []RefundedLine{{Line: 1 + rng.IntN(3), Quantity: 1}}
	d := &ExchangeCaptured{Order: "L", Exchange: id}
	before := g.order.money(false)
	if rng.IntN(3) == 0 {
		d.Returned = back
		o := g.order.clone()
		prep := &preparation{book: g.book, currency: g.currency, unit: g.unit}
		if o.takeForExchange(id, "/returned", back, prep) != nil || prep.err() != nil {
			return nil
		}
		before = o.exchange(id).money(false)
	} else {
		if err := g.try("exchange.returned", &ExchangeReturned{Order: "L", Exchange: id, Lines: back}); err != nil {
			return err
		}
		if g.order.money(false) != before {
			return fmt.Errorf("an exchange changed what the buyer has paid from %d to %d", before, g.order.money(false))
		}
		if !slices.Contains(g.order.gates(), "exchange:"+id) && g.order.exchange(id).money(false) != 0 {
			return fmt.Errorf("an open exchange does not keep the order from settling")
		}
		if err := g.holds(); err != nil || rng.IntN(4) == 0 {
			return err // it stays open
		}
		before = g.order.exchange(id).money(false)
	}
	if rng.IntN(5) > 0 {
		tax := []LineTax{{Jurisdiction: "ZZ", Kind: "vat", OwedBy: "platform", Amount: g.text(g.some(20)), Included: false}}
		d.Lines = []CapturedLine{{Line: 100 + g.n, SKU: "X", Category: []string{"", "a", "b", "c"}[rng.IntN(4)], Quantity: 1 + rng.IntN(3), UnitPrice: g.text(g.some(300)), Tax: tax}}
		prep := &preparation{book: g.book, currency: g.currency, unit: g.unit}
		due := money.Minor(0)
		for _, l := range d.terms(&order{currency: g.currency}, prep).lotsOf() {
			due += l.money(true)
		}
		if due > before {
			d.Payments = []Payment{{Processor: "main", PaymentID: "pi_" + id, Amount: g.text(due - before)}}
		}
	}
	if err := g.try("exchange.captured", d); err != nil {
		return err
	}
	if left := g.order.buckets.of(clearingAccount("L")); left != 0 && len(g.order.gates()) == 0 {
		return fmt.Errorf("the clearing account is left with %d", left)
	}
	return nil
}

// released is what the order's pledges left with their beneficiaries.
func (g *wanderer) released() (sum money.Minor) {
	for _, x := range g.order.pledges {
		sum += x.released
	}
	return sum
}

func (g *wanderer) settle() error {
	if len(g.order.gates()) > 0 || g.order.edited != nil {
		return nil
	}
	return g.try(eventSettled, &settled{Order: "L", At: testNow.UnixMicro(), ReserveRate: money.MustRate("0.10"), ReserveDays: 30, ReleaseAt: testNow.Add(30 * 24 * time.Hour).UnixMicro()})
}

// dispute opens a dispute or closes one.
func (g *wanderer) dispute(id string) error {
	rng := g.rng
	if len(g.order.disputes) > 0 && rng.IntN(4) > 0 {
		x := g.order.disputes[rng.IntN(len(g.order.disputes))]
		d := &DisputeClosed{Dispute: x.id, Outcome: []string{"won", "lost"}[rng.IntN(2)], FeeReturned: rng.IntN(4) == 0, order: "L"}
		if d.Outcome == "lost" {
			d.Liable = []string{"", "seller", "platform"}[rng.IntN(3)]
		}
		return g.try("dispute.closed", d)
	}
	return g.try("dispute.opened", &DisputeOpened{Order: "L", Dispute: id, PaymentID: "pi_1", Amount: g.text(g.unit + g.some(600)), Fee: g.text(g.some(15)), Reason: []string{"unauthorised", "other"}[rng.IntN(2)]})
}

// holds checks what must hold after every event.
func (g *wanderer) holds() error {
	s, err := g.order.compute()
	if err != nil {
		return err
	}
	for _, c := range g.order.changes(s) {
		if c.amount != 0 {
			return fmt.Errorf("%s: the sheet and what is posted differ by %d", c.account, c.amount)
		}
	}
	for _, p := range s.positions {
		if kind, _, _, ok := splitPayee(p.account); ok && kind != "seller" && p.amount < -g.released() {
			return fmt.Errorf("%s: the sheet owes %d", p.account, p.amount)
		}
	}
	for a, m := range g.memory.balances {
		if m < 0 && (strings.Contains(string(a), ":dispute_hold:") || strings.HasPrefix(string(a), "liabilities:donation:") || strings.Contains(string(a), ":reserve:") || strings.HasPrefix(string(a), "liabilities:commission_deposit:")) {
			return fmt.Errorf("%s: %d", a, m)
		}
	}
	for i := range g.order.tenders {
		if t := &g.order.tenders[i]; t.returned < 0 {
			return fmt.Errorf("a tender gave %d of %d", t.returned, t.captured)
		}
	}
	for i := range g.order.lots {
		l := &g.order.lots[i]
		p := l.parts(false)
		if p.list < 0 || p.sellerOff < 0 || p.platformOff < 0 || l.money(false) < 0 || p.list < p.sellerOff+p.platformOff {
			return fmt.Errorf("lot %d is left with %+v", i, p)
		}
		for j := range l.taxes {
			if l.taxes[j].left(false) < 0 {
				return fmt.Errorf("lot %d is left with tax of %d", i, l.taxes[j].left(false))
			}
		}
	}
	return nil
}

// end returns everything that is left and checks what remains; and the order replayed from its records is this order.
func (g *wanderer) end() error {
	for _, x := range g.order.disputes {
		if x.state == disputeOpen {
			if err := g.try("dispute.closed", &DisputeClosed{Dispute: x.id, Outcome: "won", order: "L"}); err != nil {
				return fmt.Errorf("closing a dispute: %w", err)
			}
		}
	}
	if err := g.try("refund.made", &RefundMade{Order: "L", Refund: "end", Full: true}); err == nil {
		if !g.order.goodsGone() || g.order.money(false) != 0 {
			return fmt.Errorf("a full refund leaves %d", g.order.money(false))
		}
		if err := g.onlyKept(); err != nil {
			return err
		}
	} else if fault.KindOf(err) == fault.Internal {
		return err
	}
	if err := g.holds(); err != nil {
		return err
	}
	again := g.replayed()
	if again == nil {
		return fmt.Errorf("the records do not replay")
	}
	for _, pair := range []struct {
		name string
		a, b any
	}{
		{"lots", g.order.lots, again.lots}, {"posted", sorted(g.order.posted), sorted(again.posted)}, {"buckets", sorted(g.order.buckets), sorted(again.buckets)},
		{"extras", sorted(g.order.extras), sorted(again.extras)}, {"tenders", g.order.tenders, again.tenders}, {"refunds", g.order.refunds, again.refunds},
		{"losses", [2]money.Minor{g.order.goodwill, g.order.platformLoss}, [2]money.Minor{again.goodwill, again.platformLoss}},
		{"pledges", g.order.pledges, again.pledges}, {"creators", g.order.creators, again.creators}, {"tiers", g.order.tiers, again.tiers}, {"exchanges", g.order.exchanged, again.exchanged},
	} {
		if !reflect.DeepEqual(pair.a, pair.b) {
			return fmt.Errorf("%s replayed: %+v, was %+v", pair.name, pair.b, pair.a)
		}
	}
	return nil
}

func sorted(p positions) positions {
	q := slices.DeleteFunc(slices.Clone(p), func(x position) bool { return x.amount == 0 })
	slices.SortFunc(q, func(a, b position) int { return strings.Compare(string(a.account), string(b.account)) })
	return q
}

// onlyKept checks that a full return leaves nothing but what a rule keeps, and extras.
func (g *wanderer) onlyKept() error {
	kept := positions{}
	seller := money.Minor(0)
	if !g.order.cancelled {
		for i := range g.set.Rules {
			r := &g.set.Rules[i]
			if r.Kind != RuleFee || !r.keeps() {
				continue
			}
			m := g.order.measureBase(&r.Base, true)
			amount, _, _, err := g.order.value(r, m)
			if err != nil {
				return err
			}
			tax := money.Minor(0)
			switch g.order.taxMode(r.Tax) {
			case "inclusive":
				_, tax, _ = money.SplitInclusive(amount, r.Tax.Rate, r.Tax.Rounding, g.unit)
				kept.add(r.To, amount-tax)
				seller -= amount
			case "exclusive":
				tax, _ = r.Tax.Rate.Of(amount, r.Tax.Rounding, g.unit)
				kept.add(r.To, amount)
				seller -= amount + tax
			default:
				kept.add(r.To, amount)
				seller -= amount
			}
			if tax != 0 {
				kept.add(r.Tax.To, tax)
			}
		}
	}
	kept.add(g.order.sellerPosition(), seller)
	for _, e := range g.order.extras {
		kept.add(e.account, e.amount)
	}
	for _, x := range g.order.pledges {
		kept.add(x.account, x.released)
		kept.add(payeeAccount("creator", bucketPending, x.creator), -x.released)
	}
	if want, got := sorted(kept), sorted(g.order.posted); !slices.Equal(want, got) {
		return fmt.Errorf("after a full return %+v is left, want %+v", got, want)
	}
	return nil
}

func TestWanderingOrders(t *testing.T) {
	t.Parallel()
	if *wanderSeed != 0 {
		g := newWanderer(*wanderSeed)
		err := g.live()
		t.Logf("%s %+v\n%s", g.currency, g.set.Rules, strings.Join(g.log, "\n"))
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	base := freshSeed()
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	var mu sync.Mutex
	failed, events := 0, 0
	for w := range workers {
		wg.Go(func() {
			for i := w; i < *wanderCount; i += workers {
				seed := base + uint64(i) + 1
				g := newWanderer(seed)
				err := g.live()
				mu.Lock()
				events += len(g.recorded)
				if err != nil {
					failed++
					if failed <= 5 {
						t.Errorf("-wander.seed=%d: %v", seed, err)
					}
				}
				stop := failed > 20
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	wg.Wait()
	if events < *wanderCount {
		t.Errorf("%d lives recorded only %d transactions", *wanderCount, events)
	}
	t.Logf("%d lives, %d transactions, from seed %d", *wanderCount, events, base+1)
}
