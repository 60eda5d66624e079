package commerce

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"mizan/ledger/fault"
)

// TestGiftsAndRefundAtOnce lets two services give gifts while the lot that pays for them is refunded. Whoever comes first, in
// the end the books owe coins for what stands, and no gift stands that the refunded purchase paid for.
func TestGiftsAndRefundAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	doors := []*workbench{w, w.another(t)}
	for round := range 6 {
		w.post(t, "coins.purchased", fmt.Sprint("p", round), fmt.Sprintf(`{"purchase":"P%d","store":"apple","currency":"USD","amount":"10.00","store_fee":"3.00"}`, round))
		results := make([]Result, 12)
		together(len(results), func(i int) {
			kind, data := "gift.sent", fmt.Sprintf(`{"gift":"G%d-%d","creator":"c","currency":"USD","amount":"4.00","share":"0.5"}`, round, i)
			if i%4 == 3 {
				kind, data = "coins.purchase_refunded", fmt.Sprintf(`{"purchase":"P%d"}`, round)
			}
			results[i] = doors[i%2].Post(t.Context(), w.book, event(t, kind, fmt.Sprint("r", round, "-", i), data))
		})
		for i, r := range results {
			if code := fault.CodeOf(r.Err); r.Err != nil && code != "insufficient-funds" && code != ErrRepeated.Code {
				t.Errorf("round %d, %d: %v", round, i, r.Err)
			}
		}
		w.Post(t.Context(), w.book, event(t, "coins.purchase_refunded", fmt.Sprint("last", round), fmt.Sprintf(`{"purchase":"P%d"}`, round)))
		q, err := w.queue(t.Context(), w.book, nil, coinsIn("USD"), func(*coinQueue) bool { return false })
		if err != nil || len(q.in) != 0 || len(q.out) != 0 || q.rest != 0 {
			t.Fatalf("round %d: %+v, %v", round, q, err)
		}
	}
	left := w.balances(t)
	maps.DeleteFunc(left, func(_, balance string) bool { return strings.Trim(balance, "-0.") == "" })
	if len(left) != 0 {
		t.Errorf("after all refunds: %v", left)
	}
	w.verified(t)
}
