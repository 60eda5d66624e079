package commerce

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// The dice of the random lives: rule sets, captures and what follows them. A life is a function of its seed, so a failing
// one is played again with -life.seed.

var (
	lifeSeed  = flag.Uint64("life.seed", 0, "play only the random life of this seed")
	lifeCount = flag.Int("life.count", 8_000/underRace, "how many random lives to play")
	lifeFresh = flag.Bool("life.fresh", false, "draw new seeds; without it every run plays the same lives")
)

// freshSeed is where the seeds of a test begin: the same in every run, so that a run says something about the change under
// test, and new ones where lives are looked for that nobody has seen (make torture).
func freshSeed() uint64 {
	if *lifeFresh {
		return rand.Uint64()>>16 + 1
	}
	return 20_261_121
}

// lifeCurrencies have zero, two and three decimals; IDR posts whole rupiah, which are 100 of its minor units.
var lifeCurrencies = []money.Currency{"USD", "JPY", "KWD", "IDR", "VND", "GBP"}

type dice struct {
	*rand.Rand
	currency money.Currency
	unit     money.Minor
	serial   int
	// name is the order's id, and part of every id of the life.
	name string
	// noDebits leaves out decisions against a payee, which a book may refuse for want of money.
	noDebits bool
}

func newDice(seed uint64) *dice {
	d := &dice{name: "life", Rand: rand.New(rand.NewPCG(seed, 0x6d697a616e))}
	d.currency = lifeCurrencies[d.IntN(len(lifeCurrencies))]
	d.unit = d.currency.PostingUnit()
	return d
}

func (d *dice) chance(percent int) bool { return d.IntN(100) < percent }

func pick[T any](d *dice, list ...T) T { return list[d.IntN(len(list))] }

// id is a new id with a prefix.
func (d *dice) id(prefix string) string {
	d.serial++
	return prefix + strconv.Itoa(d.serial) + "-" + d.name
}

// units is a random amount of up to most posting units; small ones are as likely as large ones.
func (d *dice) units(most int64) money.Minor {
	if d.chance(50) {
		most = min(most, pick(d, int64(3), 20, 500))
	}
	return money.Minor(d.Int64N(most+1)) * d.unit
}

func (d *dice) amount(m money.Minor) string { return m.Format(d.currency) }

// rate is a random rate of up to most thousandths, sometimes with many decimals.
func (d *dice) rate(most int) string {
	switch d.IntN(4) {
	case 0:
		return "0.0" + strconv.Itoa(d.IntN(10))
	case 1:
		return fmt.Sprintf("0.%03d%06d", d.IntN(most), d.IntN(1_000_000))
	default:
		return fmt.Sprintf("0.%03d", d.IntN(most))
	}
}

func (d *dice) rounding() money.Rounding {
	r, err := money.ParseRounding(pick(d, "half_even", "half_even", "half_up", "floor", "ceil"))
	if err != nil {
		panic(err)
	}
	return r
}

func (d *dice) base(withShipping bool) Base {
	b := Base{Components: []Term{{Component: GoodsList}}}
	add := func(c Component, negative bool) {
		if d.chance(50) {
			b.Components = append(b.Components, Term{c, negative})
		}
	}
	add(SellerDiscount, true)
	add(PlatformDiscount, true)
	if withShipping {
		add(Shipping, false)
		add(GiftWrap, false)
	}
	switch d.IntN(4) {
	case 0:
		b.Tax = "include"
	case 1:
		b.Components = append(b.Components, Term{TaxIncluded, true})
	case 2:
		b.Components = append(b.Components, Term{TaxAdded, false})
	}
	return b
}

func (d *dice) bounds(r *Rule) {
	if d.chance(25) {
		r.Min = Amounts{d.currency: d.unit + d.units(100)}
	}
	if d.chance(25) {
		r.Cap = Amounts{d.currency: r.Min[d.currency] + d.unit + d.units(5_000)}
	}
}

var lifeCategories = []string{"fashion", "food", "books", ""}

func (d *dice) fee(i int) Rule {
	r := Rule{ID: fmt.Sprintf("fee_%d", i), Kind: RuleFee, Title: "Fee", To: pick[ledger.Address](d, "revenue:referral_fee", "revenue:transaction_fee", "revenue:order_fee"),
		Base: d.base(true), Rounding: d.rounding(), Granularity: pick(d, "", "order", "line"), Source: "A"}
	switch d.IntN(5) {
	case 0:
		r.Flat, r.Base = Amounts{d.currency: d.unit + d.units(300)}, Base{}
		r.OnRefund = pick(d, "", "keep", "recompute")
	case 1:
		r.Flat = Amounts{d.currency: d.unit + d.units(300)}
		fallthrough
	default:
		r.Rate = money.MustRate(d.rate(120))
		r.OnRefund = pick(d, "", "recompute", "recompute", "keep")
		d.bounds(&r)
	}
	if len(r.Base.Components) > 0 && d.chance(35) {
		for _, c := range []string{"fashion", "food"} {
			r.Rates = append(r.Rates, CategoryRate{Category: c, Rate: money.MustRate(d.rate(150))})
		}
		r.Rates = append(r.Rates, CategoryRate{Set: "big", Category: "books", Rate: money.MustRate(d.rate(150))})
	}
	if d.chance(60) {
		t := &Tax{Mode: pick(d, "inclusive", "exclusive", "reverse_charge", "out_of_scope"), Rounding: d.rounding()}
		if t.Mode == "inclusive" || t.Mode == "exclusive" {
			t.Rate, t.To = money.MustRate("0."+strconv.Itoa(1+d.IntN(30))), "liabilities:tax:vat:UK:on-fees"
			t.ReverseChargeWhen = pick(d, "", "deemed_supplier")
		}
		r.Tax = t
	}
	return r
}

// rules is a random set that passes Check.
func (d *dice) rules() *RuleSet {
	s := &RuleSet{Set: "life", Version: 1, Market: "US", ValidFrom: time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC), Title: "Random", Researched: true,
		Signature: &Signature{By: "Example Person", At: testNow, Document: "DOC-1"},
		Sources:   []Source{{ID: "A", Trust: "A", Text: "dice"}}}
	for i := range d.IntN(4) {
		s.Rules = append(s.Rules, d.fee(i))
	}
	com := Rule{ID: "affiliate", Kind: RuleCommission, Title: "Commission", Base: d.base(false), Rate: money.MustRate(d.rate(200)), Rounding: d.rounding(),
		Granularity: pick(d, "", "line"), Source: "A"}
	if d.chance(20) {
		com.Rates = []CategoryRate{{Category: "food", Rate: money.MustRate(d.rate(150))}}
	}
	if d.chance(15) {
		d.bounds(&com)
	}
	s.Rules = append(s.Rules, com)
	if d.chance(70) {
		s.Rules = append(s.Rules, Rule{ID: "agency", Kind: RuleAgency, Title: "Agency", Rounding: d.rounding(), Source: "A"})
	}
	if d.chance(50) {
		s.Rules = append(s.Rules, Rule{ID: "live_tech", Kind: RulePartner, Role: "live_tech", Title: "Live technology", Base: d.base(false), Rate: money.MustRate(d.rate(50)), Rounding: d.rounding(), Source: "A"})
	}
	for i := range d.IntN(3) {
		r := Rule{ID: fmt.Sprintf("withheld_%d", i), Kind: RuleWithholding, Title: "Withheld", Party: pick(d, "seller", "creator", "creator"),
			To: ledger.Address("liabilities:tax:withholding:US:w" + strconv.Itoa(i)), Rate: money.MustRate(d.rate(150)), Rounding: d.rounding(), Source: "A"}
		if r.Party == "seller" {
			r.Base = d.base(false)
			r.OnRefund = pick(d, "", "", "keep")
		} else {
			r.Base.Of = pick(d, "before_agency", "after_agency")
		}
		if d.chance(15) {
			d.bounds(&r)
			if r.Party == "creator" {
				r.Min = nil
			}
		}
		s.Rules = append(s.Rules, r)
	}
	for i, f := range s.Rules {
		if f.Kind == RuleFee && d.chance(30) {
			r := Rule{ID: fmt.Sprintf("admin_%d", i), Kind: RuleRefundFee, Title: "Administration", To: "revenue:refund_admin_fee", Base: Base{Of: f.ID},
				Rate: money.MustRate("0.2"), OnRefund: "charge", Rounding: d.rounding(), Source: "A"}
			d.bounds(&r)
			r.Min = nil
			s.Rules = append(s.Rules, r)
		}
	}
	for i := range s.Rules {
		if r := &s.Rules[i]; r.Kind != RuleAgency && r.Rate.IsZero() && len(r.Rates) == 0 && len(r.Flat) == 0 {
			r.Rate = money.MustRate("0.01")
		}
	}
	s.Policies = Policies{
		Settlement: SettlementPolicy{Tiers: map[string]int{"standard": 7}, Tier: "standard"},
		Dispute: DisputePolicy{PlatformReasons: []string{"fraudulent"}, NoTaxRelief: d.chance(40), FeeRecovery: pick(d, "net", "gross"),
			HoldCreators: d.chance(50), DoublePayment: pick(d, "platform", "seller")},
		PaymentFailure: FailurePolicy{Liability: pick(d, "platform", "seller")},
	}
	if d.chance(30) {
		s.Policies.Settlement.ReserveRate, s.Policies.Settlement.ReserveDays = money.MustRate(pick(d, "0.1", "0.05", "0.333")), 30
	}
	return s
}

func (d *dice) taxes(net money.Minor) (taxes []LineTax) {
	for range d.IntN(3) {
		included := d.chance(40)
		amount := d.units(int64(net/d.unit)/4 + 3)
		if included {
			amount = min(amount, net)
			net -= amount
		}
		taxes = append(taxes, LineTax{Jurisdiction: pick(d, "UK", "US-TX"), Kind: pick(d, "sales", "vat", "gst"), OwedBy: pick(d, "seller", "platform"), Amount: d.amount(amount), Included: included})
	}
	return taxes
}

func (d *dice) discounts(list money.Minor) (all []Discount, left money.Minor) {
	for range d.IntN(3) {
		amount := min(d.units(int64(list/d.unit)/3+1), list)
		list -= amount
		x := Discount{Funder: pick(d, "seller", "platform", "cofunded"), Amount: d.amount(amount)}
		if x.Funder == "cofunded" {
			x.PlatformShare = pick(d, "0.4", "0.333333", "1", "0")
		}
		all = append(all, x)
	}
	return all, list
}

// capture is a random capture of the order; later ones repeat the first's terms.
func (d *dice) capture(number int, first *OrderCaptured) *OrderCaptured {
	c := &OrderCaptured{Order: d.name, Capture: number, Currency: string(d.currency), PlacedAt: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC), Seller: "s-" + d.name}
	if d.chance(50) {
		c.CategorySet = "big"
	}
	most := pick(d, int64(40), 3_000, 1_000_000)
	for i := range 1 + d.IntN(3) {
		quantity := 1 + d.IntN(4)
		price := d.units(most)
		l := CapturedLine{Line: i + 1, SKU: fmt.Sprintf("K%d", i), Category: pick(d, lifeCategories...), Quantity: quantity, UnitPrice: d.amount(price)}
		if first != nil && i < len(first.Lines) {
			l.Category = first.Lines[i].Category
		}
		var left money.Minor
		l.Discounts, left = d.discounts(price * money.Minor(quantity))
		l.Tax = d.taxes(left)
		c.Lines = append(c.Lines, l)
	}
	if d.chance(30) { // an order discount must fit what the lines cost, tax inside included
		c.OrderDiscounts = []Discount{{Funder: pick(d, "seller", "platform", "cofunded"), Amount: d.amount(d.units(20)), PlatformShare: ""}}
		if c.OrderDiscounts[0].Funder == "cofunded" {
			c.OrderDiscounts[0].PlatformShare = "0.5"
		}
		for i := range c.Lines {
			c.Lines[i].Tax = nil
		}
	}
	if d.chance(60) {
		a := d.units(500)
		c.Shipping = &Extra{Amount: d.amount(a), Tax: d.taxes(a)}
	}
	if d.chance(20) {
		a := d.units(300)
		c.GiftWrap = &Extra{Amount: d.amount(a), Tax: d.taxes(a)}
	}
	if d.chance(10) {
		c.Duty = &Duty{Jurisdiction: "UK", Amount: d.amount(d.units(300))}
	}
	if d.chance(10) {
		c.DonationRoundUp = &RoundUp{Beneficiary: "ngo", Campaign: "winter", Amount: d.amount(d.units(90))}
	}
	if first != nil {
		c.Seller, c.CategorySet, c.PlacedAt = first.Seller, first.CategorySet, first.PlacedAt
		return c
	}
	d.shares(c)
	return c
}

func (d *dice) shares(c *OrderCaptured) {
	for i := range d.IntN(4) {
		cr := Creator{Creator: fmt.Sprintf("c%d", i), Weight: pick(d, "", "1", "0.62", "0.29", "45", "3.3333", "0")}
		if i == 0 && cr.Weight == "0" {
			cr.Weight = "1"
		}
		if d.chance(50) {
			cr.Agency = &Agency{ID: pick(d, "a0", "a1"), Share: d.rate(500), PaidBy: pick(d, "", "creator", "seller", "platform")}
		}
		c.Creators = append(c.Creators, cr)
	}
	if d.chance(50) {
		c.CommissionRate = d.rate(200)
	}
	if len(c.Creators) > 0 && d.chance(20) {
		c.CommissionDeposit = d.rate(200)
	}
	if d.chance(30) {
		c.Partners = append(c.Partners, Partner{Partner: "p0", Role: "publisher", Rate: d.rate(40)})
	}
}

// pay completes a capture with tenders that come to what it costs.
func (d *dice) pay(c *OrderCaptured, book ledger.Book) {
	c.Payments = nil
	p := &preparation{book: book}
	c.prepare(p)
	due := money.Minor(0)
	for _, l := range c.terms.lotsOf() {
		due += l.money(true)
	}
	for due > 0 {
		part := due
		if len(c.Payments) < 2 && d.chance(35) {
			part = min(due, d.units(int64(due/d.unit)))
		}
		due -= part
		y := Payment{Amount: d.amount(part)}
		switch {
		case len(c.Payments) > 0 && d.chance(20):
			y.GiftCard = "g"
		case len(c.Payments) > 0 && d.chance(10):
			y.StoreCredit = "b"
		default:
			y.Processor, y.PaymentID = pick(d, "main", "other"), d.id("pi")
			if d.chance(25) {
				y.Processor, y.PaymentID = "main", "pi-"+d.name // one payment, captured again and again
			}
		}
		if part > 0 {
			c.Payments = append(c.Payments, y)
		}
	}
}
