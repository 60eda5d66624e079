//go:build !race

package commerce

import (
	"fmt"
	"math/big"
	"slices"
	"testing"

	"mizan/ledger"
	"mizan/ledger/money"
)

// The calculation sheet once more, slowly and in exact fractions, written from the specification: from a capture as it was
// sent to what each account gets. It shares no arithmetic with the engine.

// fractions are amounts in minor units by account.
type fractions map[ledger.Address]*big.Rat

func (f fractions) add(a ledger.Address, r *big.Rat) {
	if f[a] == nil {
		f[a] = new(big.Rat)
	}
	f[a].Add(f[a], r)
}

func exactOf(t testing.TB, s string) *big.Rat {
	t.Helper()
	if s == "" {
		s = "0"
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("%q is no number", s)
	}
	return r
}

// roundTo rounds to a multiple of unit.
func roundTo(r *big.Rat, mode money.Rounding, unit int64) *big.Rat {
	u := big.NewRat(unit, 1)
	q := new(big.Rat).Quo(r, u)
	floor := new(big.Int).Div(q.Num(), q.Denom()) // Euclidean: rounds down for a positive denominator
	rest := new(big.Rat).Sub(q, new(big.Rat).SetInt(floor))
	up := false
	switch half := rest.Cmp(big.NewRat(1, 2)); mode {
	case money.HalfEven:
		up = half > 0 || half == 0 && floor.Bit(0) == 1
	case money.HalfUp:
		up = half >= 0
	case money.Ceil:
		up = rest.Sign() > 0
	}
	if up {
		floor.Add(floor, big.NewInt(1))
	}
	return new(big.Rat).Mul(new(big.Rat).SetInt(floor), u)
}

// shareOut splits by largest remainder, by looking for the largest fraction again and again.
func shareOut(total *big.Rat, weights []*big.Rat, unit int64) []*big.Rat {
	sum := new(big.Rat)
	for _, w := range weights {
		sum.Add(sum, w)
	}
	shares, fractions := make([]*big.Rat, len(weights)), make([]*big.Rat, len(weights))
	missing := new(big.Rat).Set(total)
	for i, w := range weights {
		exact := new(big.Rat).Quo(new(big.Rat).Mul(total, w), sum)
		shares[i] = roundTo(exact, money.Floor, unit)
		fractions[i] = new(big.Rat).Sub(exact, shares[i])
		missing.Sub(missing, shares[i])
	}
	for missing.Sign() > 0 {
		best := -1
		for i := range fractions {
			if fractions[i].Sign() > 0 && (best < 0 || fractions[i].Cmp(fractions[best]) > 0) {
				best = i
			}
		}
		shares[best].Add(shares[best], big.NewRat(unit, 1))
		fractions[best].SetInt64(0)
		missing.Sub(missing, big.NewRat(unit, 1))
	}
	return shares
}

// slowLine is a line's components in minor units.
type slowLine struct {
	category               string
	list, seller, platform *big.Rat
	included, added        *big.Rat
	owed                   fractions
	goods, shipping, wrap  bool
	duty                   *big.Rat
	deemed                 bool
}

// slowLines reads the lines of a capture.
func slowLines(t testing.TB, d *OrderCaptured, c money.Currency) (lines []slowLine) {
	scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(c.Digits())), nil))
	minor := func(s string) *big.Rat { return new(big.Rat).Mul(exactOf(t, s), scale) }
	unit := int64(c.PostingUnit())
	taxes := func(l *slowLine, ts []LineTax) {
		l.included, l.added, l.owed = new(big.Rat), new(big.Rat), fractions{}
		for _, x := range ts {
			m := minor(x.Amount)
			if x.Included {
				l.included.Add(l.included, m)
			} else {
				l.added.Add(l.added, m)
			}
			if x.OwedBy == "platform" {
				a := ledger.Address("liabilities:tax:vat:" + x.Jurisdiction + ":deemed")
				if x.Kind == "sales" {
					a = ledger.Address("liabilities:tax:sales:" + x.Jurisdiction)
				}
				l.owed.add(a, m)
				l.deemed = l.deemed || x.Kind == "vat" // a rate of zero too says that the seller is abroad
			}
		}
	}
	for _, x := range d.Lines {
		l := slowLine{category: x.Category, goods: true, seller: new(big.Rat), platform: new(big.Rat)}
		l.list = new(big.Rat).Mul(minor(x.UnitPrice), big.NewRat(int64(x.Quantity), 1))
		for _, off := range x.Discounts {
			m := minor(off.Amount)
			part := map[string]*big.Rat{"seller": new(big.Rat), "platform": m}[off.Funder]
			if off.Funder == "cofunded" {
				part = roundTo(new(big.Rat).Mul(m, exactOf(t, off.PlatformShare)), money.HalfEven, unit)
			}
			l.platform.Add(l.platform, part)
			l.seller.Add(l.seller, new(big.Rat).Sub(m, part))
		}
		taxes(&l, x.Tax)
		lines = append(lines, l)
	}
	for i, e := range []*Extra{d.Shipping, d.GiftWrap} {
		if e != nil {
			l := slowLine{list: minor(e.Amount), seller: new(big.Rat), platform: new(big.Rat), shipping: i == 0, wrap: i == 1}
			taxes(&l, e.Tax)
			lines = append(lines, l)
		}
	}
	if d.Duty != nil {
		l := slowLine{list: minor(d.Duty.Amount), seller: new(big.Rat), platform: new(big.Rat), included: new(big.Rat), added: new(big.Rat), owed: fractions{}, duty: minor(d.Duty.Amount)}
		lines = append(lines, l)
	}
	return lines
}

// slowBase is a line's part in a base.
func slowBase(b *Base, l *slowLine) *big.Rat {
	sum, in := new(big.Rat), false
	for _, term := range b.Components {
		var part *big.Rat
		switch {
		case term.Component == GoodsList && l.goods, term.Component == Shipping && l.shipping, term.Component == GiftWrap && l.wrap:
			part, in = l.list, true
		case term.Component == SellerDiscount && l.goods:
			part = l.seller
		case term.Component == PlatformDiscount && l.goods:
			part = l.platform
		default:
			continue
		}
		if term.Negative {
			part = new(big.Rat).Neg(part)
		}
		sum.Add(sum, part)
	}
	if !in {
		return new(big.Rat)
	}
	if b.Tax == "include" {
		return sum.Add(sum, l.added)
	}
	return sum.Sub(sum, l.included)
}

// slowSheet computes the sale.
func slowSheet(t testing.TB, set *RuleSet, d *OrderCaptured, c money.Currency) fractions {
	unit := int64(c.PostingUnit())
	lines := slowLines(t, d, c)
	out := fractions{}
	seller := new(big.Rat)
	deemed := false
	for i := range lines {
		l := &lines[i]
		seller.Add(seller, l.list)
		seller.Sub(seller, l.seller)
		seller.Add(seller, l.added)
		out.add(accountPlatformDiscount, new(big.Rat).Neg(l.platform))
		for a, m := range l.owed {
			out.add(a, m)
			seller.Sub(seller, m)
		}
		if l.duty != nil {
			out.add(ledger.Address("liabilities:tax:customs:"+d.Duty.Jurisdiction), l.duty)
			seller.Sub(seller, l.duty)
		}
		deemed = deemed || l.deemed
	}
	bound := func(r *Rule, v *big.Rat) *big.Rat {
		if m, ok := r.Min[c]; ok && v.Cmp(big.NewRat(int64(m), 1)) < 0 {
			v = big.NewRat(int64(m), 1)
		}
		if m, ok := r.Cap[c]; ok && v.Cmp(big.NewRat(int64(m), 1)) > 0 {
			v = big.NewRat(int64(m), 1)
		}
		return v
	}
	value := func(r *Rule, rate *money.Rate) *big.Rat {
		total, byRate, order := new(big.Rat), map[string]*big.Rat{}, []string{}
		sum := new(big.Rat)
		for i := range lines {
			base := slowBase(&r.Base, &lines[i])
			total.Add(total, base)
			use := r.Rate.String()
			if rate != nil {
				use = rate.String()
			} else {
				for _, cr := range r.Rates {
					if lines[i].goods && cr.Category == lines[i].category {
						use = cr.Rate.String()
						break
					}
				}
			}
			if r.Granularity == "line" {
				sum.Add(sum, bound(r, roundTo(new(big.Rat).Mul(base, exactOf(t, use)), r.Rounding, unit)))
				continue
			}
			if byRate[use] == nil {
				byRate[use] = new(big.Rat)
				order = append(order, use)
			}
			byRate[use].Add(byRate[use], base)
		}
		if total.Sign() == 0 {
			return new(big.Rat)
		}
		flat := big.NewRat(int64(r.Flat[c]), 1)
		if r.Granularity == "line" {
			return sum.Add(sum, flat)
		}
		for _, use := range order {
			sum.Add(sum, roundTo(new(big.Rat).Mul(byRate[use], exactOf(t, use)), r.Rounding, unit))
		}
		return bound(r, sum.Add(sum, flat))
	}
	slowFees(t, set, seller, out, value, deemed, unit)
	slowShares(t, set, d, seller, out, value, bound, unit)
	for i := range set.Rules {
		if r := &set.Rules[i]; r.Kind == RuleWithholding && r.Party == "seller" {
			v := value(r, nil)
			out.add(r.To, v)
			seller.Sub(seller, v)
		}
	}
	out.add("liabilities:seller:pending:s", seller)
	return out
}

func slowFees(t testing.TB, set *RuleSet, seller *big.Rat, out fractions, value func(*Rule, *money.Rate) *big.Rat, deemed bool, unit int64) {
	for i := range set.Rules {
		r := &set.Rules[i]
		if r.Kind != RuleFee {
			continue
		}
		v := value(r, nil)
		net, tax := v, new(big.Rat)
		mode := ""
		if r.Tax != nil {
			if mode = r.Tax.Mode; deemed && r.Tax.ReverseChargeWhen == "deemed_supplier" {
				mode = "reverse_charge"
			}
		}
		switch mode {
		case "inclusive":
			rate := exactOf(t, r.Tax.Rate.String())
			exact := new(big.Rat).Quo(new(big.Rat).Mul(v, rate), new(big.Rat).Add(rate, big.NewRat(1, 1)))
			tax = roundTo(exact, r.Tax.Rounding, unit)
			net = new(big.Rat).Sub(v, tax)
			seller.Sub(seller, v)
		case "exclusive":
			tax = roundTo(new(big.Rat).Mul(v, exactOf(t, r.Tax.Rate.String())), r.Tax.Rounding, unit)
			seller.Sub(seller, v)
			seller.Sub(seller, tax)
		default:
			seller.Sub(seller, v)
		}
		out.add(r.To, net)
		if tax.Sign() != 0 {
			out.add(r.Tax.To, tax)
		}
	}
}

func slowShares(t testing.TB, set *RuleSet, d *OrderCaptured, seller *big.Rat, out fractions, value func(*Rule, *money.Rate) *big.Rat, bound func(*Rule, *big.Rat) *big.Rat, unit int64) {
	find := func(kind RuleKind) *Rule {
		return &set.Rules[slices.IndexFunc(set.Rules, func(r Rule) bool { return r.Kind == kind })]
	}
	rateOf := func(s string) *money.Rate {
		if s == "" {
			return nil
		}
		r := money.MustRate(s)
		return &r
	}
	if len(d.Creators) > 0 && d.CommissionDeposit != "" {
		v := value(find(RuleCommission), rateOf(d.CommissionDeposit))
		out.add("liabilities:commission_deposit:s", v)
		seller.Sub(seller, v)
	} else if len(d.Creators) > 0 {
		gross := value(find(RuleCommission), rateOf(d.CommissionRate))
		seller.Sub(seller, gross)
		weights := make([]*big.Rat, len(d.Creators))
		for i, c := range d.Creators {
			weights[i] = exactOf(t, c.Weight)
		}
		for i, share := range shareOut(gross, weights, unit) {
			c := d.Creators[i]
			net := new(big.Rat).Set(share)
			if c.Agency != nil {
				part := roundTo(new(big.Rat).Mul(share, exactOf(t, c.Agency.Share)), find(RuleAgency).Rounding, unit)
				out.add(payeeAccount("agency", "pending", c.Agency.ID), part)
				switch c.Agency.PaidBy {
				case "seller":
					seller.Sub(seller, part)
				case "platform":
					out.add(accountBonus, new(big.Rat).Neg(part))
				default:
					net.Sub(net, part)
				}
			}
			after := new(big.Rat).Set(net)
			for j := range set.Rules {
				r := &set.Rules[j]
				if r.Kind != RuleWithholding || r.Party != "creator" {
					continue
				}
				base := after
				if r.Base.Of == "before_agency" {
					base = share
				}
				tax := bound(r, roundTo(new(big.Rat).Mul(base, exactOf(t, r.Rate.String())), r.Rounding, unit))
				if tax.Cmp(net) > 0 {
					tax = new(big.Rat).Set(net)
				}
				out.add(r.To, tax)
				net.Sub(net, tax)
			}
			out.add(payeeAccount("creator", "pending", c.Creator), net)
		}
	}
	for _, p := range d.Partners {
		v := value(find(RulePartner), rateOf(p.Rate))
		out.add(payeeAccount("partner", "pending", p.Partner), v)
		seller.Sub(seller, v)
	}
}

// TestSheetAgainstReference compares thousands of random sales with the slow sheet.
func TestSheetAgainstReference(t *testing.T) {
	t.Parallel()
	base := freshSeed()
	for i := range uint64(5000) {
		g := newWanderer(base + i)
		d := g.capture(1, nil)
		if err := g.try("order.captured", d); err != nil {
			t.Fatalf("seed %d: %v", base+i, err)
		}
		want := slowSheet(t, g.set, d, g.currency)
		got := map[string]string{}
		for _, p := range g.order.posted {
			if p.amount != 0 {
				got[string(p.account)] = fmt.Sprint(int64(p.amount))
			}
		}
		for a, m := range want {
			if m.Sign() == 0 && got[string(a)] == "" {
				continue
			}
			if !m.IsInt() || m.Num().String() != got[string(a)] {
				t.Fatalf("seed %d: %s is %s, the reference says %s\n%+v\n%+v", base+i, a, got[string(a)], m, g.set.Rules, d)
			}
			delete(got, string(a))
		}
		if len(got) > 0 {
			t.Fatalf("seed %d: the reference does not have %v", base+i, got)
		}
	}
}
