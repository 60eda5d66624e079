package payouts

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"mizan/ledger/money"
)

// TestAHoldThatLacksStandsInTheWay: money that became available past the flag of a hold of an amount is not paid while the
// hold lacks what it wants, and is once it has it.
func TestAHoldThatLacksStandsInTheWay(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who, filled := usd("seller", "sel_short"), usd("seller", "sel_filled")
	h.ready(who, true)
	h.ready(filled, true)
	h.move(who, "available", 3000)
	h.move(filled, "available", 3000)
	for id, wanted := range map[string]money.Minor{who.ID: 10_000, filled.ID: 1000} {
		hold := Hold{ID: "h_" + id, PayeeKey: PayeeKey{KindSeller, id}, Currency: "USD", Effect: EffectAmount, Category: CategoryLegal, Case: "C-1", Wanted: wanted}
		_, err := h.PlaceHold(t.Context(), finance, h.book, hold, "a court's order")
		h.must(err)
	}
	h.move(who, "available", 5000) // by a transaction, or planned before the flag stood
	h.set(runsStart.Add(-7 * time.Hour))
	run := h.runOn(runsStart)
	got := h.decisions(run.ID)
	if d := got[who.place()]; d.Verdict != VerdictSkip || !slices.Contains(d.Reasons, ReasonPaused) {
		t.Errorf("%s for %v", d.Verdict, d.Reasons)
	}
	if d := got[filled.place()]; d.Verdict != VerdictPay || d.Amount != 2000 {
		t.Errorf("%s %d for %v", d.Verdict, d.Amount, d.Reasons)
	}
	h.replays(run.ID)
	h.sound()
}

// TestOnePayeeNeverStopsTheRun: a payee of whom the facts make no sense waits with a decision, and the others are paid.
func TestOnePayeeNeverStopsTheRun(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	odd, fine := usd("creator", "cre_odd"), usd("seller", "sel_fine")
	h.ready(odd, true)
	h.ready(fine, true)
	h.move(odd, "available", 5000)
	h.move(odd, "pending", 100)
	h.move(fine, "available", 5000)
	far := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	_, err := h.db.Pool.Exec(t.Context(), `INSERT INTO payout_clocks (book_id, subject, act, due_at, look_at, sequence) VALUES ($1, 'order:x', 'settle', $2, $2, 1)`, h.book.ID, far)
	h.must(err)
	_, err = h.db.Pool.Exec(t.Context(), `INSERT INTO payout_waits (book_id, kind, payee, currency, subject, act, amount, due_at) VALUES ($1, 'creator', 'cre_odd', 'USD', 'order:x', 'settle', 100, $2)`, h.book.ID, far)
	h.must(err)
	h.set(runsStart.Add(-7 * time.Hour))
	run := h.runOn(runsStart)
	if run.Decided != 2 || run.Paid != 1 {
		t.Errorf("%+v", run)
	}
	h.replays(run.ID)
	// A currency that is withdrawn while the book has money in it is decided about, and not paid.
	var in Inputs
	h.must(json.Unmarshal(h.decisions(run.ID)[fine.place()].Inputs, &in))
	in.Payee.Currency = "BGN"
	h.must(in.Check())
	policy, err := h.PolicyAt(t.Context(), h.book, runsStart)
	h.must(err)
	if d := Decide(policy, in); d.Verdict != VerdictSkip {
		t.Errorf("BGN: %s", d.Verdict)
	}
}
