package commerce

import (
	"cmp"
	"math/big"
	"slices"
	"strings"

	"mizan/ledger/money"
)

// The lines of a share: what each step of an order's sheet gives a payee or takes from it, with the step itself.

// ownKeys are the keys of lines by what the parts of the cut are, where one step decides.
var ownKeys = map[ShareKind]string{ShareCommission: "commission", ShareAgency: "agency", SharePartner: "partner", ShareBonus: "bonus", ShareFee: "fee",
	ShareTaxWithheld: "withheld", ShareCommissionDeposit: "deposit"}

// linesOf are a payee's lines of a sheet: the parts of its cut, those of one step together, in the order of the steps. The seller bears
// what rounding leaves of the others.
func (s *sheet) linesOf(payee string) []OwnLine {
	var sums []cutPart
	for _, p := range s.cut() {
		if p.payee != payee {
			continue
		}
		i := slices.IndexFunc(sums, func(x cutPart) bool { return x.step == p.step })
		if i < 0 {
			sums = append(sums, p)
			continue
		}
		sums[i].amount += p.amount
	}
	slices.SortStableFunc(sums, func(a, b cutPart) int { return cmp.Compare(a.step, b.step) })
	lines := make([]OwnLine, 0, len(sums))
	for i := range sums {
		lines = append(lines, s.ownLine(&sums[i]))
	}
	return lines
}

// ownLine is the line that a part makes.
func (s *sheet) ownLine(p *cutPart) OwnLine {
	switch {
	case p.kind == ShareBeside:
		return OwnLine{Key: "beside", After: p.amount}
	case p.step == beforeSteps:
		return s.saleLine(p.amount)
	}
	st := &s.steps[p.step]
	switch {
	case p.kind == ShareSale:
		l := s.line(st.id, st, p.amount)
		if st.id == "tax" {
			l.Rule = st.receiver
		}
		return l
	case p.kind == ShareGiven:
		return s.givenLine(p)
	case p.kind == ShareCommission && strings.HasPrefix(p.payee, "creator:"):
		return s.commissionLine(p)
	case p.kind == ShareFee && st.rule.Kind == RuleRefundFee:
		return s.line("refund_fee", st, p.amount)
	}
	return s.line(ownKeys[p.kind], st, p.amount)
}

// line is a line that one step makes.
func (s *sheet) line(key string, st *step, amount money.Minor) OwnLine {
	l := OwnLine{Key: key, Rule: st.id, After: amount, How: []OwnStep{s.how(key, st)}}
	if st.rule != nil && st.rule.Kind != RuleCommission && st.rule.Kind != RuleAgency && st.rule.Kind != RulePartner {
		l.Title = st.rule.Title
	}
	return l
}

// how is a step as a payee is told it.
func (s *sheet) how(what string, st *step) OwnStep {
	full := s.order.expandStep(st, 0)
	return OwnStep{What: what, Base: full.Base, Total: full.Total, Rate: full.Rate, Exact: full.Exact, Amount: full.Amount, Flat: full.Flat, Rounding: full.Rounding, Bound: full.Bound, Tax: full.Tax, TaxMode: full.TaxMode, Remainder: full.Remainder, Parts: full.Parts}
}

// saleLine is what the buyer pays the seller: goods, shipping and wrapping, with the taxes that the checkout added.
func (s *sheet) saleLine(total money.Minor) OwnLine {
	o := s.order
	var parts [components]money.Minor
	for i := range o.lots {
		l := &o.lots[i]
		left := l.parts(false)
		parts[SellerDiscount] -= left.sellerOff
		parts[PlatformDiscount] -= left.platformOff
		switch l.kind {
		case lotGoods:
			parts[GoodsList] += left.list
		case lotShipping:
			parts[Shipping] += left.list
		case lotGiftWrap:
			parts[GiftWrap] += left.list
		} // the money of others only passes through
		for j := range l.taxes {
			if !l.taxes[j].included {
				parts[TaxAdded] += l.taxes[j].left(false)
			}
		}
	}
	how := OwnStep{What: "sale", Total: total.Format(o.currency), Amount: total.Format(o.currency)}
	for k, part := range parts {
		if part != 0 {
			how.Base = append(how.Base, BaseAmount{Component: componentNames[k], Amount: part.Format(o.currency)})
		}
	}
	return OwnLine{Key: "sale", After: total, How: []OwnStep{how}}
}

// commissionLine is a creator's commission: of one that has several creators its own part.
func (s *sheet) commissionLine(p *cutPart) OwnLine {
	l := OwnLine{Key: "commission", Rule: "commission", After: p.amount}
	for i := p.step; i >= 0; i-- {
		st := &s.steps[i]
		if st.receiver != "creators" {
			continue
		}
		if own := &s.steps[p.step]; own.id == "creator_split" {
			l.How = append(l.How, s.splitStep(st, own))
		} else {
			l.How = append(l.How, s.how("commission", st))
		}
		break
	}
	return l
}

// splitStep is one creator's part of a commission as that creator is told it: as a percentage of the base. The whole commission, or the
// weights, would tell what the others have.
func (s *sheet) splitStep(whole, own *step) OwnStep {
	base := s.order.expandStep(whole, 0)
	out := s.how("split", own)
	out.Base, out.Total = base.Base, base.Total
	if rate, ok := partOfBase(whole, own, s.order.unit); ok {
		out.Rate, out.Exact = rate.String(), rate.Exact(whole.total, s.order.currency)
	}
	return out
}

// partOfBase is the part of a commission's base that one creator's part of the commission comes to: by the rate and the weights where
// these alone decided, else by the amounts; with as many decimals as lead to the amount. It is false where there is no base.
func partOfBase(whole, own *step, unit money.Minor) (rate money.Rate, ok bool) {
	if whole.total <= 0 {
		return rate, false
	}
	part := big.NewRat(int64(own.amount), int64(whole.total))
	if whole.rated && whole.flat == 0 && whole.bound == "" && len(whole.parts) == 0 {
		weight, known := new(big.Rat).SetString(own.weight)
		weights, counted := new(big.Rat).SetString(own.weights)
		of, rated := new(big.Rat).SetString(whole.rate.String())
		if known && counted && rated && weights.Sign() > 0 {
			part = weight.Mul(weight.Quo(weight, weights), of)
		}
	}
	for decimals := 4; decimals <= 12; decimals++ {
		var err error
		if rate, err = money.ParseRate(part.FloatString(decimals)); err != nil {
			return rate, false
		}
		if amount, err := rate.Of(whole.total, money.HalfEven, unit); err == nil && amount == own.amount {
			break
		}
	}
	return rate, true
}

// givenLine is what a creator gives away, by the pledge that is computed right before it.
func (s *sheet) givenLine(p *cutPart) OwnLine {
	l := OwnLine{Key: "pledge", Rule: "pledge", After: p.amount}
	id := strings.TrimPrefix(p.payee, "creator:")
	for i := p.step; i >= 0; i-- {
		if st := &s.steps[i]; st.id == "pledge" && strings.HasPrefix(st.of, "commission of "+id+" for ") {
			l.How = append(l.How, s.how("pledge", st))
			break
		}
	}
	return l
}
