package commerce

import (
	"slices"

	"mizan/ledger/money"
)

// Refund fees: what the platform keeps of a fee it gives back, because the refund costs it work. They are charged per
// order line on all of the fee that has gone back so far, less what was charged before, and only after shipment (A-12,
// W-06).

// lineFees are a fee rule's parts by line before an event.
type lineFees struct {
	rule    *Rule // the refund fee
	of      *Rule // the fee it is charged on
	keys    []int
	amounts []money.Minor
}

// feesBefore divides the fees that refund fees are charged on among the lines, before an event changes them.
func (o *order) feesBefore() ([]lineFees, error) {
	var list []lineFees
	for i := range o.set.Rules {
		r := &o.set.Rules[i]
		if r.Kind != RuleRefundFee {
			continue
		}
		f := lineFees{rule: r, of: o.feeNamed(r.Base.Of)}
		if f.of == nil {
			continue
		}
		var err error
		if f.keys, f.amounts, err = o.allocation(f.of); err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

func (o *order) feeNamed(id string) *Rule {
	for i := range o.set.Rules {
		if r := &o.set.Rules[i]; r.ID == id && r.Kind == RuleFee {
			return r
		}
	}
	return nil
}

// chargeRefundFees charges what an event gave back since feesBefore. Before shipment nothing is charged or counted.
func (o *order) chargeRefundFees(before []lineFees, shipped bool) error {
	if !shipped {
		return nil
	}
	for _, f := range before {
		keys, amounts, err := o.allocation(f.of)
		if err != nil {
			return err
		}
		memory := o.refundFees[f.rule.ID]
		note := func(key int, returned money.Minor) {
			if i := slices.IndexFunc(memory, func(l lineCharge) bool { return l.key == key }); i >= 0 {
				memory[i].returned += returned
			} else {
				memory = append(memory, lineCharge{key, returned})
			}
		}
		for i, key := range f.keys {
			note(key, f.amounts[i])
		}
		for i, key := range keys {
			note(key, -amounts[i])
		}
		total := money.Minor(0)
		for _, l := range memory {
			if l.returned <= 0 {
				continue // no minimum for a line that gave nothing back
			}
			fee, err := f.rule.Rate.Of(l.returned, f.rule.Rounding, o.unit)
			if err != nil {
				return err
			}
			fee, _ = o.bounded(f.rule, fee)
			total += fee
		}
		if o.refundFees == nil {
			o.refundFees, o.refundFee = map[string][]lineCharge{}, map[string]money.Minor{}
		}
		o.refundFees[f.rule.ID] = memory
		if charge := total - o.refundFee[f.rule.ID]; charge != 0 {
			o.extras.add(o.sellerPosition(), -charge)
			o.extras.add(f.rule.To, charge)
		}
		o.refundFee[f.rule.ID] = total
	}
	return nil
}
