package commerce

import (
	"fmt"
	"testing"

	"mizan/ledger"
	"mizan/ledger/money"
)

// checkCut compares the shares of a sheet with what the sheet and what stands beside it come to for each payee.
func checkCut(o *order, s *sheet) error {
	told, want := map[string]money.Minor{}, map[string]money.Minor{}
	for _, p := range s.shares() {
		told[p.Payee] += p.amount
	}
	for _, list := range []positions{s.positions, o.extras} {
		for _, p := range list {
			if kind, _, id, ok := splitPayee(p.account); ok {
				want[kind+":"+id] += p.amount
			}
		}
	}
	if o.cancelled {
		return nil
	}
	for who, amount := range want {
		if told[who] != amount {
			return fmt.Errorf("the shares of %s come to %d, its positions to %d", who, told[who], amount)
		}
	}
	for who, amount := range told {
		if _, known := want[who]; !known && amount != 0 {
			return fmt.Errorf("the shares give %s %d, and no position does", who, amount)
		}
	}
	return checkAgree(s)
}

// TestSharesOfS2 cuts the sale of scenario S2 and its refund into what a creator and a seller read (domain 5.1).
func TestSharesOfS2(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	w.post(t, "order.captured", "UK-1-c1", s2Sale)
	w.post(t, "refund.made", "RF-1", `{"order":"UK-1","refund":"RF-1","full":false,"lines":[{"line":1,"quantity":1}],"shipping":"keep","fault":"seller","to":"original","payment_refund_id":"re_1","shipped":true}`)
	var got []string
	page, err := w.ledger.Transactions(t.Context(), w.book, ledger.TransactionQuery{Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	_, shares, err := w.ExplainShares(t.Context(), w.book, page.Transactions)
	if err != nil {
		t.Fatal(err)
	}
	for n := int64(1); n <= 2; n++ {
		for _, s := range shares[n] {
			if s.Change() == 0 {
				continue
			}
			got = append(got, fmt.Sprint(s.Payee, " ", s.Kind, " ", s.Code, " ", s.SKU, " ", s.Basis, " ", s.Rate, " ", s.Change().Format("GBP")))
		}
	}
	want := []string{
		"seller:sel_uk sale goods SKU-9   44.98", "seller:sel_uk sale shipping    2.99", "seller:sel_uk fee commission SKU-9 44.97 0.09 -4.05",
		"seller:sel_uk commission affiliate SKU-9 41.98 0.15 -6.30",
		"agency:mcn_ldn agency_share agency SKU-9 6.30 0.3 1.89", "creator:cre_amy commission affiliate SKU-9 41.98 0.15 6.30", "creator:cre_amy agency_share agency SKU-9 6.30 0.3 -1.89",
		"seller:sel_uk sale goods SKU-9   -22.49", "seller:sel_uk fee commission SKU-9 23.98 0.09 1.89", "seller:sel_uk commission affiliate SKU-9 20.99 0.15 3.15",
		"agency:mcn_ldn agency_share agency SKU-9 3.15 0.3 -0.95", "creator:cre_amy commission affiliate SKU-9 20.99 0.15 -3.15",
		"creator:cre_amy agency_share agency SKU-9 3.15 0.3 0.95",
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
