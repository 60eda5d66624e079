package commerce

import (
	"strings"

	"mizan/ledger/money"
)

// The lines of a share: what each step of an order's sheet gives a payee or takes from it, with the step itself.

// linesOf are the payee's lines of a sheet.
func (v *ownView) linesOf(s *sheet) []OwnLine {
	switch v.who.Kind {
	case "seller":
		if v.order.seller == v.who.ID {
			return s.sellerLines()
		}
	case "creator":
		return s.creatorLines(v.who.ID)
	case "agency", "partner":
		var lines []OwnLine
		for i := range s.steps {
			if st := &s.steps[i]; st.receiver == v.who.Kind+":"+v.who.ID {
				lines = append(lines, s.line(v.who.Kind, st, st.amount))
			}
		}
		return lines
	}
	return nil
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
	return OwnStep{What: what, Base: full.Base, Total: full.Total, Rate: full.Rate, Exact: full.Exact, Amount: full.Amount, Flat: full.Flat, Weight: full.Weight, Weights: st.weights,
		Rounding: full.Rounding, Bound: full.Bound, Tax: full.Tax, TaxMode: full.TaxMode, Remainder: full.Remainder, Parts: full.Parts}
}

// sellerLines are the sale and everything that is taken from it. The seller bears what rounding leaves of the others.
func (s *sheet) sellerLines() []OwnLine {
	o := s.order
	if o.cancelled || o.set == nil {
		return nil
	}
	lines := []OwnLine{s.saleLine()}
	gross, refundFees := money.Minor(0), money.Minor(0)
	for i := range s.steps {
		st := &s.steps[i]
		withheld := st.rule != nil && st.rule.Kind == RuleWithholding
		switch {
		case st.id == "platform_discount":
			lines = append(lines, s.line("platform_discount", st, -st.amount))
		case st.id == "tax":
			l := s.line("tax", st, -st.amount)
			l.Rule = st.receiver
			lines = append(lines, l)
		case st.id == "commission_deposit":
			lines = append(lines, s.line("deposit", st, -st.amount))
		case st.id == "tier":
			if st.pays != "platform" {
				lines = append(lines, s.line("commission", st, gross-st.amount))
			}
			gross = st.amount
		case st.receiver == "creators":
			gross = st.amount
			lines = append(lines, s.line("commission", st, -st.amount))
		case (st.id == "agency" || st.id == "bonus") && st.pays == "seller":
			lines = append(lines, s.line(st.id, st, -st.amount))
		case strings.HasPrefix(st.receiver, "partner:"):
			lines = append(lines, s.line("partner", st, -st.amount))
		case withheld && st.rule.Party == "seller":
			lines = append(lines, s.line("withheld", st, -st.amount))
		case st.rule != nil && st.rule.Kind == RuleFee:
			amount := -st.amount
			if st.taxMode == "exclusive" {
				amount -= st.tax
			}
			lines = append(lines, s.line("fee", st, amount))
		case st.rule != nil && st.rule.Kind == RuleRefundFee:
			refundFees += st.amount
			lines = append(lines, s.line("refund_fee", st, -st.amount))
		}
	}
	if beside := o.extras.of(o.sellerPosition()) + refundFees; beside != 0 {
		lines = append(lines, OwnLine{Key: "beside", After: beside})
	}
	return lines
}

// saleLine is what the buyer pays the seller: goods, shipping and wrapping, with the taxes that the checkout added.
func (s *sheet) saleLine() OwnLine {
	o := s.order
	var parts [components]money.Minor
	total := money.Minor(0)
	for i := range o.lots {
		l := &o.lots[i]
		paid, left := l.money(false), l.parts(false)
		parts[SellerDiscount] -= left.sellerOff
		parts[PlatformDiscount] -= left.platformOff
		switch l.kind {
		case lotGoods:
			parts[GoodsList] += left.list
		case lotShipping:
			parts[Shipping] += left.list
		case lotGiftWrap:
			parts[GiftWrap] += left.list
		default: // the money of others, which only passes through
			paid -= left.list
		}
		for j := range l.taxes {
			if !l.taxes[j].included {
				parts[TaxAdded] += l.taxes[j].left(false)
			}
		}
		total += paid
	}
	how := OwnStep{What: "sale", Total: total.Format(o.currency), Amount: total.Format(o.currency)}
	for k, part := range parts {
		if part != 0 {
			how.Base = append(how.Base, BaseAmount{Component: componentNames[k], Amount: part.Format(o.currency)})
		}
	}
	return OwnLine{Key: "sale", After: total, How: []OwnStep{how}}
}

// creatorLines are the commission of a creator, what an agency and the tax office have of it, bonuses, and what is given away.
func (s *sheet) creatorLines(id string) (lines []OwnLine) {
	who := "creator:" + id
	var whole, pledge *step // the commission of all creators, and the pledge that is given next
	share := func(st *step, amount money.Minor) {
		l := OwnLine{Key: "commission", Rule: "commission", After: amount}
		if whole != nil {
			l.How = append(l.How, s.how("commission", whole))
		}
		if st != nil {
			l.How = append(l.How, s.how("split", st))
		}
		lines = append(lines, l)
	}
	alone := len(s.order.creators) == 1 && s.order.creators[0].id == id
	for i := range s.steps {
		st := &s.steps[i]
		switch {
		case st.receiver == "creators":
			whole = st
		case st.id == "creator_split" && st.receiver == who:
			share(st, st.amount)
		case st.id == "agency" && st.of == "gross commission of "+id && st.pays == "creator":
			lines = append(lines, s.line("agency", st, -st.amount))
		case st.rule != nil && st.rule.Kind == RuleWithholding && st.of == "commission of "+id:
			lines = append(lines, s.line("withheld", st, -st.amount))
		case st.id == "bonus" && st.receiver == who:
			lines = append(lines, s.line("bonus", st, st.amount))
		case st.id == "pledge" && strings.HasPrefix(st.of, "commission of "+id+" for "):
			pledge = st
		case st.id == "pledge_given" && st.receiver == who:
			l := OwnLine{Key: "pledge", Rule: "pledge", After: st.amount}
			if pledge != nil {
				l.How = append(l.How, s.how("pledge", pledge))
			}
			lines = append(lines, l)
		}
	}
	if alone && whole != nil {
		before := lines
		lines = nil
		share(nil, whole.amount)
		lines = append(lines, before...)
	}
	return lines
}
