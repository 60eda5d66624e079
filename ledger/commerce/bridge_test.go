//go:build !race

package commerce

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mizan/ledger"
)

// TestBridge ties the bridge of domain 5.5: 227.33 gross lead to payouts of 100.88.
func TestBridge(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	w.playS5(t)
	got, err := w.Bridge(t.Context(), w.book, "sel_wh", "USD", 202701, 202701)
	if err != nil {
		t.Fatal(err)
	}
	want := &Bridge{
		Seller: "sel_wh", Currency: "USD", From: "2027-01", To: "2027-01", Gross: "227.33", GrossWithoutTax: "210.00", Payments: 2,
		Months:   []BridgeMonth{{Month: "2027-01", Gross: "227.33", GrossWithoutTax: "210.00", Payments: 2}},
		Quarters: []BridgeQuarter{{Quarter: "2027-Q1", Consideration: "118.72", Payments: 2, Fees: "31.28", TaxWithheld: "0.00", TaxCollected: "12.38"}},
		Lines: []BridgeLine{
			{"tax_collected", "liabilities:tax:sales:US-TX", "-17.33", "4.95", "-12.38"},
			{"refunds", "assets:processor", "-64.95", "0.00", "-64.95"}, // 60.00 of goods with their 4.95 of tax
			{"fees", "revenue:fulfilment_fee", "-7.16", "0.00", "-7.16"},
			{"fees", "revenue:referral_fee", "-12.60", "3.60", "-9.00"},
			{"fees", "revenue:refund_admin_fee", "-0.72", "0.00", "-0.72"},
			{"fees", "revenue:returns_fee", "-2.00", "0.00", "-2.00"},
			{"fees", "revenue:storage_fee", "-12.40", "0.00", "-12.40"},
			{"shipping", "liabilities:carrier:usps", "-4.10", "0.00", "-4.10"},
		},
		Payouts: "-100.88", Carried: []BridgeCarried{{Bucket: "reserve", Change: "13.74"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bridge (-want +got):\n%s", diff)
	}
	if _, err := w.Bridge(t.Context(), w.book, "sel_wh", "USD", 202612, 202512); !errors.Is(err, ErrBridgeRange) {
		t.Errorf("backwards: %v", err)
	}
	if _, err := w.Bridge(t.Context(), w.book, "sel_wh", "USD", 202501, 202602); !errors.Is(err, ErrBridgeRange) {
		t.Errorf("fourteen months: %v", err)
	}
	if _, err := w.Bridge(t.Context(), w.book, "nobody", "USD", 202701, 202701); !errors.Is(err, ledger.ErrAccountNotOpened) {
		t.Errorf("a stranger: %v", err)
	}
	if other, err := w.Bridge(t.Context(), w.book, "sel_wh", "USD", 202601, 202612); !errors.Is(err, ledger.ErrAccountNotOpened) {
		t.Errorf("another year: %+v, %v", other, err)
	}
}

// TestBridgeOfEveryLife adds up the bridge of each worked example's seller: it leaves no difference, or it is refused.
func TestBridgeOfEveryLife(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	seen := 0
	for _, l := range loadLives(t) {
		w.playLife(t, l)
		lw := *w
		lw.book = w.playedBook(t, l)
		for _, seller := range []string{"s", "s1", "s2", "sel_uk", "brand_big"} {
			_, err := lw.Bridge(t.Context(), lw.book, seller, l.Currency, 202701, 202701)
			if err == nil {
				seen++
			} else if !errors.Is(err, ledger.ErrAccountNotOpened) {
				t.Errorf("%s, %s: %v", l.Key, seller, err)
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d bridges", seen)
	}
}
