package commerce

import (
	"fmt"
	"math/big"
	"sort"
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
)

// An independent reference of the calculation sheet, slow and exact, written from the specification (part 4 of the
// errata): fractions, no cents, until the one rounding that each rule names.

type reference struct {
	o      *order
	unit   *big.Rat
	seller *big.Rat
	at     map[ledger.Address]*big.Rat
}

func ratOf(m money.Minor) *big.Rat { return new(big.Rat).SetInt64(int64(m)) }

func ratRate(r money.Rate) *big.Rat {
	x, ok := new(big.Rat).SetString(r.String())
	if !ok {
		panic(r.String())
	}
	return x
}

func (f *reference) add(a ledger.Address, x *big.Rat) {
	if f.at[a] == nil {
		f.at[a] = new(big.Rat)
	}
	f.at[a].Add(f.at[a], x)
}

// pays takes an amount from the seller to an account.
func (f *reference) pays(a ledger.Address, x *big.Rat) {
	f.add(a, x)
	f.seller.Sub(f.seller, x)
}

// roundRat rounds to a multiple of unit by the named mode.
func roundRat(x *big.Rat, mode string, unit *big.Rat) *big.Rat {
	q := new(big.Rat).Quo(x, unit)
	floor := new(big.Int).Div(q.Num(), q.Denom()) // denominators are positive: Euclidean division is the floor
	rest := new(big.Rat).Sub(q, new(big.Rat).SetInt(floor))
	up := false
	half := rest.Cmp(big.NewRat(1, 2))
	switch mode {
	case "floor":
	case "ceil":
		up = rest.Sign() > 0
	case "half_up":
		up = half > 0 || half == 0 && q.Sign() >= 0
	case "half_even":
		up = half > 0 || half == 0 && floor.Bit(0) == 1
	default:
		panic(mode)
	}
	if up {
		floor.Add(floor, big.NewInt(1))
	}
	return new(big.Rat).Mul(new(big.Rat).SetInt(floor), unit)
}

// largestRemainder divides a total by weights.
func largestRemainder(total *big.Rat, weights []*big.Rat, unit *big.Rat) []*big.Rat {
	sum := new(big.Rat)
	for _, w := range weights {
		sum.Add(sum, w)
	}
	type rest struct {
		at int
		by *big.Rat
	}
	shares, rests, missing := make([]*big.Rat, len(weights)), make([]rest, len(weights)), new(big.Rat).Set(total)
	for i, w := range weights {
		exact := new(big.Rat).Quo(new(big.Rat).Mul(total, w), sum)
		shares[i] = roundRat(exact, "floor", unit)
		rests[i] = rest{i, new(big.Rat).Sub(exact, shares[i])}
		missing.Sub(missing, shares[i])
	}
	sort.SliceStable(rests, func(i, j int) bool { return rests[i].by.Cmp(rests[j].by) > 0 })
	for i := 0; missing.Sign() > 0; i++ {
		shares[rests[i].at].Add(shares[rests[i].at], unit)
		missing.Sub(missing, unit)
	}
	return shares
}

// remains is a component of a lot, as captured or less what went back.
func remains(captured, back money.Minor, kept bool) money.Minor {
	if kept {
		return captured
	}
	return captured - back
}

// basis is the part of each lot in a base (A-02, W-24).
func (f *reference) basis(b *Base, kept bool) []*big.Rat {
	named := map[Component]int{}
	for _, t := range b.Components {
		named[t.Component] = 1
		if t.Negative {
			named[t.Component] = -1
		}
	}
	if _, ok := named[TaxAdded]; !ok && named[TaxIncluded] == 0 {
		if b.Tax == "include" {
			named[TaxAdded] = 1
		} else {
			named[TaxIncluded] = -1
		}
	}
	parts := make([]*big.Rat, len(f.o.lots))
	for i := range f.o.lots {
		l := &f.o.lots[i]
		parts[i] = new(big.Rat)
		price := map[lotKind]Component{lotGoods: GoodsList, lotShipping: Shipping, lotGiftWrap: GiftWrap}
		component, priced := price[l.kind]
		if !priced || named[component] == 0 {
			continue
		}
		sum := int64(named[component]) * int64(remains(l.captured.list, l.back.list, kept))
		sum += int64(named[SellerDiscount]) * int64(remains(l.captured.sellerOff, l.back.sellerOff, kept))
		sum += int64(named[PlatformDiscount]) * int64(remains(l.captured.platformOff, l.back.platformOff, kept))
		for _, t := range l.taxes {
			c := TaxAdded
			if t.included {
				c = TaxIncluded
			}
			sum += int64(named[c]) * int64(remains(t.amount, t.back, kept))
		}
		parts[i].SetInt64(max(sum, 0))
	}
	return parts
}

// bound applies minimum and cap.
func (f *reference) bound(r *Rule, x *big.Rat) *big.Rat {
	if least, ok := r.Min[f.o.currency]; ok && x.Cmp(ratOf(least)) < 0 {
		x = ratOf(least)
	}
	if most, ok := r.Cap[f.o.currency]; ok && x.Cmp(ratOf(most)) > 0 {
		x = ratOf(most)
	}
	return x
}

// rule is the value of a rule with a base of components.
func (f *reference) rule(r *Rule) *big.Rat {
	keeps := r.OnRefund == "keep" || r.OnRefund == "" && len(r.Flat) > 0 && r.Rate.IsZero() && len(r.Rates) == 0
	base := &r.Base
	flatOnly := len(base.Components) == 0
	if flatOnly {
		base = &Base{Components: []Term{{Component: GoodsList}}, Tax: "include"}
	}
	parts := f.basis(base, keeps)
	total := new(big.Rat)
	byLine := map[int]map[string]*big.Rat{}
	for i, part := range parts {
		l := &f.o.lots[i]
		total.Add(total, part)
		line := 0
		if r.Granularity == "line" {
			line = map[lotKind]int{lotGoods: l.line, lotShipping: -1, lotGiftWrap: -2}[l.kind]
		}
		rate := r.Rate.String()
		for _, c := range r.Rates {
			if l.kind == lotGoods && c.Category == l.category && (c.Set == "" || c.Set == f.o.categorySet) {
				rate = c.Rate.String()
				break
			}
		}
		if part.Sign() == 0 {
			continue
		}
		if byLine[line] == nil {
			byLine[line] = map[string]*big.Rat{}
		}
		if byLine[line][rate] == nil {
			byLine[line][rate] = new(big.Rat)
		}
		byLine[line][rate].Add(byLine[line][rate], part)
	}
	value := new(big.Rat)
	if total.Sign() == 0 {
		return value
	}
	flat := ratOf(r.Flat[f.o.currency])
	for _, rates := range byLine {
		sum := new(big.Rat)
		for rate, part := range rates {
			x, _ := new(big.Rat).SetString(rate)
			sum.Add(sum, roundRat(x.Mul(x, part), r.Rounding.String(), f.unit))
		}
		if r.Granularity == "line" {
			sum = f.bound(r, sum)
		}
		value.Add(value, sum)
	}
	value.Add(value, flat)
	if r.Granularity != "line" {
		value = f.bound(r, value)
	}
	return value
}

// referenceSheet computes what remains of an order without bonuses.
func referenceSheet(o *order) *reference {
	f := &reference{o: o, unit: ratOf(o.unit), seller: new(big.Rat), at: map[ledger.Address]*big.Rat{}}
	if o.cancelled {
		return f
	}
	f.delivered()
	for i := range o.set.Rules {
		if o.set.Rules[i].Kind == RuleFee {
			f.fee(&o.set.Rules[i])
		}
	}
	f.commission()
	for _, p := range o.partners {
		r := Rule{Base: commissionBaseOf(o.set), Rate: money.Rate{}}
		for _, x := range o.set.Rules {
			if x.Kind == RulePartner && x.Role == p.role {
				r = x
			}
		}
		if p.rate != nil {
			r.Rate, r.Rates = *p.rate, nil
		}
		f.pays(ledger.Address("liabilities:partner:pending:"+p.id), f.rule(&r))
	}
	for i := range o.set.Rules {
		if r := &o.set.Rules[i]; r.Kind == RuleWithholding && r.Party == "seller" {
			f.pays(r.To, f.rule(r))
		}
	}
	f.add(ledger.Address("liabilities:seller:pending:"+o.seller), f.seller)
	return f
}

// delivered are steps 1 to 7: what the buyer paid and the platform gave, less taxes, duty and donations.
func (f *reference) delivered() {
	for i := range f.o.lots {
		l := &f.o.lots[i]
		list, off := ratOf(l.captured.list-l.back.list), ratOf(l.captured.platformOff-l.back.platformOff)
		own := ratOf(l.captured.sellerOff - l.back.sellerOff)
		f.add("revenue:contra:platform_discount", new(big.Rat).Neg(off))
		f.seller.Add(f.seller, list)
		f.seller.Sub(f.seller, own) // the platform's part of the discounts comes back to the seller
		if l.kind == lotDuty || l.kind == lotRoundUp || l.kind == lotExchange {
			f.pays(ledger.Address(l.owner), list)
			continue
		}
		for _, t := range l.taxes {
			x := ratOf(t.amount - t.back)
			if !t.included {
				f.seller.Add(f.seller, x)
			}
			switch {
			case t.platform && t.kind == "sales":
				f.pays(ledger.Address("liabilities:tax:sales:"+t.jurisdiction), x)
			case t.platform:
				f.pays(ledger.Address("liabilities:tax:vat:"+t.jurisdiction+":deemed"), x)
			}
		}
	}
}

func (f *reference) fee(r *Rule) {
	value := f.rule(r)
	mode := ""
	if r.Tax != nil {
		mode = r.Tax.Mode
		deemed := false
		for _, l := range f.o.lots {
			for _, t := range l.taxes {
				deemed = deemed || t.platform && t.kind == "vat"
			}
		}
		if deemed && r.Tax.ReverseChargeWhen == "deemed_supplier" {
			mode = ""
		}
	}
	switch mode {
	case "inclusive":
		rate := ratRate(r.Tax.Rate)
		tax := new(big.Rat).Quo(new(big.Rat).Mul(value, rate), new(big.Rat).Add(rate, big.NewRat(1, 1)))
		tax = roundRat(tax, r.Tax.Rounding.String(), f.unit)
		f.pays(r.Tax.To, tax)
		f.pays(r.To, new(big.Rat).Sub(value, tax))
	case "exclusive":
		f.pays(r.Tax.To, roundRat(new(big.Rat).Mul(value, ratRate(r.Tax.Rate)), r.Tax.Rounding.String(), f.unit))
		f.pays(r.To, value)
	default:
		f.pays(r.To, value)
	}
}

// commission are steps 9 to 12.
func (f *reference) commission() {
	o := f.o
	if len(o.creators) == 0 {
		return
	}
	var rule Rule
	agencyMode := "half_even"
	for _, r := range o.set.Rules {
		switch r.Kind {
		case RuleCommission:
			rule = r
		case RuleAgency:
			agencyMode = r.Rounding.String()
		}
	}
	for _, locked := range []*money.Rate{o.commissionRate, o.depositRate, o.finalRate} {
		if locked != nil && (locked != o.commissionRate || o.depositRate == nil) {
			rule.Rate, rule.Rates = *locked, nil
		}
	}
	gross := f.rule(&rule)
	if o.depositRate != nil && o.finalRate == nil {
		f.pays(ledger.Address("liabilities:commission_deposit:"+o.seller), gross)
		return
	}
	f.seller.Sub(f.seller, gross)
	for _, t := range o.tiers {
		rule.Rate, rule.Rates = t.rate, nil
		now := f.rule(&rule)
		more := new(big.Rat).Sub(now, gross)
		if t.payer == "platform" {
			f.add("expenses:creator_bonus", new(big.Rat).Neg(more))
		} else {
			f.seller.Sub(f.seller, more)
		}
		gross = now
	}
	var weights []*big.Rat
	for _, c := range o.creators {
		weights = append(weights, ratRate(c.weight))
	}
	for i, share := range largestRemainder(gross, weights, f.unit) {
		f.creator(&o.creators[i], share, agencyMode)
	}
	if !o.settledAt.IsZero() {
		f.pledges()
	}
}

// pledges are what creators give of their commission, at most all of it.
func (f *reference) pledges() {
	earned, left := map[string]*big.Rat{}, map[string]*big.Rat{}
	for _, x := range f.o.pledges {
		a := ledger.Address("liabilities:creator:pending:" + x.creator)
		if earned[x.creator] == nil {
			earned[x.creator], left[x.creator] = new(big.Rat), new(big.Rat)
			if f.at[a] != nil {
				earned[x.creator].Set(f.at[a])
				left[x.creator].Set(f.at[a])
			}
		}
		given := roundRat(new(big.Rat).Mul(earned[x.creator], ratRate(x.rate)), "half_even", f.unit)
		if given.Cmp(left[x.creator]) > 0 {
			given.Set(left[x.creator])
		}
		left[x.creator].Sub(left[x.creator], given)
		f.add(x.account, given)
		f.add(a, new(big.Rat).Neg(given))
	}
}

func (f *reference) creator(c *creator, gross *big.Rat, agencyMode string) {
	left := new(big.Rat).Set(gross)
	if c.agency != "" {
		share := roundRat(new(big.Rat).Mul(gross, ratRate(c.share)), agencyMode, f.unit)
		f.add(ledger.Address("liabilities:agency:pending:"+c.agency), share)
		switch c.paidBy {
		case "seller":
			f.seller.Sub(f.seller, share)
		case "platform":
			f.add("expenses:creator_bonus", new(big.Rat).Neg(share))
		default:
			left.Sub(left, share)
		}
	}
	after := new(big.Rat).Set(left)
	for i := range f.o.set.Rules {
		r := &f.o.set.Rules[i]
		if r.Kind != RuleWithholding || r.Party != "creator" {
			continue
		}
		base := after
		if r.Base.Of == "before_agency" {
			base = gross
		}
		tax := roundRat(new(big.Rat).Mul(base, ratRate(r.Rate)), r.Rounding.String(), f.unit)
		if base.Sign() > 0 {
			tax = f.bound(r, tax)
		}
		if tax.Cmp(left) > 0 {
			tax = new(big.Rat).Set(left)
		}
		f.add(r.To, tax)
		left.Sub(left, tax)
	}
	f.add(ledger.Address("liabilities:creator:pending:"+c.id), left)
}

// checkReference compares a sheet with the reference.
func checkReference(o *order, s *sheet) error {
	if len(o.bonuses) > 0 {
		return nil
	}
	f := referenceSheet(o)
	for a, want := range f.at {
		if got := ratOf(s.positions.of(a)); got.Cmp(want) != 0 {
			return fmt.Errorf("the sheet gives %s %s, the reference %s", a, got.RatString(), want.RatString())
		}
	}
	for _, p := range s.positions {
		if p.amount != 0 && f.at[p.account] == nil && !strings.HasPrefix(string(p.account), "liabilities:commission_deposit:") {
			return fmt.Errorf("the sheet gives %s %d, the reference nothing", p.account, p.amount)
		}
	}
	return nil
}
