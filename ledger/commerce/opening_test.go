package commerce

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger/fault"
)

// Openings as a whole: what is refused leaves nothing behind, the same document is posted once, and a difference that was
// accepted stays.

// openSale is an open order of 100.00 sold through a creator, as peerRules give it.
func openSale(order string) string {
	return fmt.Sprintf(`{"terms":%s,"posted":[{"account":"liabilities:seller:pending:s","direction":"credit","amount":"84.00"},
		{"account":"liabilities:creator:pending:c","direction":"credit","amount":"10.00"},{"account":"revenue:referral_fee","direction":"credit","amount":"6.00"}]}`, fmt.Sprintf(changedSale, order, order))
}

// openingWith is a document of orders with the totals they come to.
func openingWith(batch, credits string, orders ...string) string {
	return fmt.Sprintf(`{"batch":%q,"signed_by":["u1","u2"],"document":"D-1","as_of":"2026-11-25T00:00:00Z","totals":[{"currency":"USD","debits":"100.00","credits":%q}],
		"balances":[{"account":"assets:processor:available:main","direction":"debit","amount":"100.00","currency":"USD"}],"orders":[%s]}`, batch, credits, strings.Join(orders, ","))
}

// opened posts a document.
func (w *workbench) opened(t *testing.T, document string, dry bool) ([]Result, error) {
	t.Helper()
	return w.Open(t.Context(), w.book, openingOf(t, []byte(document)), dry)
}

// TestOpeningRefusals: each refusal names what is wrong and leaves nothing behind.
func TestOpeningRefusals(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	good := openingWith("B", "94.00", openSale("o"))
	for _, c := range []struct{ name, old, other, code, say string }{
		{"other totals", `"94.00"`, `"95.00"`, ErrOpeningTotals.Code, "The credits in USD come to 94.00; 95.00 was signed, a difference of -1.00."},
		{"no totals", `"totals":[{"currency":"USD"`, `"totals":[{"currency":"JPY"`, "validation-failed", "/totals/0"},
		{"posted less", `"84.00"`, `"83.00"`, ErrOpeningDifference.Code, "posted 83.00, the rules give 84.00, a difference of -1.00"},
		{"posted to nobody", `"account":"revenue:referral_fee"`, `"account":"revenue:other_fee"`, "validation-failed", "/orders/0/posted/2/account"},
		{"posted cash", `"account":"revenue:referral_fee"`, `"account":"assets:bank:operating"`, "validation-failed", "/orders/0/posted/2/account"},
		{"posted twice", `"account":"liabilities:creator:pending:c"`, `"account":"liabilities:seller:available:s"`, "validation-failed", "Each receiver is named once"},
		{"open revenue", `"amount":"6.00"`, `"amount":"6.00","open":"0.00"`, "validation-failed", "/orders/0/posted/2/open"},
		{"two captures", `"placed_at":"2026-11-20T10:00:00Z"`, `"capture":2,"placed_at":"2026-11-20T10:00:00Z"`, "validation-failed", "/orders/0/terms/capture"},
		{"delivered before", `"posted":[`, `"delivered_at":"2026-11-19T00:00:00Z","posted":[`, "validation-failed", "/orders/0/delivered_at"},
		{"a reserve that waits", `"posted":[`, `"reserve":{"amount":"1.00","release_at":"2026-12-19T00:00:00Z"},"posted":[`, "validation-failed", "/orders/0/reserve"},
		{"a reserve at no rate", `"posted":[`, `"settled_at":"2026-11-22T00:00:00Z","reserve":{"amount":"1.00","release_at":"2026-12-19T00:00:00Z"},"posted":[`, ErrOpeningTerms.Code, "Order o of the opening"},
		{"a refund of more", `"posted":[`, `"refunds":[{"made_at":"2026-11-21T00:00:00Z","refund":{"order":"o","refund":"r","lines":[{"line":1,"quantity":3}]}}],"posted":[`, errRefundTooLarge.Code, "Order o of the opening"},
		{"a refund of another", `"posted":[`, `"refunds":[{"made_at":"2026-11-21T00:00:00Z","refund":{"order":"p","refund":"r","full":true}}],"posted":[`, "validation-failed", "/orders/0/refunds/0/refund/order"},
		{"a dispute of no payment", `"posted":[`, `"dispute":{"order":"o","dispute":"d","payment_id":"pi","amount":"1.00"},"posted":[`, "validation-failed", "/orders/0/dispute/payment_id"},
		{"an inquiry", `"posted":[`, `"dispute":{"order":"o","dispute":"d","payment_id":"pi-o","amount":"0"},"posted":[`, "validation-failed", "/orders/0/dispute/amount"},
		{"rules of nobody", `"posted":[`, `"rules":"nobody-1","posted":[`, ErrRuleSetUnknown.Code, "Order o of the opening"},
		{"no rules then", `"2026-11-20T10:00:00Z"`, `"2001-11-20T10:00:00Z"`, ErrRulesMissing.Code, "Order o of the opening"},
		{"an order twice", `"orders":[`, `"orders":[` + openSale("o") + ",", "validation-failed", "Each order is named once"},
		{"a computed balance", `"account":"assets:processor:available:main"`, `"account":"equity:opening"`, "validation-failed", "/balances/0/account"},
		{"one person", `["u1","u2"]`, `["u1","u1"]`, "validation-failed", "Two different people"},
		{"money from nowhere", `"84.00"`, `"83.00"`, ErrOpeningDifference.Code, "difference can only move money"},
	} {
		body := strings.Replace(good, c.old, c.other, 1)
		if c.name == "money from nowhere" {
			body = strings.Replace(body, `"posted":[`, `"accept_difference":true,"posted":[`, 1)
		}
		for _, dry := range []bool{true, false} {
			_, err := w.opened(t, body, dry)
			if fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.say) {
				t.Errorf("%s, dry %t: %v; want %s that says %s", c.name, dry, err, c.code, c.say)
			}
		}
	}
	if n := w.headOf(t); n != 0 {
		t.Errorf("refusals left %d transactions", n)
	}
}

// TestOpeningOnce: through two services at once a document is posted once, and a dry run says the same beforehand.
func TestOpeningOnce(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	doors := []*workbench{w, w.replica(t)}
	document := openingWith("B", "188.00", openSale("o"), openSale("p"))
	dry, err := w.opened(t, document, true)
	if err != nil || w.headOf(t) != 0 {
		t.Fatalf("%v, %d transactions after a dry run", err, w.headOf(t))
	}
	const n = 8
	all, errs := make([][]Result, n), make([]error, n)
	together(n, func(i int) {
		all[i], errs[i] = doors[i%2].Open(t.Context(), w.book, openingOf(t, []byte(document)), false)
	})
	fresh := 0
	for i := range n {
		if errs[i] != nil {
			t.Errorf("door %d: %v", i, errs[i])
			continue
		}
		if !all[i][0].Replayed {
			fresh++
		}
		for j := range dry {
			if got, want := entriesOf(all[i][j].Transactions), entriesOf(dry[j].Transactions); got != want {
				t.Errorf("door %d posted\n%s\nthe dry run said\n%s", i, got, want)
			}
		}
	}
	if fresh != 1 || w.headOf(t) != 3 {
		t.Errorf("posted %d times, %d transactions", fresh, w.headOf(t))
	}
	for name, c := range map[string]struct{ document, code string }{
		"other content": {strings.Replace(document, "D-1", "D-2", 1), "reference-reused"},
		"without one":   {openingWith("B", "94.00", openSale("o")), "reference-reused"},
		"another batch": {openingWith("C", "188.00", openSale("q"), openSale("o")), ErrRepeated.Code},
	} {
		if _, err := w.opened(t, c.document, false); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := w.headOf(t); n != 3 {
		t.Errorf("refusals left %d transactions", n-3)
	}
	if r := w.Post(t.Context(), w.book, event(t, "order.captured", "x", fmt.Sprintf(changedSale, "o", "o"))); fault.CodeOf(r.Err) != ErrRepeated.Code {
		t.Errorf("the order's own capture: %v", r.Err)
	}
	w.verify(t)
}

// TestOpeningReasons: what each order opens is explained to the unit, the same when it is read back.
func TestOpeningReasons(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	disputed := strings.Replace(openSale("p"), `"posted":[`, `"settled_at":"2026-11-22T00:00:00Z","reserve":{"amount":"8.40","release_at":"2026-12-19T00:00:00Z","rate":"0.1"},
		"dispute":{"order":"p","dispute":"d","payment_id":"pi-p","amount":"100.00","fee":"15.00"},"dispute_held":"90.00","posted":[`, 1)
	document := strings.Replace(openingWith("B", "192.40", openSale("o"), disputed), `"debits":"100.00"`, `"debits":"200.00"`, 1)
	results, err := w.opened(t, document, false)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		name := fmt.Sprint("transaction ", i)
		checkStepsTell(t, name, r)
		w.checkExplanation(t, name, r)
		told := map[string]bool{}
		for _, st := range r.Explanation.Steps {
			told[st.Receiver] = true
		}
		for _, e := range r.Explanation.Entries {
			if i > 0 && len(e.Rules) == 0 {
				t.Errorf("%s: nothing explains %s", name, e.Account)
			}
		}
	}
	wantEntries(t, "disputed", results[2], "Cr liabilities:seller:reserve:s 8.40", "Cr liabilities:seller:dispute_hold:s 90.00", "Dr assets:receivable:dispute:d 100.00", "Cr equity:opening 1.60")
	view, err := w.Order(t.Context(), w.book, "p")
	if err != nil || view.State != "settled" || view.Refundable != "0.00" || view.Reserve == nil || view.Disputes[0].Held != "90.00" {
		t.Errorf("%+v %v", view, err)
	}
	checkWaterfall(t, "p", view)
}

// TestOpeningSettles: an open order that was delivered settles by its clock.
func TestOpeningSettles(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	delivered := strings.Replace(openSale("o"), `"posted":[`, `"delivered_at":"2026-11-22T15:00:00Z","posted":[`, 1)
	if _, err := w.opened(t, openingWith("B", "94.00", delivered), false); err != nil {
		t.Fatal(err)
	}
	due := time.Date(2026, 11, 30, 6, 0, 0, 0, time.UTC) // the eighth local midnight in Chicago
	if r := w.Settle(t.Context(), w.book, "o", Settlement{IfDue: true, At: due.Add(-time.Second)}); fault.CodeOf(r.Err) != ErrNotDue.Code {
		t.Fatalf("%v", r.Err)
	}
	r := w.Settle(t.Context(), w.book, "o", Settlement{IfDue: true, At: due})
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	wantEntries(t, "settled", r, "Dr liabilities:seller:pending:s 84.00", "Cr liabilities:seller:available:s 84.00", "Dr liabilities:creator:pending:c 10.00", "Cr liabilities:creator:available:c 10.00")
}

// TestOpeningDifference: a difference that was accepted stays with its receivers after everything went back.
func TestOpeningDifference(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	order := strings.NewReplacer(`"84.00"`, `"83.00"`, `"10.00"`, `"11.00"`, `"posted":[`, `"accept_difference":true,"posted":[`).Replace(openSale("o"))
	if _, err := w.opened(t, openingWith("B", "94.00", order), false); err != nil {
		t.Fatal(err)
	}
	w.post(t, "refund.made", "r1", `{"order":"o","refund":"R1","lines":[{"line":1,"quantity":1}]}`)
	w.post(t, "refund.made", "r2", `{"order":"o","refund":"R2","full":true}`)
	got := w.balances(t)
	for account, want := range map[string]string{"liabilities:seller:pending:s USD": "-1.00", "liabilities:creator:pending:c USD": "1.00", "revenue:referral_fee USD": "-6.00", "assets:processor:available:main USD": ""} {
		if got[account] != want {
			t.Errorf("%s: %q, want %q", account, got[account], want)
		}
	}
}

// TestOpeningReversed: an open order that was reversed can be opened again by another document.
func TestOpeningReversed(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	results, err := w.opened(t, openingWith("B", "94.00", openSale("o")), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range slices.Backward(results) {
		if back := w.reverse(t, &r.Transactions[0]); back.Err != nil {
			t.Fatal(back.Err)
		}
	}
	if left := w.balances(t); len(left) != 0 {
		t.Errorf("%v", left)
	}
	if _, err := w.opened(t, openingWith("C", "94.00", openSale("o")), false); err != nil {
		t.Error(err)
	}
	if r := w.post(t, "refund.made", "r", `{"order":"o","refund":"R","full":true}`); moved("liabilities:seller:pending:s", r) != -8400 {
		t.Errorf("%+v", r.Transactions)
	}
}

func openingOrderOf(t *testing.T, text string) *OpeningOrder {
	t.Helper()
	x := &OpeningOrder{}
	if err := json.Unmarshal([]byte(text), x); err != nil {
		t.Fatal(err)
	}
	return x
}
