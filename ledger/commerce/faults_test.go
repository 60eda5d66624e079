package commerce

import (
	"fmt"
	"testing"

	"mizan/ledger/money"
)

// Faults that random lives found, each as the shortest life that shows it.

func plainSale(order, amount string) string {
	return fmt.Sprintf(`{"order":%q,"currency":"USD","placed_at":"2026-11-20T10:00:00Z","seller":"s","lines":[{"line":1,"sku":"A","quantity":1,"unit_price":%q}],"payments":[{"processor":"main","payment_id":"pi-%s","amount":%q}]}`, order, amount, order, amount)
}

// TestWithholdingNeverMakesADebt: a tax on the commission before the agency's share takes no more than the creator has left.
func TestWithholdingNeverMakesADebt(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	w.useRules(t, []byte(replaceAll(peerRules, `{"id":"agency"`,
		`{"id":"pit","kind":"withholding","title":"Tax","party":"creator","to":"liabilities:tax:withholding:US:pit","base":{"of":"before_agency"},"rate":"0.9","rounding":"half_even","source":"A"},{"id":"agency"`)))
	r := w.post(t, "order.captured", "c", raceSale("o", 2, "10.00", "20.00"))
	wantEntries(t, "the tax is more than what is left", r, "Dr assets:processor:pending:main 20.00", "Cr liabilities:agency:pending:a 0.40", "Cr liabilities:tax:withholding:US:pit 1.60",
		"Cr liabilities:seller:pending:s 16.80", "Cr revenue:referral_fee 1.20")
	w.post(t, "refund.made", "r", `{"order":"o","refund":"1","full":true}`)
	for a, m := range w.balances(t) {
		if a != "assets:processor:pending:main USD" && a != "assets:processor:available:main USD" {
			t.Errorf("after a full return %s has %s", a, m)
		}
	}
}

// TestWonAfterRefundIsTheBuyers: a loss that the platform bore was counted as paid by a full refund; when the bank gives
// the money back after all, it is the buyer's, and no gain.
func TestWonAfterRefundIsTheBuyers(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"refund.made", "order.cancelled"} {
		for _, liable := range []string{"platform", "seller"} {
			w := newPeerBench(t)
			w.post(t, "order.captured", "c", plainSale("o", "100.00"))
			w.post(t, "dispute.opened", "d", `{"order":"o","dispute":"dp","payment_id":"pi-o","amount":"100.00"}`)
			w.post(t, "dispute.closed", "l", `{"dispute":"dp","outcome":"lost","liable":"`+liable+`"}`)
			w.post(t, end, "e", map[string]string{"refund.made": `{"order":"o","refund":"1","full":true}`, "order.cancelled": `{"order":"o"}`}[end])
			r := w.post(t, "dispute.closed", "w", `{"dispute":"dp","outcome":"won"}`)
			want := []string{"Dr assets:processor:available:main 100.00", "Cr liabilities:customer_refund_due:o 100.00"}
			if liable == "seller" && end == "refund.made" { // the order was empty when it was refunded: it is as if it never had been
				want = []string{"Dr assets:processor:available:main 100.00", "Cr liabilities:seller:pending:s 94.00", "Cr revenue:referral_fee 6.00"}
			}
			wantEntries(t, end+" "+liable, r, want...)
			w.verify(t)
		}
	}
}

// TestDisputeFeeComesBackOnce: the processor gives a fee back once, however often it is said.
func TestDisputeFeeComesBackOnce(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	w.post(t, "order.captured", "c", plainSale("o", "100.00"))
	w.post(t, "dispute.opened", "d", `{"order":"o","dispute":"dp","payment_id":"pi-o","amount":"100.00","fee":"15.00"}`)
	w.post(t, "dispute.closed", "l", `{"dispute":"dp","outcome":"lost","liable":"platform","fee_returned":true}`)
	r := w.post(t, "dispute.closed", "w", `{"dispute":"dp","outcome":"won","fee_returned":true}`)
	wantEntries(t, "won", r, "Dr assets:processor:available:main 100.00", "Cr expenses:chargeback_loss 100.00")
}

// TestCancelledAfterCosts: an order that kept something back from the buyer, or owes a label, can be cancelled; what is
// with others stays there.
func TestCancelledAfterCosts(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	w.post(t, "order.captured", "c", raceSale("o", 2, "50.00", "100.00"))
	w.post(t, "refund.made", "r", `{"order":"o","refund":"1","lines":[{"line":1,"quantity":1}],"restocking_fee":"4.00","label_fee":"6.00","carrier":"dhl"}`)
	r := w.post(t, "order.cancelled", "x", `{"order":"o"}`)
	wantEntries(t, "cancelled", r, "Cr assets:processor:available:main 50.00", "Dr liabilities:seller:pending:s 42.00", "Dr revenue:referral_fee 3.00", "Dr liabilities:creator:pending:c 4.00", "Dr liabilities:agency:pending:a 1.00")
	if got := w.balances(t); got["liabilities:seller:pending:s USD"] != "4.00" || got["liabilities:carrier:dhl USD"] != "6.00" {
		t.Errorf("%v", got)
	}
}

// TestHoldGoesBackWhereItWas: what a dispute held of a settled order is available again, also if a later capture waits.
func TestHoldGoesBackWhereItWas(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	w.post(t, "order.captured", "c1", plainSale("o", "100.00"))
	if r := w.Settle(t.Context(), w.book, "o", Settlement{}); r.Err != nil {
		t.Fatal(r.Err)
	}
	w.post(t, "order.captured", "c2", replaceAll(plainSale("o", "50.00"), `"order":"o"`, `"order":"o","capture":2`, `"line":1`, `"line":2`, "pi-o", "pi-2"))
	w.post(t, "dispute.opened", "d", `{"order":"o","dispute":"dp","payment_id":"pi-o","amount":"100.00","fee":"15.00"}`)
	r := w.post(t, "dispute.closed", "w", `{"dispute":"dp","outcome":"won"}`)
	held := moved("liabilities:seller:dispute_hold:s", r)
	if available := moved("liabilities:seller:available:s", r); held >= 0 || available != -held || moved("liabilities:seller:pending:s", r) != 0 {
		t.Errorf("of %d held, %d is available again", -held, available)
	}
}

// TestGroupSeesItsOwnDebt: two full refunds of settled orders in one group apply the reserves to the debt that both make,
// as they do one after the other.
func TestGroupSeesItsOwnDebt(t *testing.T) {
	t.Parallel()
	var applied [2]money.Minor
	for way := range applied {
		w := newPeerBench(t)
		rate, days := "0.1", 30
		for _, id := range []string{"a", "b"} {
			w.post(t, "order.captured", id, plainSale(id, "100.00"))
			if r := w.Settle(t.Context(), w.book, id, Settlement{ReserveRate: &rate, ReserveDays: &days}); r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		w.raw(t, "payout.created", "P", "USD", "liabilities:seller:available:s", 8460, "liabilities:payout_in_transit:s", -8460)
		events := []Event{event(t, "refund.made", "ra", `{"order":"a","refund":"1","full":true}`), event(t, "refund.made", "rb", `{"order":"b","refund":"1","full":true}`)}
		var results []Result
		if way == 0 {
			results = w.PostBatch(t.Context(), w.book, events[:1])
			results = append(results, w.PostBatch(t.Context(), w.book, events[1:])...)
		} else {
			results = w.PostAtomic(t.Context(), w.book, events)
		}
		for _, r := range results {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		applied[way] = -moved("liabilities:seller:reserve:s", results...)
	}
	if applied[0] != applied[1] || applied[0] == 0 {
		t.Errorf("one by one %d of the reserves is applied, as a group %d", applied[0], applied[1])
	}
}

// TestEventStaysAsItWasSent: recording an event leaves it as it was, so that the same one sent again is the same.
func TestEventStaysAsItWasSent(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	w.post(t, "order.captured", "c", plainSale("o", "100.00"))
	w.post(t, "dispute.opened", "d", `{"order":"o","dispute":"dp","payment_id":"pi-o","amount":"100.00","reason":"fraudulent"}`)
	e := event(t, "dispute.closed", "l", `{"dispute":"dp","outcome":"lost"}`)
	for i := range 2 {
		if r := w.Post(t.Context(), w.book, e); r.Err != nil || r.Replayed != (i == 1) {
			t.Errorf("time %d: replayed %v, %v", i+1, r.Replayed, r.Err)
		}
	}
}

// TestRoundUpReleased (W-11): a full refund is made although the order's donation went on already; the donation stays.
func TestRoundUpReleased(t *testing.T) {
	t.Parallel()
	for _, released := range []bool{false, true} {
		w := newPeerBench(t)
		w.post(t, "order.captured", "c", replaceAll(plainSale("o", "100.00"), `"payments"`, `"donation_round_up":{"beneficiary":"ngo","campaign":"winter","amount":"0.40"},"payments"`, `"amount":"100.00"`, `"amount":"100.40"`))
		want := []string{"Cr assets:processor:available:main 100.40", "Dr liabilities:donation:pending:ngo:winter 0.40", "Dr liabilities:seller:pending:s 94.00", "Dr revenue:referral_fee 6.00"}
		if released {
			w.raw(t, "donation.released", "rel", "USD", "liabilities:donation:pending:ngo:winter", 40, "liabilities:donation:available:ngo:winter", -40)
			want = []string{"Cr assets:processor:available:main 100.00", "Dr liabilities:seller:pending:s 94.00", "Dr revenue:referral_fee 6.00"}
		}
		r := w.post(t, "refund.made", "r", `{"order":"o","refund":"1","full":true}`)
		wantEntries(t, "full refund", r, want...)
		w.checkExplanation(t, "full refund", r)
		if r := w.post(t, "refund.made", "r2", `{"order":"o","refund":"2","full":true}`); len(r.Transactions[0].Entries) != 0 {
			t.Errorf("a second full refund posted\n%s", entriesOf(r.Transactions))
		}
		w.verify(t)
	}
}

// TestOnePaymentCapturedTwice: two captures of one payment are one tender: what a lost dispute of it took cannot be
// refunded again.
func TestOnePaymentCapturedTwice(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	w.post(t, "order.captured", "c1", plainSale("o", "60.00"))
	w.post(t, "order.captured", "c2", replaceAll(plainSale("o", "40.00"), `"order":"o"`, `"order":"o","capture":2`, `"line":1`, `"line":2`))
	refundable := func(want string) {
		t.Helper()
		if o, err := w.Order(t.Context(), w.book, "o"); err != nil || o.Refundable != want {
			t.Errorf("%v: %s may go back, want %s", err, o.Refundable, want)
		}
	}
	w.post(t, "dispute.opened", "d", `{"order":"o","dispute":"dp","payment_id":"pi-o","amount":"70.00"}`)
	refundable("30.00")
	w.post(t, "dispute.closed", "l", `{"dispute":"dp","outcome":"lost","liable":"seller"}`)
	refundable("30.00")
	r := w.post(t, "payment.failed", "f", `{"order":"o","payment_id":"pi-o"}`)
	if got := moved("assets:processor:available:main", r); got != 3000 {
		t.Errorf("the failure took %d, want what was left", got)
	}
	refundable("0.00")
}
