package commerce

import (
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// The money side of refunds: which tender gives how much back, and that no tender gives more than it took.

// errRefundTooLarge is the ledger's refusal for want of money, in the words of a refund.
var errRefundTooLarge = ledger.ErrFloor.With("More would go back to the buyer than is left of what was captured, less refunds and disputes. Look at the order's refundable amount; nothing was posted.")

// errRefundAmount refuses a refund that keeps back more than it gives.
func errRefundAmount(pointer string) error {
	return ledger.ErrInvalid.WithFields(fault.Field{Pointer: "/data" + pointer, Code: "refund-amount",
		Message: "What is kept back from the buyer is more than the refund. Correct the amounts."})
}

// legs divides an amount among the tenders: card-like ones first, the newest first, each up to what it has left, then
// cash, then stored value. Cash has no card to go back to: it is owed to the buyer under the order's id.
func (o *order) legs(amount money.Minor, cash, ref string) ([]cashLeg, error) {
	var legs []cashLeg
	for rank := range tenderRanks {
		for i := len(o.tenders) - 1; i >= 0 && amount > 0; i-- {
			t := &o.tenders[i]
			part := min(amount, o.tenderLeft(t))
			if t.rank() != rank || part == 0 {
				continue
			}
			amount -= part
			leg := cashLeg{account: t.account, amount: part}
			switch {
			case t.processor != "":
				leg.account, leg.ref = processorAccount(cash, t.processor), ref
			case t.carrier != "":
				leg.account = refundDueAccount(o.id)
			}
			legs = append(legs, leg)
		}
	}
	if amount > 0 {
		return nil, errRefundTooLarge
	}
	return legs, nil
}

// payBack records that an amount went back to the buyer by the order's tenders. If everything goes back, what the platform
// had paid the buyer before, as goodwill or by a dispute it lost, is not paid twice: that part comes back to the platform.
func (o *order) payBack(id string, amount money.Minor, cash, ref string, everything bool) error {
	r := refund{id: id}
	if everything {
		amount -= r.recover(o, amount-o.refundable())
	}
	var err error
	if r.cash, err = o.legs(amount, cash, ref); err != nil {
		return err
	}
	o.takeFromTenders(amount)
	o.refunds = append(o.refunds, r)
	return nil
}

// recover takes up to an amount from what the platform paid the buyer, and returns how much.
func (r *refund) recover(o *order, amount money.Minor) money.Minor {
	if amount <= 0 {
		return 0
	}
	r.fromLoss = min(amount, o.platformLoss)
	r.fromGoodwill = min(amount-r.fromLoss, o.goodwill)
	o.platformLoss -= r.fromLoss
	o.goodwill -= r.fromGoodwill
	return r.fromLoss + r.fromGoodwill
}

// refundLines are the entries of money that went to the buyer, and of what came back to the platform.
func (o *order) refundLines(r *refund) []ledger.Line {
	var lines []ledger.Line
	for _, leg := range r.cash {
		if leg.amount != 0 {
			lines = append(lines, ledger.Line{Account: leg.account, Amount: -leg.amount, Currency: o.currency, ExternalRef: leg.ref})
		}
	}
	if r.fromLoss != 0 {
		lines = append(lines, o.credit(accountChargebackLoss, r.fromLoss))
	}
	if r.fromGoodwill != 0 {
		lines = append(lines, o.credit(accountGoodwill, r.fromGoodwill))
	}
	return lines
}

// takeFromTenders counts an amount as returned, in the order of legs. What exceeds the tenders, as a refund that happened
// anyway can, is counted on the newest.
func (o *order) takeFromTenders(amount money.Minor) {
	for rank := range tenderRanks {
		for i := len(o.tenders) - 1; i >= 0 && amount > 0; i-- {
			t := &o.tenders[i]
			if t.rank() != rank {
				continue
			}
			part := min(amount, o.tenderLeft(t))
			t.returned += part
			amount -= part
		}
	}
	if amount > 0 && len(o.tenders) > 0 {
		o.tenders[len(o.tenders)-1].returned += amount
	}
}
