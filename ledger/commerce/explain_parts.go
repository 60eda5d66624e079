package commerce

import (
	"strconv"

	"mizan/ledger/money"
)

// Parts of a step: where a rule is rounded by line, or has rates of categories, its value is a sum of rounded values, and
// only these can be recomputed by hand.

// expandParts lists what a step was rounded in, nothing if it was rounded at once.
func (o *order) expandParts(st *step) []StepPart {
	if st.parts == nil || st.rule == nil {
		return nil
	}
	priced := *st.rule
	if !st.byRates {
		priced.Rates, priced.Rate = nil, st.rate
	}
	if priced.Granularity != "line" {
		return o.partsOf(&priced, "", st.parts)
	}
	var list []StepPart
	for _, lots := range o.byLine(measure{lots: st.parts}) {
		name := lineName(o.keyOf(lots))
		list = append(list, o.partsOf(&priced, name, lots)...)
		sum, err := o.rated(&priced, lots)
		if err != nil {
			continue // the sheet had the same error
		}
		if amount, bound := o.bounded(&priced, sum); bound != "" {
			list = append(list, StepPart{Of: name, Bound: bound, Amount: (amount - sum).Format(o.currency)})
		}
	}
	return list
}

func lineName(key int) string {
	switch key {
	case lineShipping:
		return "shipping"
	case lineGiftWrap:
		return "gift wrap"
	}
	return "line " + strconv.Itoa(key)
}

// partsOf lists the values of the lots by rate.
func (o *order) partsOf(r *Rule, name string, lots []money.Minor) []StepPart {
	var list []StepPart
	for _, g := range o.groups(r, lots) {
		v, err := g.rate.Of(g.base, r.Rounding, o.unit)
		if err != nil {
			return nil
		}
		of := name
		if of == "" {
			of = g.category
		}
		list = append(list, StepPart{Of: of, Base: g.base.Format(o.currency), Rate: g.rate.String(), Exact: g.rate.Exact(g.base, o.currency), Amount: v.Format(o.currency)})
	}
	return list
}
