package ledger

import "testing"

// TestSidesOfUnknownRows asks for the side of accounts whose chart row only a newer replica knows. It follows from whole
// segments of the path: an account called contract is not contra revenue.
func TestSidesOfUnknownRows(t *testing.T) {
	t.Parallel()
	for address, want := range map[Address]Side{
		"assets:crypto:btc": Debit, "expenses:new": Debit, "revenue:contra": Debit, "revenue:contra:refunds": Debit,
		"revenue:contract": Credit, "revenue:contra_fee:x": Credit, "liabilities:assets:x": Credit, "equity:new": Credit, "revenue:new": Credit,
	} {
		if row := StandardChart().rowOf(9999, address); row.Normal != want || row.Code != 9999 {
			t.Errorf("%s is on the %s side, want %s", address, row.Normal, want)
		}
	}
	if row := StandardChart().rowOf(1010, "liabilities:moved"); row.Normal != Debit || row.Path != "assets:processor:pending" {
		t.Errorf("a row that is known is %+v", row)
	}
}
