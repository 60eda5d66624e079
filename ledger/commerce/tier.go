package commerce

import (
	"slices"

	"mizan/ledger/money"
)

// commission.tier_adjusted: a contract grants a tier for orders that were sold before (M-21). A later rate never changes an
// old order by itself; each order gets an event, which posts the difference. Later refunds compute with the new rate.

// TierAdjusted is a change of the commission rate of one order.
type TierAdjusted struct {
	Order      string `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	TierChange string `json:"tier_change_id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The change of the tier, the same for all its orders" example:"TC-2026-11"`
	Rate       string `json:"rate" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"The commission's rate from now on" example:"0.12"`
	Payer      string `json:"payer" enum:"seller,platform" doc:"Who pays the difference, or gets it back"`
	Consent    string `json:"consent,omitempty" pattern:"^[!-~]([ -~]{0,126}[!-~])?$" doc:"The document in which the creators agreed to a lower rate; required for one" example:"DOC-88"`

	cut bool // the rate is lower than the one before
}

// tierAdjustment is a rate that came later, with who pays the difference to the one before.
type tierAdjustment struct {
	id, payer string
	rate      money.Rate
}

func (d *TierAdjusted) subject() string { return "order:" + d.Order }
func (d *TierAdjusted) computes() bool  { return true }

func (d *TierAdjusted) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/tier_change_id", d.TierChange, true)
	p.oneOf("/payer", d.Payer, "seller", "platform")
	for pointer, s := range map[string]string{"/payer": d.Payer, "/rate": d.Rate} {
		if s == "" {
			p.bad(pointer, "required", "This field is required.")
		}
	}
	p.share("/rate", d.Rate)
}

// ErrTierCut means that a lower rate cannot be applied.
var ErrTierCut = ErrOrderState.With("A lower rate is never taken from commission that was released. Leave this order as it is.")

// apply adds the rate to the order. A lower one needs the creators' consent, and commission that waits still.
func (d *TierAdjusted) apply(o *order, p *preparation) error {
	if err := o.changeable(); err != nil {
		return err
	}
	switch {
	case len(o.creators) == 0:
		return ErrOrderState.With("The order has no creators, so it has no commission whose rate could change.")
	case o.depositRate != nil && o.finalRate == nil:
		return ErrOrderState.With("The order's commission deposit is not released. Release it at the rate that was reached.")
	case slices.ContainsFunc(o.tiers, func(t tierAdjustment) bool { return t.id == d.TierChange }):
		return ErrRepeated.With("This change of the tier was recorded for the order before.")
	case o.rule(RuleCommission, "") == nil:
		return ErrRuleMissing
	}
	rate := p.share("/rate", d.Rate)
	if p.err() != nil {
		return nil
	}
	before, err := o.commissions(true)
	if err != nil {
		return err
	}
	o.tiers = append(o.tiers, tierAdjustment{d.TierChange, d.Payer, rate})
	after, err := o.commissions(true)
	if err != nil {
		return err
	}
	if d.cut = after.whole < before.whole; d.cut {
		switch {
		case d.Consent == "":
			p.bad("/consent", "required", "A lower rate needs the document in which the creators agreed to it.")
		case o.settled():
			return ErrTierCut
		}
	}
	if after.platform < 0 || after.seller < 0 {
		p.bad("/payer", "tier-payer", "The payer would get back more of the commission than it paid. Name the other one.")
	}
	return nil
}

// commissionLayer is a gross commission with who pays it.
type commissionLayer struct{ whole, seller, platform money.Minor }

// commissions is the gross commission at the order's last rate, by payer: each change of the rate is paid by its own.
func (o *order) commissions(captured bool) (sum commissionLayer, err error) {
	first, err := o.commissionAt(o.firstCommission(), captured)
	if err != nil {
		return sum, err
	}
	sum = commissionLayer{whole: first, seller: first}
	for i := range o.tiers {
		whole, err := o.commissionAt(o.tierCommission(&o.tiers[i]), captured)
		if err != nil {
			return sum, err
		}
		sum.pay(o.tiers[i].payer, whole)
	}
	return sum, nil
}

// pay raises the commission to a whole, at one payer's cost.
func (c *commissionLayer) pay(payer string, whole money.Minor) {
	if payer == "platform" {
		c.platform += whole - c.whole
	} else {
		c.seller += whole - c.whole
	}
	c.whole = whole
}

// commissionAt computes a commission rule on what was captured, or on what remains.
func (o *order) commissionAt(r *Rule, captured bool) (money.Minor, error) {
	amount, _, _, err := o.value(r, o.measureBase(&r.Base, captured || r.keeps()))
	return amount, err
}

// firstCommission is the commission's rule as it was frozen: the plan's rate, a deposit's final rate, or the rule's own.
func (o *order) firstCommission() *Rule {
	priced := *o.rule(RuleCommission, "")
	if o.commissionRate != nil {
		priced.Rate, priced.Rates = *o.commissionRate, nil
	}
	if o.finalRate != nil {
		priced.Rate, priced.Rates = *o.finalRate, nil
	}
	return &priced
}

// tierCommission is the commission's rule at a later rate.
func (o *order) tierCommission(t *tierAdjustment) *Rule {
	priced := *o.rule(RuleCommission, "")
	priced.Rate, priced.Rates = t.rate, nil
	return &priced
}

// tiers computes the rates that came later and returns the gross commission at the last.
func (s *sheet) tiers(gross money.Minor) money.Minor {
	o := s.order
	for i := range o.tiers {
		t := &o.tiers[i]
		st, _ := s.evaluate(o.tierCommission(t))
		st.rule, st.id, st.receiver, st.pays = o.rule(RuleCommission, ""), "tier", "creators", t.payer
		more := st.amount - gross
		if t.payer == "platform" {
			s.positions.add(accountBonus, -more)
		} else {
			s.seller -= more
		}
		gross = st.amount
		s.steps = append(s.steps, st)
	}
	return gross
}

// plan posts the difference. A lower rate is a decision of ours and makes no debt.
func (d *TierAdjusted) plan(p *planner) error {
	if err := p.known(); err != nil {
		return err
	}
	before, after, err := p.apply(d)
	if err != nil {
		return err
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	lines := p.order.entries(p.order.changes(after), nil)
	event := "commission.tier_adjusted"
	if len(lines) == 0 {
		event = "order.fact_recorded"
	}
	return p.draft(draftOf{event: event, kind: p.event.Type, lines: lines, data: data, memo: "tier " + d.TierChange, decision: d.cut,
		computed: true, before: before, after: after})
}
