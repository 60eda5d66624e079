package commerce

import (
	"mizan/ledger"
	"mizan/ledger/money"
)

// What is posted is the difference between the sheet and what the order has posted so far, on whichever side it falls
// (A-07, W-15). A payee's part goes to the bucket in which the order's share of that payee sits (W-05).

// changes returns the difference of each position, in the order of the sheet, positions that fell out of it last.
func (o *order) changes(s *sheet) positions {
	var list positions
	for _, p := range s.positions {
		list.add(p.account, p.amount)
	}
	for _, p := range o.extras {
		list.add(p.account, p.amount)
	}
	for _, p := range o.posted {
		list.add(p.account, -p.amount)
	}
	return list
}

// entries turns changes into lines. A payee whose money a dispute holds is debited there first.
func (o *order) entries(changes positions, held positions) []ledger.Line {
	lines := make([]ledger.Line, 0, len(changes)+4)
	for _, c := range changes {
		if c.amount == 0 && held.of(c.account) == 0 {
			continue
		}
		if _, _, _, payee := splitPayee(c.account); payee {
			lines = o.payeeLines(lines, c.account, c.amount, held.of(c.account))
			continue
		}
		lines = append(lines, o.credit(c.account, c.amount))
	}
	return lines
}

// credit is a line in an account's favour; a negative amount debits it.
func (o *order) credit(a ledger.Address, amount money.Minor) ledger.Line {
	return ledger.Line{Account: a, Amount: -amount, Currency: o.currency}
}

// payeeLines moves a payee's position. What was held comes out of the hold and covers a loss; the rest of it goes back to
// where it was taken.
func (o *order) payeeLines(lines []ledger.Line, position ledger.Address, amount, held money.Minor) []ledger.Line {
	kind, _, id, _ := splitPayee(position)
	pending := payeeAccount(kind, bucketPending, id)
	if held > 0 {
		lines = append(lines, o.credit(payeeAccount(kind, bucketDisputeHold, id), -held))
	}
	if !o.settled() {
		if amount += held; amount != 0 {
			lines = append(lines, o.credit(pending, amount))
		}
		return lines
	}
	waits, available := money.Minor(0), held
	if amount < 0 {
		covered := min(held, -amount)
		available -= covered
		amount += covered
	}
	switch left := o.buckets.of(pending); {
	case amount > 0 && (left > 0 || o.rest):
		waits = amount
	case amount < 0 && left > 0:
		// A capture after the settlement waits in pending; it gives first.
		waits = max(amount, -left)
		available += amount - waits
	default:
		available += amount
	}
	if waits != 0 {
		lines = append(lines, o.credit(pending, waits))
	}
	if available != 0 {
		lines = append(lines, o.credit(payeeAccount(kind, bucketAvailable, id), available))
	}
	return lines
}

// sumIn is sumOf for the lines in one currency.
func sumIn(lines []ledger.Line, c money.Currency) (sum money.Minor) {
	for i := range lines {
		if lines[i].Currency == c {
			sum += lines[i].Amount
		}
	}
	return sum
}

// sumOf returns the sum of lines, debit positive; a balanced transaction has zero.
func sumOf(lines []ledger.Line) (sum money.Minor) {
	for i := range lines {
		sum += lines[i].Amount
	}
	return sum
}
