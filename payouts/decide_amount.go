package payouts

import (
	"mizan/ledger/money"
)

// The amount of a payout: the largest that, with its fee, does not pass what is available (errata W-09), cut into parts that
// do not pass the maximum (M-33).

// maxParts bounds the parts of one payout. What is above them stays for the next run.
const maxParts = 1000

// tariff is what a payout costs in one currency.
type tariff struct {
	rate           money.Rate
	flat, min, cap money.Minor // cap 0 is none
	maximum        money.Minor // of one part, in whole units
	unit           money.Minor // of what can be paid
	posting        money.Minor // of fees
}

// tariffOf returns the tariff of a method.
func tariffOf(p *Policy, m Method, c money.Currency, unit money.Minor) tariff {
	most := p.Maximum[c]
	return tariff{m.Rate, m.Flat[c], m.Min[c], m.Cap[c], most - most%unit, unit, c.PostingUnit()}
}

// fee returns the fee of one part. It never falls when the amount rises.
func (t tariff) fee(amount money.Minor) money.Minor {
	if amount <= 0 {
		return 0
	}
	fee, err := t.rate.Of(amount, money.HalfEven, t.posting)
	if err != nil { // a rate of at most a half of an amount in range
		panic("payouts: the fee of a checked policy cannot be computed: " + err.Error())
	}
	fee = max(fee, t.min)
	if t.cap > 0 {
		fee = min(fee, t.cap)
	}
	return fee + t.flat
}

// fees returns the fees of an amount, cut into parts.
func (t tariff) fees(amount money.Minor) money.Minor {
	if amount <= 0 {
		return 0
	}
	return (amount/t.maximum)*t.fee(t.maximum) + t.fee(amount%t.maximum)
}

// most returns the most that maxParts parts have.
func (t tariff) most() money.Minor {
	if t.maximum > money.Max/maxParts {
		return money.Max - money.Max%t.unit
	}
	return t.maximum * maxParts
}

// largest returns the largest amount in whole units that, with its fees, is at most the basis; 0 if there is none. Amount
// and fees rise together, so that halving finds it.
func (t tariff) largest(basis money.Minor) money.Minor {
	low, high := money.Minor(0), min(basis, t.most())/t.unit // in units: low can be paid, what is above high cannot
	for low < high {
		middle := low + (high-low+1)/2
		if amount := middle * t.unit; t.fees(amount) <= basis-amount {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low * t.unit
}

// parts cuts an amount of at most t.most() into parts: the maximum each, and the rest.
func (t tariff) parts(amount money.Minor) []Part {
	var parts []Part
	for amount > 0 {
		next := min(amount, t.maximum)
		parts = append(parts, Part{Number: len(parts) + 1, Amount: next, Fee: t.fee(next)})
		amount -= next
	}
	return parts
}
