package commerce

import (
	"slices"
	"strings"

	"mizan/ledger/money"
)

// The cut of a sheet: what each part of it gives a payee or takes from it, as fine as anybody asks. Statements, the roll-up of earnings
// and the order's own page are this one cut, each put together as its reader needs it, so none of them can tell another amount.

// cutPart is one part of one payee's money in a sheet, in its favour.
type cutPart struct {
	// payee is whose it is, as kind:id.
	payee string
	kind  ShareKind
	// step is the place of the step that decides in the sheet, beforeSteps for what the buyer pays the seller, and the number of
	// steps for what stands beside the sale.
	step int
	// lot is what of the sale it is of, nil for all else.
	lot    *lot
	amount money.Minor
}

// beforeSteps is the place of what no step decides.
const beforeSteps = -1

// cutter is a sheet while it is cut.
type cutter struct {
	sheet  *sheet
	seller string
	parts  []cutPart
	// gross is the place of the step with the gross commission at the rate that came last, beforeSteps if there is none.
	gross int
	// refundFees were charged beside the sale, and are parts of their own.
	refundFees money.Minor
}

// cut cuts a sheet into the parts of its payees; those of one payee stand in the order of the steps. An order that was cancelled, or has
// no rules, has none.
func (s *sheet) cut() []cutPart {
	if s == nil || s.order == nil || s.order.set == nil || s.order.cancelled {
		return nil
	}
	o := s.order
	c := cutter{sheet: s, seller: "seller:" + o.seller, gross: beforeSteps}
	c.sale()
	for i := range s.steps {
		c.step(i)
	}
	if beside := o.extras.of(o.sellerPosition()) + c.refundFees; beside != 0 {
		c.put(c.seller, ShareBeside, len(s.steps), beside)
	}
	if c.gross == beforeSteps || len(o.creators) != 1 {
		return c.parts
	}
	// An order's only creator has no step of its own for all of the commission; it stands before what is taken of it.
	who := "creator:" + o.creators[0].id
	first := slices.IndexFunc(c.parts, func(p cutPart) bool { return p.payee == who })
	if first < 0 {
		first = len(c.parts)
	}
	return slices.Insert(c.parts, first, cutPart{payee: who, kind: ShareCommission, step: c.gross, amount: s.steps[c.gross].amount})
}

func (c *cutter) put(payee string, kind ShareKind, step int, amount money.Minor) {
	c.parts = append(c.parts, cutPart{payee: payee, kind: kind, step: step, amount: amount})
}

// sale cuts what is the seller's before any fee: of each lot what the buyer pays, less the taxes that the platform owes, and what the
// platform adds for its discounts.
func (c *cutter) sale() {
	o := c.sheet.order
	discount, taxes := beforeSteps, map[string]int{}
	for i := range c.sheet.steps {
		switch st := &c.sheet.steps[i]; st.id {
		case "platform_discount":
			discount = i
		case "tax":
			taxes[st.receiver] = i
		}
	}
	for i := range o.lots {
		l := &o.lots[i]
		sale := func(step int, amount money.Minor) {
			c.parts = append(c.parts, cutPart{payee: c.seller, kind: ShareSale, step: step, lot: l, amount: amount})
		}
		if l.passesThrough() {
			sale(beforeSteps, l.money(false)-l.parts(false).list)
		} else {
			sale(beforeSteps, l.money(false))
			for j := range l.taxes {
				if t := &l.taxes[j]; t.platform {
					sale(taxes[string(t.account())], -t.left(false))
				}
			}
		}
		sale(discount, l.parts(false).platformOff)
	}
}

// passesThrough reports whether a lot is the money of others.
func (l *lot) passesThrough() bool {
	return l.kind == lotDuty || l.kind == lotRoundUp || l.kind == lotExchange
}

// step cuts one step of the sheet. What a step gives one payee it takes from whoever pays it.
func (c *cutter) step(i int) {
	st := &c.sheet.steps[i]
	kind := RuleKind("")
	if st.rule != nil {
		kind = st.rule.Kind
	}
	switch {
	case st.id == "commission_deposit":
		c.put(c.seller, ShareCommissionDeposit, i, -st.amount)
	case st.receiver == "creators":
		c.commission(i)
	case st.id == "creator_split":
		c.put(st.receiver, ShareCommission, i, st.amount)
	case st.id == "agency":
		c.put(st.receiver, ShareAgency, i, st.amount)
		switch st.pays {
		case "creator":
			c.put(st.party, ShareAgency, i, -st.amount)
		case "seller":
			c.put(c.seller, ShareAgency, i, -st.amount)
		}
	case st.id == "bonus":
		c.put(st.receiver, ShareBonus, i, st.amount)
		if st.pays == "seller" {
			c.put(c.seller, ShareBonus, i, -st.amount)
		}
	case st.id == "pledge_given": // below zero in the sheet
		c.put(st.receiver, ShareGiven, i, st.amount)
	case strings.HasPrefix(st.receiver, "partner:"):
		c.put(st.receiver, SharePartner, i, st.amount)
		c.put(c.seller, SharePartner, i, -st.amount)
	case kind == RuleWithholding && st.party != "":
		c.put(st.party, ShareTaxWithheld, i, -st.amount)
	case kind == RuleWithholding:
		c.put(c.seller, ShareTaxWithheld, i, -st.amount)
	case kind == RuleFee:
		c.put(c.seller, ShareFee, i, -st.amount)
		if st.taxMode == "exclusive" && st.tax != 0 {
			c.put(c.seller, ShareFeeTax, i, -st.tax)
		}
	case kind == RuleRefundFee:
		c.refundFees += st.amount
		c.put(c.seller, ShareFee, i, -st.amount)
	}
}

// commission takes the gross commission from the seller, and what a later tier changes of it from whoever pays that.
func (c *cutter) commission(i int) {
	st := &c.sheet.steps[i]
	more := st.amount
	if c.gross != beforeSteps {
		more -= c.sheet.steps[c.gross].amount
	}
	if st.id != "tier" || st.pays == "seller" {
		c.put(c.seller, ShareCommission, i, -more)
	}
	c.gross = i
}
