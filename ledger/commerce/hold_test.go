package commerce

import (
	"fmt"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// TestHoldsRace: fifty holds of one balance, and then fifty releases of what they blocked that all want the same write-off
// back: nothing is blocked twice, and nothing is recovered twice.
func TestHoldsRace(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	both := []*workbench{w, w.replica(t)}
	w.raw(t, "opening.balance", "debt", "USD", "liabilities:seller:available:s", 3000, "assets:processor:available:main", -3000)
	w.post(t, "debt.written_off", "wo", writeOff("w", "30.00"))
	w.raw(t, "opening.balance", "money", "USD", "liabilities:seller:available:s", -10000, "assets:processor:available:main", 10000)
	held := HoldTerms{Kind: "seller", Payee: "s", Currency: "USD", Amount: "30.00", Category: HoldSanctions, Case: "C-1"}
	count := func(of func(i int) OwnEvent, refusals ...string) (made int) {
		results := make([]Result, 50)
		together(50, func(i int) { results[i] = both[i%2].postTx(t.Context(), Own(of(i), time.Time{})) })
		for _, r := range results {
			known := r.Err == nil
			for _, code := range refusals {
				known = known || fault.CodeOf(r.Err) == code
			}
			if !known {
				t.Errorf("%v", r.Err)
			}
			if r.Err == nil {
				made++
			}
		}
		return made
	}
	if n := count(func(i int) OwnEvent { d := held; d.Hold = fmt.Sprint("h", i); return &HoldPlaced{HoldTerms: d} }, ledger.ErrFloor.Code); n != 3 {
		t.Errorf("%d holds of 30.00 out of 100.00", n)
	}
	if n := count(func(i int) OwnEvent {
		d := held
		d.Hold = fmt.Sprint("h", i)
		return &HoldReleased{HoldTerms: d, WrittenOff: "20.00"}
	}, ledger.ErrFloor.Code, ErrWrittenOffSmaller.Code); n != 1 {
		t.Errorf("20.00 of a write-off of 30.00 came back %d times", n)
	}
	if got := w.balances(t); got["liabilities:seller:blocked:s USD"] != "60.00" || got["liabilities:seller:available:s USD"] != "20.00" || got[accountBadDebt+" USD"] != "10.00" {
		t.Errorf("%v", got)
	}
	w.verified(t)
}

// TestBlockedSettlementReversed: a settlement that a flag has caught can be taken back from its last part on, and the flag
// then wants it again.
func TestBlockedSettlementReversed(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	w.post(t, "order.captured", "c", plainSale("o", "100.00"))
	w.flag(t, Block{Hold: "h", Kind: "seller", Payee: "s", Currency: "USD", Wanted: 5000})
	r := w.settleRow(t, "o", Settlement{})
	if back := w.reverse(t, &r.Transactions[0]); fault.CodeOf(back.Err) != ErrNotLast.Code {
		t.Errorf("the settlement without its fact: %v", back.Err)
	}
	for i := len(r.Transactions) - 1; i >= 0; i-- {
		if back := w.reverse(t, &r.Transactions[i]); back.Err != nil {
			t.Fatalf("part %d: %v", i, back.Err)
		}
	}
	if got, err := w.Caught(t.Context(), w.book, "h"); err != nil || got["USD"] != 0 {
		t.Errorf("after the reversal the flag has %v, %v", got, err)
	}
	again := w.settleRow(t, "o", Settlement{Reference: "again"})
	wantEntries(t, "again", again, "Dr liabilities:seller:pending:s 94.00", "Cr liabilities:seller:blocked:s 50.00", "Cr liabilities:seller:available:s 44.00")
	w.verified(t)
}
