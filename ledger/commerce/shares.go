package commerce

import (
	"slices"
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

// shares cuts a sheet into the shares of its payees.
func (s *sheet) shares() (list []sharePart) {
	o := s.order
	if o == nil || o.set == nil || o.cancelled {
		return nil
	}
	c := cutting{sheet: s, seller: "seller:" + o.seller}
	c.sale()
	for i := range s.steps {
		c.step(&s.steps[i])
	}
	if beside := o.extras.of(o.sellerPosition()) + c.refundFees; beside != 0 {
		c.put(sharePart{Share: Share{Payee: c.seller, Kind: ShareBeside, Code: "beside_the_sale"}, amount: beside})
	}
	if c.gross == nil || len(o.creators) != 1 {
		return c.list
	}
	who := "creator:" + o.creators[0].id
	c.add(who, ShareCommission, c.gross, c.gross.amount)
	last := len(c.list) - 1
	first := slices.IndexFunc(c.list, func(p sharePart) bool { return p.Payee == who }) // before what is taken of it
	return slices.Insert(c.list[:last], first, c.list[last])
}

// cutting is a sheet while it is cut.
type cutting struct {
	sheet  *sheet
	seller string
	list   []sharePart
	// gross is the step with the gross commission at the rate that came last.
	gross *step
	// refundFees were charged beside the sale, and are shares of their own.
	refundFees money.Minor
}

func (c *cutting) put(p sharePart) {
	p.key = strings.Join([]string{p.Payee, string(p.Kind), p.Code, p.key}, "\x00")
	for i := range c.list {
		if c.list[i].key == p.key {
			c.list[i].amount += p.amount
			return
		}
	}
	c.list = append(c.list, p)
}

// add adds a share that a step decides.
func (c *cutting) add(payee string, kind ShareKind, st *step, amount money.Minor) {
	p := sharePart{Share: Share{Payee: payee, Kind: kind, Code: st.id, SKU: c.onlySKU()}, amount: amount}
	if st.rule != nil {
		p.Code, p.Rule = st.rule.ID, st.rule.ID
	}
	if st.rated {
		p.Basis, p.Rate = st.total.Format(c.sheet.order.currency), st.rate.String()
	}
	c.put(p)
}

// onlySKU is the article of an order that has only one.
func (c *cutting) onlySKU() (sku string) {
	for i := range c.sheet.order.lots {
		switch l := &c.sheet.order.lots[i]; {
		case l.kind != lotGoods || l.sku == sku:
		case sku != "":
			return ""
		default:
			sku = l.sku
		}
	}
	return sku
}

// sale cuts what is the seller's before any fee by the order's lines.
func (c *cutting) sale() {
	o := c.sheet.order
	for i := range o.lots {
		l := &o.lots[i]
		amount := l.money(false) + l.parts(false).platformOff
		p := sharePart{Share: Share{Payee: c.seller, Kind: ShareSale, Code: "goods", SKU: l.sku}, key: strconv.Itoa(l.key())}
		switch l.kind {
		case lotDuty, lotRoundUp, lotExchange:
			amount -= l.parts(false).list
			p.Code, p.SKU = "other", ""
		case lotShipping:
			p.Code, p.SKU = "shipping", ""
		case lotGiftWrap:
			p.Code, p.SKU = "gift_wrap", ""
		}
		if l.kind != lotDuty && l.kind != lotRoundUp && l.kind != lotExchange {
			for j := range l.taxes {
				if t := &l.taxes[j]; t.platform {
					amount -= t.left(false)
				}
			}
		}
		p.amount = amount
		c.put(p)
	}
}

// step cuts one step of the sheet. What a step gives one payee it takes from whoever pays it.
func (c *cutting) step(st *step) {
	kind := RuleKind("")
	if st.rule != nil {
		kind = st.rule.Kind
	}
	switch {
	case st.id == "commission_deposit":
		c.add(c.seller, ShareCommissionDeposit, st, -st.amount)
	case st.receiver == "creators":
		c.commission(st)
	case st.id == "creator_split":
		c.add(st.receiver, ShareCommission, st, st.amount)
	case st.id == "agency":
		c.add(st.receiver, ShareAgency, st, st.amount)
		switch st.pays {
		case "creator":
			c.add(st.party, ShareAgency, st, -st.amount)
		case "seller":
			c.add(c.seller, ShareAgency, st, -st.amount)
		}
	case st.id == "bonus":
		c.add(st.receiver, ShareBonus, st, st.amount)
		if st.pays == "seller" {
			c.add(c.seller, ShareBonus, st, -st.amount)
		}
	case st.id == "pledge_given":
		c.add(st.receiver, ShareGiven, st, st.amount)
	case strings.HasPrefix(st.receiver, "partner:"):
		c.add(st.receiver, SharePartner, st, st.amount)
		c.add(c.seller, SharePartner, st, -st.amount)
	case kind == RuleWithholding && st.party != "":
		c.add(st.party, ShareTaxWithheld, st, -st.amount)
	case kind == RuleWithholding:
		c.add(c.seller, ShareTaxWithheld, st, -st.amount)
	case kind == RuleFee:
		c.add(c.seller, ShareFee, st, -st.amount)
		if st.taxMode == "exclusive" && st.tax != 0 {
			c.put(sharePart{Share: Share{Payee: c.seller, Kind: ShareFeeTax, Code: st.rule.ID, Rule: st.rule.ID}, amount: -st.tax})
		}
	case kind == RuleRefundFee:
		c.refundFees += st.amount
		c.add(c.seller, ShareFee, st, -st.amount)
	}
}

// commission takes the gross commission from the seller, and what a later tier changes of it from whoever pays that.
func (c *cutting) commission(st *step) {
	more := st.amount
	if c.gross != nil {
		more -= c.gross.amount
	}
	if st.id != "tier" || st.pays == "seller" {
		c.add(c.seller, ShareCommission, st, -more)
	}
	c.gross = st
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
