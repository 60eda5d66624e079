package commerce

import (
	"fmt"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Peers' bugs about taking back: reversals, refunds beside disputes, money that left already.

// TestPeer35ReversalNeverBlocked (N12, N13): a refund is reversed although the payees' money is elsewhere, a reversal is
// not reversed, and nothing is reversed twice.
func TestPeer35ReversalNeverBlocked(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	sale := w.post(t, "order.captured", "c", raceSale("o", 2, "50.00", "100.00"))
	if r := w.Settle(t.Context(), w.book, "o", Settlement{}); r.Err != nil {
		t.Fatal(r.Err)
	}
	w.raw(t, "payout.created", "P", "USD", "liabilities:seller:available:s", 8400, "liabilities:payout_in_transit:s", -8400)
	reverse := func(reference string, r Result) Result {
		return w.Post(t.Context(), w.book, event(t, "entry.reversed", reference, fmt.Sprintf(`{"transaction":%q,"reason":"mistake"}`, r.Transactions[0].ID())))
	}
	if r := reverse("x", sale); fault.CodeOf(r.Err) != ErrNotLast.Code {
		t.Errorf("reversing the sale under its settlement: %v", r.Err)
	}
	before := w.balances(t)
	refund := w.post(t, "refund.made", "r", `{"order":"o","refund":"1","full":true}`)
	undone := reverse("u", refund)
	if undone.Err != nil {
		t.Fatal(undone.Err)
	}
	for a, m := range w.balances(t) {
		if before[a] != m {
			t.Errorf("%s: %s before the refund, %s after its reversal", a, before[a], m)
		}
	}
	if r := reverse("u2", refund); fault.CodeOf(r.Err) != ledger.ErrAlreadyReversed.Code {
		t.Errorf("N13, reversing twice: %v", r.Err)
	}
	if r := reverse("u3", undone); fault.CodeOf(r.Err) != ledger.ErrReversalOfReversal.Code {
		t.Errorf("N12, reversing a reversal: %v", r.Err)
	}
	w.post(t, "refund.made", "r2", `{"order":"o","refund":"1","full":true}`) // its first try does not count any more
	w.verify(t)
}

// TestPeer36OneAccountInSeveralLegs: an account that an event touches for several reasons has one line and the right
// balance; so does a payee who is there twice.
func TestPeer36OneAccountInSeveralLegs(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	r := w.post(t, "order.captured", "c", `{"order":"o","currency":"USD","placed_at":"2026-11-20T10:00:00Z","seller":"s","lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"100.00"}],
		"creators":[{"creator":"c","weight":"1","agency":{"id":"a","share":"0.5"}},{"creator":"d","weight":"1","agency":{"id":"a","share":"0.25"}}],"commission_rate":"0.1",
		"partners":[{"partner":"p","role":"one","rate":"0.01"},{"partner":"p","role":"two","rate":"0.02"}],"payments":[{"processor":"main","payment_id":"1","amount":"60.00"},{"processor":"main","payment_id":"2","amount":"40.00"}]}`)
	wantEntries(t, "capture", r, "Dr assets:processor:pending:main 100.00", "Cr liabilities:agency:pending:a 3.75", "Cr liabilities:creator:pending:c 2.50", "Cr liabilities:creator:pending:d 3.75",
		"Cr liabilities:partner:pending:p 3.00", "Cr revenue:referral_fee 6.00", "Cr liabilities:seller:pending:s 81.00")
	w.post(t, "refund.made", "r", `{"order":"o","refund":"1","full":true}`)
	for a, m := range w.balances(t) {
		if a != "assets:processor:pending:main USD" && a != "assets:processor:available:main USD" {
			t.Errorf("%s still has %s", a, m)
		}
	}
	w.verify(t)
}

// TestPeer37And41EachPartyOnce: whatever the pieces, each party gives back its own part once, and an amount without units
// follows the sale's own split.
func TestPeer37And41EachPartyOnce(t *testing.T) {
	t.Parallel()
	for _, pieces := range [][]string{{`"amount":"40.00"`, `"full":true`}, {`"lines":[{"line":1,"quantity":1}]`, `"amount":"7.77"`, `"full":true`}, {`"amount":"0.01"`, `"amount":"99.98"`, `"amount":"0.01"`}} {
		w := newPeerBench(t)
		all := []Result{w.post(t, "order.captured", "c", raceSale("o", 2, "50.00", "100.00"))}
		for i, piece := range pieces {
			r := w.post(t, "refund.made", fmt.Sprint("r", i), fmt.Sprintf(`{"order":"o","refund":"%d",%s}`, i, piece))
			if piece == `"amount":"40.00"` {
				wantEntries(t, "40 %", r, "Cr assets:processor:available:main 40.00", "Dr liabilities:agency:pending:a 0.80", "Dr liabilities:creator:pending:c 3.20",
					"Dr liabilities:seller:pending:s 33.60", "Dr revenue:referral_fee 2.40")
			}
			all = append(all, r)
		}
		for _, a := range []string{"liabilities:agency:pending:a", "liabilities:creator:pending:c", "liabilities:seller:pending:s", "revenue:referral_fee"} {
			if got := moved(a, all...); got != 0 {
				t.Errorf("%v: %s ends at %d", pieces, a, got)
			}
		}
	}
}

// TestPeer38RefundAndDispute: a refund before, during and after a dispute, in part and in full, with every outcome and
// before and after the settlement: nobody gives more than the order gave, but for the seller's fee; the buyer gets no
// more than what was paid unless a bank decides it, and then the platform bears it.
func TestPeer38RefundAndDispute(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	n := 0
	for _, settled := range []bool{false, true} {
		for _, when := range []string{"before", "during", "after", "reopened"} {
			for _, extent := range []string{`"amount":"30.00"`, `"lines":[{"line":1,"quantity":1}]`, `"full":true`} {
				for _, disputed := range []string{"100.00", "40.00"} {
					for _, outcome := range []string{`"won"`, `"lost","liable":"seller"`, `"lost","liable":"platform"`} {
						n++
						w.refundAndDispute(t, fmt.Sprint("o", n), settled, when, extent, disputed, outcome)
					}
				}
			}
		}
	}
	w.verify(t)
}

func (w *workbench) refundAndDispute(t *testing.T, id string, settled bool, when, extent, disputed, outcome string) {
	t.Helper()
	name := fmt.Sprint(settled, when, extent, disputed, outcome)
	all := []Result{w.post(t, "order.captured", id, raceSale(id, 2, "50.00", "100.00"))}
	if settled {
		all = append(all, w.Settle(t.Context(), w.book, id, Settlement{}))
	}
	refund := func() {
		r := w.Post(t.Context(), w.book, event(t, "refund.made", id+"r", fmt.Sprintf(`{"order":%q,"refund":"1",%s}`, id, extent)))
		if r.Err != nil && fault.CodeOf(r.Err) != errRefundTooLarge.Code {
			t.Errorf("%s: %v", name, r.Err)
		}
		if r.Err == nil && when == "during" && disputed == "100.00" && moved("assets:processor:available:main", r) != 0 {
			t.Errorf("%s: a refund of money that a dispute holds", name)
		}
		all = append(all, r)
	}
	if when == "before" {
		refund()
	}
	all = append(all, w.post(t, "dispute.opened", id+"d", fmt.Sprintf(`{"order":%q,"dispute":"dp-%s","payment_id":"pi-%s","amount":%q,"fee":"15.00"}`, id, id, id, disputed)))
	if when == "during" {
		refund()
	}
	all = append(all, w.post(t, "dispute.closed", id+"e", fmt.Sprintf(`{"dispute":"dp-%s","outcome":%s}`, id, outcome)))
	if when == "after" || when == "reopened" {
		refund()
	}
	if when == "reopened" && outcome != `"won"` {
		all = append(all, w.post(t, "dispute.closed", id+"f", fmt.Sprintf(`{"dispute":"dp-%s","outcome":"won"}`, id)))
	}
	o, err := w.load(t.Context(), w.book, id, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range o.payees() {
		least := money.Minor(0)
		if at == o.sellerPosition() {
			least = -1500
		}
		if got := o.net(at) + o.bucketOf(at, bucketDisputeHold); got < least {
			t.Errorf("%s: %s ends at %d", name, at, got)
		}
	}
	processor := moved("assets:processor:available:main", all...) + moved("assets:processor:pending:main", all...)
	given := 10000 + processor - 1500 // what left us beside the dispute's fee
	platform := -moved(accountChargebackLoss, all...)
	if given-platform > 10000 || platform < 0 || given < 0 {
		t.Errorf("%s: the buyer got %d of 10000, of which the platform bore %d", name, given, platform)
	}
}

// TestPeer42RefundFoundFirst: a refund that reconciliation found at the processor is not taken from it a second time.
func TestPeer42RefundFoundFirst(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	w.post(t, "order.captured", "c", raceSale("o", 1, "100.00", "100.00"))
	draft := ledger.Draft{Event: "recon.suspense_out", OccurredAt: testNow.Add(-time.Hour), Lines: []ledger.Line{
		{Account: accountSuspense, Amount: 10000, Currency: "USD", ExternalRef: "re_1"},
		{Account: "assets:processor:available:main", Amount: -10000, Currency: "USD", ExternalRef: "re_1"}}}
	if out := w.ledger.Post(t.Context(), w.book, ledger.Submission{Reference: "s", Drafts: []ledger.Draft{draft}}); out.Err != nil {
		t.Fatal(out.Err)
	}
	r := w.post(t, "refund.made", "r", `{"order":"o","refund":"1","full":true,"payment_refund_id":"re_1"}`)
	if moved(accountSuspense, r) != 10000 || moved("assets:processor:available:main", r) != 0 {
		t.Errorf("the refund posted\n%s", entriesOf(r.Transactions))
	}
	if _, open := w.balances(t)[accountSuspense+" USD"]; open {
		t.Error("suspense is not cleared")
	}
	if r := w.Post(t.Context(), w.book, event(t, "refund.made", "r2", `{"order":"o","refund":"2","amount":"1.00","payment_refund_id":"re_1"}`)); fault.CodeOf(r.Err) != errRefundTooLarge.Code {
		t.Errorf("the refund again: %v", r.Err)
	}
	w.verify(t)
}

// TestRefundInputs (A44, A45): refunds of more than there is, of nothing and of less than a unit are refused.
func TestRefundInputs(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	w.post(t, "order.captured", "c", raceSale("o", 2, "50.00", "100.00"))
	for data, want := range map[string]string{
		`"amount":"100.01"`: errRefundTooLarge.Code, `"lines":[{"line":1,"quantity":3}]`: errRefundTooLarge.Code, `"amount":"0"`: ledger.ErrInvalid.Code, `"amount":"0.00"`: ledger.ErrInvalid.Code,
		`"amount":"-1.00"`: ledger.ErrInvalid.Code, `"amount":"1e2"`: ledger.ErrInvalid.Code, `"amount":"0.001"`: ledger.ErrInvalid.Code, `"lines":[{"line":2,"quantity":1}]`: ledger.ErrInvalid.Code,
		`"lines":[{"line":1,"quantity":0}]`: ledger.ErrInvalid.Code, `"lines":[{"line":1,"quantity":1},{"line":1,"quantity":1}]`: ledger.ErrInvalid.Code, `"full":true,"amount":"1.00"`: ledger.ErrInvalid.Code,
		`"lines":[{"line":1,"quantity":1}],"restocking_fee":"50.01"`: ledger.ErrInvalid.Code, `"amount":"9223372036854775808"`: ledger.ErrInvalid.Code,
	} {
		if r := w.Post(t.Context(), w.book, event(t, "refund.made", data, `{"order":"o","refund":"1",`+data+`}`)); fault.CodeOf(r.Err) != want {
			t.Errorf("%s: %v, want %s", data, r.Err, want)
		}
	}
	if n := w.headOf(t); n != 1 {
		t.Errorf("%d transactions are recorded, want the sale's", n)
	}
}

// TestN02RefundAfterPayout: a refund after the payout makes a debt, and the next settlement's money covers it.
func TestN02RefundAfterPayout(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	settle := func(id string) {
		if r := w.Settle(t.Context(), w.book, id, Settlement{}); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	w.post(t, "order.captured", "c1", raceSale("a", 1, "100.00", "100.00"))
	settle("a")
	w.raw(t, "payout.created", "P", "USD", "liabilities:seller:available:s", 8400, "liabilities:payout_in_transit:s", -8400)
	w.post(t, "refund.made", "r", `{"order":"a","refund":"1","full":true}`)
	if got := w.balances(t)["liabilities:seller:available:s USD"]; got != "-84.00" {
		t.Errorf("the debt is %s, want -84.00", got)
	}
	w.post(t, "order.captured", "c2", raceSale("b", 1, "150.00", "150.00"))
	settle("b")
	if got := w.balances(t)["liabilities:seller:available:s USD"]; got != "42.00" {
		t.Errorf("after the next settlement %s is available, want 42.00", got)
	}
}

// TestN19RateBoundary: the first instant of a version belongs to it, the one before to the version before, and an
// order keeps its version for ever.
func TestN19RateBoundary(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	next := []byte(replaceAll(peerRules, `"version":1`, `"version":2`, `2021-01-01`, `2026-11-20`, `"rate":"0.06"`, `"rate":"0.08"`))
	w.useRules(t, next)
	for placed, want := range map[string]money.Minor{"2026-11-19T23:59:59.999999Z": 600, "2026-11-20T00:00:00Z": 800} {
		id := placed[:10]
		r := w.post(t, "order.captured", id, replaceAll(raceSale(id, 1, "100.00", "100.00"), "2026-11-20T10:00:00Z", placed))
		if got := moved("revenue:referral_fee", r); got != want {
			t.Errorf("placed at %s the fee is %d, want %d", placed, got, want)
		}
		r = w.post(t, "refund.made", id+"r", fmt.Sprintf(`{"order":%q,"refund":"1","amount":"50.00"}`, id))
		if got := moved("revenue:referral_fee", r); got != -want/2 {
			t.Errorf("placed at %s half of the fee is %d, want %d", placed, -got, want/2)
		}
	}
}
