package commerce

import (
	"fmt"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// Changes of orders that come at the same moment, and what is refused of them.

const changedSale = `{"order":%q,"currency":"USD","placed_at":"2026-11-20T10:00:00Z","seller":"s","lines":[{"line":1,"sku":"A","quantity":2,"unit_price":"50.00"}],
	"creators":[{"creator":"c"}],"commission_rate":"0.1","payments":[{"processor":"main","payment_id":"pi-%s","amount":"100.00"}]}`

func (w *workbench) sellChanged(t *testing.T, order string) {
	t.Helper()
	w.post(t, "order.captured", order, fmt.Sprintf(changedSale, order, order))
}

func (w *workbench) settleChanged(t *testing.T, order string) {
	t.Helper()
	if r := w.Settle(t.Context(), w.book, order, Settlement{}); r.Err != nil {
		t.Fatal(r.Err)
	}
}

// TestExchangeCapturedOnce: many say what the buyer takes instead, through two replicas; the exchange is captured once.
func TestExchangeCapturedOnce(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	doors := []*workbench{w, w.replica(t)}
	w.sellChanged(t, "o")
	w.post(t, "exchange.returned", "back", `{"order":"o","exchange":"EX","lines":[{"line":1,"quantity":1}]}`)
	events := make([]Event, 20)
	for i := range events {
		lines := fmt.Sprintf(`"lines":[{"line":%d,"sku":"B","quantity":1,"unit_price":"30.00"}]`, i+2)
		if i%4 == 0 {
			lines = `"lines":[]`
		}
		events[i] = event(t, "exchange.captured", fmt.Sprint("x", i), `{"order":"o","exchange":"EX",`+lines+`}`)
	}
	results := make([]Result, len(events))
	together(len(events), func(i int) { results[i] = doors[i%2].Post(t.Context(), w.book, events[i]) })
	won := 0
	for i, r := range results {
		if r.Err == nil {
			won++
		} else if fault.CodeOf(r.Err) != ErrRepeated.Code {
			t.Errorf("capture %d: %v", i, r.Err)
		}
	}
	if left := w.balances(t)["liabilities:exchange_clearing:o USD"]; won != 1 || left != "" {
		t.Errorf("%d captures of one exchange, %q left on the clearing account", won, left)
	}
	w.verify(t)
}

// TestPledgesTogether: pledges of a fifth each, all at once, of a commission that is available and partly paid out: no more
// is given than there is, and nobody's available money falls below zero.
func TestPledgesTogether(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	doors := []*workbench{w, w.replica(t)}
	w.sellChanged(t, "o")
	w.settleChanged(t, "o")
	w.raw(t, "payout.created", "P", "USD", "liabilities:creator:available:c", 500, "liabilities:payout_in_transit:c", -500)
	results := make([]Result, 20)
	events := make([]Event, len(results))
	for i := range events {
		events[i] = event(t, "donation.from_sale", fmt.Sprint("p", i), fmt.Sprintf(`{"order":"o","pledge":"P%d","creator":"c","beneficiary":"ngo","campaign":"k","rate":"0.2"}`, i))
	}
	together(len(events), func(i int) { results[i] = doors[i%2].Post(t.Context(), w.book, events[i]) })
	won := 0
	for i, r := range results {
		switch code := fault.CodeOf(r.Err); {
		case r.Err == nil:
			won++
		case code != ledger.ErrFloor.Code:
			t.Errorf("pledge %d: %v", i, r.Err)
		}
	}
	balances := w.balances(t)
	if won != 2 || balances["liabilities:donation:pending:ngo:k USD"] != "4.00" || balances["liabilities:creator:available:c USD"] != "1.00" {
		t.Errorf("%d pledges: %v", won, balances)
	}
	w.verify(t)
}

// TestRefundBesideRelease: while donations are released to their beneficiary, their orders are refunded. No refund is
// refused for want of a donation; what was released stays, and the creator bears it.
func TestRefundBesideRelease(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	other := w.replica(t)
	const orders = 12
	for i := range orders {
		id := fmt.Sprint("o", i)
		w.sellChanged(t, id)
		w.post(t, "donation.from_sale", "g"+id, fmt.Sprintf(`{"order":%q,"pledge":"P","creator":"c","beneficiary":"ngo","campaign":"k","rate":"0.1"}`, id))
		w.settleChanged(t, id)
	}
	refunds := make([]Event, orders)
	for i := range refunds {
		refunds[i] = event(t, "refund.made", fmt.Sprint("r", i), fmt.Sprintf(`{"order":"o%d","refund":"R","full":true,"shipped":false}`, i))
	}
	released, refused := make([]bool, orders), make([]error, orders)
	together(2*orders, func(i int) {
		if i < orders {
			refused[i] = []*workbench{w, other}[i%2].Post(t.Context(), w.book, refunds[i]).Err
			return
		}
		out := w.ledger.Post(t.Context(), w.book, ledger.Submission{Reference: fmt.Sprint("release", i), Drafts: []ledger.Draft{{Event: "donation.released", Authority: ledger.ByDecision, Lines: []ledger.Line{
			{Account: "liabilities:donation:pending:ngo:k", Amount: 100, Currency: "USD"}, {Account: "liabilities:donation:available:ngo:k", Amount: -100, Currency: "USD"}}}}})
		released[i-orders] = out.Err == nil
	})
	gone := 0
	for i := range orders {
		if refused[i] != nil {
			t.Errorf("refund %d: %v", i, refused[i])
		}
		if released[i] {
			gone++
		}
	}
	want := map[string]string{}
	if gone > 0 {
		want["liabilities:donation:available:ngo:k USD"] = fmt.Sprintf("%d.00", gone)
		want["liabilities:creator:available:c USD"] = fmt.Sprintf("-%d.00", gone)
	}
	for a, m := range w.balances(t) {
		if !strings.HasPrefix(a, "assets:processor:") && want[a] != m {
			t.Errorf("%d released: %s has %s, want %s", gone, a, m, want[a])
		}
	}
	w.verify(t)
}

// TestChangesRefused: what cannot be is refused with a reason and changes nothing.
func TestChangesRefused(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	w.sellChanged(t, "o")
	w.sellChanged(t, "gone")
	w.post(t, "order.cancelled", "x", `{"order":"gone"}`)
	w.post(t, "order.captured", "plain", `{"order":"plain","currency":"USD","placed_at":"2026-11-20T10:00:00Z","seller":"s","lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"1.00"}],"payments":[{"processor":"main","payment_id":"pp","amount":"1.00"}]}`)
	before := w.balances(t)
	for i, c := range []struct{ kind, data, want string }{
		{"order.line_cancelled", `{"order":"none","cancellation":"C","lines":[{"line":1,"quantity":1}]}`, "order-unknown"},
		{"order.line_cancelled", `{"order":"o","cancellation":"C","lines":[]}`, "validation-failed"},
		{"order.line_cancelled", `{"order":"o","cancellation":"C","lines":[{"line":7,"quantity":1}]}`, "validation-failed"},
		{"order.line_cancelled", `{"order":"o","cancellation":"C","lines":[{"line":1,"quantity":3}]}`, "insufficient-funds"},
		{"order.line_cancelled", `{"order":"gone","cancellation":"C","lines":[{"line":1,"quantity":1}]}`, "order-state"},
		{"exchange.returned", `{"order":"gone","exchange":"E","lines":[{"line":1,"quantity":1}]}`, "order-state"},
		{"exchange.returned", `{"order":"o","exchange":"E","lines":[{"line":1,"quantity":9}]}`, "insufficient-funds"},
		{"exchange.returned", `{"order":"o","exchange":"E","lines":[{"line":1,"quantity":1},{"line":1,"quantity":1}]}`, "validation-failed"},
		{"exchange.captured", `{"order":"o","exchange":"E","lines":[{"line":2,"sku":"B","quantity":1,"unit_price":"1.00"}]}`, "order-state"},
		{"exchange.captured", `{"order":"o","exchange":"E","returned":[{"line":1,"quantity":1}],"lines":[{"line":1,"sku":"B","quantity":1,"unit_price":"50.00"}]}`, "validation-failed"},
		{"exchange.captured", `{"order":"o","exchange":"E","returned":[{"line":1,"quantity":1}],"lines":[{"line":2,"sku":"B","quantity":1,"unit_price":"50.00"}],"payments":[{"processor":"main","payment_id":"p","amount":"1.00"}]}`, "validation-failed"},
		{"exchange.captured", `{"order":"o","exchange":"E","returned":[{"line":1,"quantity":1}],"lines":[{"line":2,"sku":"B","quantity":1000000,"unit_price":"99999999999999.99"}]}`, "validation-failed"},
		{"attribution.moved", `{"order":"plain","move":"M","creators":[{"creator":"d"}],"reason":"x"}`, "order-state"},
		{"attribution.moved", `{"order":"o","move":"M","creators":[{"creator":"d","weight":"0"}],"reason":"x"}`, "validation-failed"},
		{"attribution.moved", `{"order":"o","move":"M","creators":[{"creator":"d","agency":{"id":"a","share":"1.9"}}],"reason":"x"}`, "validation-failed"},
		{"commission.tier_adjusted", `{"order":"plain","tier_change_id":"T","rate":"0.2","payer":"seller"}`, "order-state"},
		{"commission.tier_adjusted", `{"order":"o","tier_change_id":"T","rate":"1.2","payer":"seller"}`, "validation-failed"},
		{"commission.tier_adjusted", `{"order":"o","tier_change_id":"T","rate":"0.05","payer":"seller"}`, "validation-failed"},
		{"commission.tier_adjusted", `{"order":"o","tier_change_id":"T","rate":"0.05","payer":"platform","consent":"DOC-1"}`, "validation-failed"},
		{"donation.from_sale", `{"order":"o","pledge":"P","creator":"nobody","beneficiary":"n","campaign":"k","rate":"0.1"}`, "order-state"},
		{"donation.from_sale", `{"order":"o","pledge":"P","creator":"c","beneficiary":"n","campaign":"k","rate":"0"}`, "validation-failed"},
	} {
		if r := w.Post(t.Context(), w.book, event(t, c.kind, fmt.Sprint("bad", i), c.data)); fault.CodeOf(r.Err) != c.want {
			t.Errorf("%s %s: %v, want %s", c.kind, c.data, r.Err, c.want)
		}
	}
	if after := w.balances(t); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("refusals moved money from %v to %v", before, after)
	}
}

// TestReversalOfOthers: what another service posted is not reversed by an event.
func TestReversalOfOthers(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	var hash [32]byte
	out := w.ledger.Post(t.Context(), w.book, ledger.Submission{Reference: "P", Hash: hash, Drafts: []ledger.Draft{{Event: "payout.created", Subject: "payout:1", Explanation: explanationOf(hash, "", 0, nil), Lines: []ledger.Line{
		{Account: "liabilities:creator:available:c", Amount: 500, Currency: "USD"}, {Account: "liabilities:payout_in_transit:c", Amount: -500, Currency: "USD"}}}}})
	if out.Err != nil {
		t.Fatal(out.Err)
	}
	if r := w.reverse(t, &out.Transactions[0]); fault.CodeOf(r.Err) != ErrEventReserved.Code {
		t.Errorf("reversing a payout: %v", r.Err)
	}
}

// TestExchangeRestartsTheClock: after an exchange the order is not due until the new goods have arrived.
func TestExchangeRestartsTheClock(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	w.sellChanged(t, "o")
	w.post(t, "order.delivered", "d", `{"order":"o","delivered_at":"2026-11-22T10:00:00Z","last_parcel":true}`)
	due := func() *Order {
		o, err := w.Order(t.Context(), w.book, "o")
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	first := due().DueAt
	w.post(t, "exchange.returned", "b", `{"order":"o","exchange":"E","lines":[{"line":1,"quantity":1}]}`)
	if gates := fmt.Sprint(due().Gates); gates != "[exchange:E]" {
		t.Errorf("an open exchange shows the gates %s", gates)
	}
	w.post(t, "exchange.captured", "x", `{"order":"o","exchange":"E","lines":[{"line":2,"sku":"B","quantity":1,"unit_price":"50.00"}]}`)
	o := due()
	if r := w.Settle(t.Context(), w.book, "o", Settlement{IfDue: true}); o.DueAt != nil || len(o.Gates) > 0 || fault.CodeOf(r.Err) != ErrNotDue.Code {
		t.Errorf("before the delivery of the new goods: due %v, gates %v, settling says %v", o.DueAt, o.Gates, r.Err)
	}
	w.post(t, "order.delivered", "d2", `{"order":"o","delivered_at":"2026-12-01T10:00:00Z","last_parcel":true}`)
	if second := due().DueAt; first == nil || second == nil || !second.After(*first) {
		t.Errorf("due at first %v, then %v", first, second)
	}
}
