package commerce

import (
	"strconv"
	"strings"

	"mizan/ledger/money"
)

// The shares of a sale: what each payee's money of an order is made of, and what an event changed of it. A creator's entry of 4.41
// is a commission of 6.30 less an agency's share of 1.89; people are owed both numbers. They are cut out of the same calculation
// sheet that the entries come from, so the shares of a payee sum to what the payee's entries come to.

// ShareKind says what a share is. The words stand in files that leave the house and are never given another meaning.
type ShareKind string

// The kinds of shares.
const (
	ShareSale              ShareKind = "sale"
	ShareCommission        ShareKind = "commission"
	ShareAgency            ShareKind = "agency_share"
	SharePartner           ShareKind = "partner_share"
	ShareBonus             ShareKind = "bonus"
	ShareFee               ShareKind = "fee"
	ShareFeeTax            ShareKind = "fee_tax"
	ShareTaxWithheld       ShareKind = "tax_withheld"
	ShareCommissionDeposit ShareKind = "commission_deposit"
	ShareGiven             ShareKind = "donation_given"
	ShareBeside            ShareKind = "charge"
)

// Share is one part of a payee's money in a sale, before an event and after it. Nobody but the payee is named in it.
type Share struct {
	// Payee is whose it is, as kind:id.
	Payee string
	Kind  ShareKind
	// Code is the rule's id, or a word of ours where no rule decides: goods, shipping, gift_wrap. Rule is the rule's id, or empty.
	Code, Rule string
	// SKU is the article, where the share is of one line of the order.
	SKU string
	// Basis is what Rate is of, after the event; empty where there is none. Rate is a decimal fraction.
	Basis, Rate string
	// Before and After are what the share came to before the event and after it, in the payee's favour; the entries have the difference.
	Before, After money.Minor
}

// Change is what the event changed.
func (s Share) Change() money.Minor { return s.After - s.Before }

// sharePart is a share of one sheet.
type sharePart struct {
	Share
	key    string
	amount money.Minor
}

// shares are the cut of a sheet as statements tell it: the sale by article, and everything else by the rule that decides.
func (s *sheet) shares() (list []sharePart) {
	at := map[string]int{}
	for _, p := range s.cut() {
		one := sharePart{Share: s.shareOf(&p), amount: p.amount}
		one.key = strings.Join([]string{p.payee, string(p.kind), one.Code}, "\x00")
		if p.lot != nil {
			one.key += "\x00" + strconv.Itoa(p.lot.key())
		}
		if i, known := at[one.key]; known {
			list[i].amount += p.amount
			continue
		}
		at[one.key] = len(list)
		list = append(list, one)
	}
	return list
}

// shareOf says what a part is, without what it came to.
func (s *sheet) shareOf(p *cutPart) Share {
	to := Share{Payee: p.payee, Kind: p.kind}
	switch p.kind {
	case ShareSale:
		switch {
		case p.lot.passesThrough():
			to.Code = "other"
		case p.lot.kind == lotShipping:
			to.Code = "shipping"
		case p.lot.kind == lotGiftWrap:
			to.Code = "gift_wrap"
		default:
			to.Code, to.SKU = "goods", p.lot.sku
		}
		return to
	case ShareBeside:
		to.Code = "beside_the_sale"
		return to
	}
	st := &s.steps[p.step]
	if to.Code = st.id; st.rule != nil {
		to.Code, to.Rule = st.rule.ID, st.rule.ID
	}
	if p.kind == ShareFeeTax {
		return to
	}
	if to.SKU = s.order.onlySKU(); st.rated {
		to.Basis, to.Rate = st.total.Format(s.order.currency), st.rate.String()
	}
	return to
}

// onlySKU is the article of an order that has only one.
func (o *order) onlySKU() (sku string) {
	for i := range o.lots {
		switch l := &o.lots[i]; {
		case l.kind != lotGoods || l.sku == sku:
		case sku != "":
			return ""
		default:
			sku = l.sku
		}
	}
	return sku
}

// shares are all shares of the sale, by the sheets before and after an event.
func (x *explained) shares() []Share {
	if x.after == nil {
		return nil
	}
	after := x.after.shares()
	var before []sharePart
	if x.before != nil {
		before = x.before.shares()
	}
	list := make([]Share, 0, len(after))
	used := make([]bool, len(before))
	for i := range after {
		s := after[i].Share
		s.After = after[i].amount
		for j := range before {
			if !used[j] && before[j].key == after[i].key {
				used[j], s.Before = true, before[j].amount
				break
			}
		}
		list = append(list, s)
	}
	for j := range before {
		if s := before[j].Share; !used[j] && before[j].amount != 0 {
			s.Before = before[j].amount
			list = append(list, s)
		}
	}
	return list
}
