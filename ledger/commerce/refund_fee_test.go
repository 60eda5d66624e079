package commerce

import (
	"testing"

	"mizan/ledger/money"
)

// TestRefundFeeMinimum: a minimum is charged for the lines that gave something back, and for no other.
func TestRefundFeeMinimum(t *testing.T) {
	t.Parallel()
	least := Amounts{"USD": 100}
	o := &order{currency: "USD", unit: 1, seller: "s", set: &RuleSet{Rules: []Rule{
		{ID: "referral", Kind: RuleFee, Base: Base{Components: []Term{{Component: GoodsList}}}, Rate: money.MustRate("0.1"), To: "revenue:referral_fee"},
		{ID: "admin", Kind: RuleRefundFee, Base: Base{Of: "referral"}, Rate: money.MustRate("0.2"), Min: least, To: accountRefundFeeDefault},
	}}}
	for line := 1; line <= 3; line++ {
		o.lots = append(o.lots, lot{line: line, quantity: 1, captured: parts{list: 1000}})
	}
	for line, want := range []money.Minor{100, 200} {
		before, err := o.feesBefore()
		if err != nil {
			t.Fatal(err)
		}
		if err := o.takeUnits(line+1, 1); err != nil {
			t.Fatal(err)
		}
		if err := o.chargeRefundFees(before, true); err != nil {
			t.Fatal(err)
		}
		if got := o.extras.of(accountRefundFeeDefault); got != want {
			t.Errorf("after %d lines the fee is %d, want %d", line+1, got, want)
		}
	}
}
