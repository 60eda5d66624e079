package commerce

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// own records an event of our own in a transaction, and checks that its reason is read back as it was answered.
func (w *workbench) own(t *testing.T, d OwnEvent) Result {
	t.Helper()
	e := Own(d, time.Time{})
	r := w.postTx(t.Context(), e)
	if r.Err != nil {
		t.Fatalf("%s: %v", e.Reference, r.Err)
	}
	w.checkExplanation(t, e.Reference, r)
	checkStepsTell(t, e.Reference, r)
	if len(r.Explanation.Steps) == 0 || r.Explanation.Summary == e.Type {
		t.Errorf("%s is not explained: %+v", e.Reference, r.Explanation)
	}
	for _, x := range r.Explanation.Entries {
		if x.Text == "" || x.Text == "As the event says." {
			t.Errorf("%s: %s has no reason", e.Reference, x.Account)
		}
	}
	return r
}

// refuseOwn records an event of our own that is refused with a code, and leaves nothing.
func (w *workbench) refuseOwn(t *testing.T, code string, d OwnEvent) {
	t.Helper()
	e := Own(d, time.Time{})
	if r := w.postTx(t.Context(), e); fault.CodeOf(r.Err) != code {
		t.Errorf("%s: %v, want %s", e.Reference, r.Err, code)
	}
	if ts, err := w.ledger.ByReference(t.Context(), w.book, e.Reference); err != nil || len(ts) > 0 {
		t.Errorf("%s left %d transactions, %v", e.Reference, len(ts), err)
	}
}

func terms(payout, amount, fee string) PayoutTerms {
	return PayoutTerms{Payout: payout, Kind: "seller", Payee: "sel_x", Currency: "USD", Amount: amount, Fee: fee, Source: SourceAvailable}
}

// TestScenarioS11 plays the life of payouts: an instant one fails, a standard one comes back, a court holds money, a refund
// makes a debt, a card pays a part of it and the rest is written off.
func TestScenarioS11(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	w.raw(t, "opening.balance", "open", "USD", "assets:processor:available:main", 50000, "liabilities:seller:available:sel_x", -50000)
	po1, po2, po3 := terms("po_1", "200.00", "3.00"), terms("po_2", "300.00", ""), terms("po_3", "380.00", "")
	wantEntries(t, "2", w.own(t, &PayoutCreated{PayoutTerms: po1, Method: "instant", Run: "run_1"}),
		"Dr liabilities:seller:available:sel_x 203.00", "Cr liabilities:payout_in_transit:sel_x 200.00", "Cr revenue:payout_fee 3.00")
	wantEntries(t, "3", w.own(t, &PayoutSubmitted{PayoutTerms: po1, Processor: "main", Entry: "txn_1"}),
		"Dr assets:cash_in_transit:main 200.00", "Cr assets:processor:available:main 200.00")
	w.post(t, "processor.payout_cost", "4", `{"payout":"po_1","processor":"main","currency":"USD","amount":"2.00","processor_reference":"txn_2"}`)
	failed := w.own(t, &PayoutFailed{PayoutTerms: po1, Processor: "main", Entry: "txn_3", Reason: "account_closed", CostReturned: "2.00", CostEntry: "txn_4"})
	wantEntries(t, "5", failed, "Dr liabilities:payout_in_transit:sel_x 200.00", "Dr revenue:payout_fee 3.00", "Cr liabilities:seller:available:sel_x 203.00",
		"Dr assets:processor:available:main 202.00", "Cr assets:cash_in_transit:main 200.00", "Cr expenses:processor_fee 2.00")
	refs := map[string]string{}
	for _, e := range failed.Transactions[0].Entries {
		if e.ExternalRef != "" {
			refs[e.ExternalRef] = e.Amount.Format("USD")
		}
	}
	if len(refs) != 2 || refs["txn_3"] != "200.00" || refs["txn_4"] != "2.00" {
		t.Errorf("the processor's lines are not apart: %v", refs)
	}
	if got := w.balances(t)["liabilities:seller:available:sel_x USD"]; got != "500.00" {
		t.Errorf("after the failure %s is available", got)
	}
	wantEntries(t, "6", w.own(t, &PayoutCreated{PayoutTerms: po2, RetryOf: "po_1"}), "Dr liabilities:seller:available:sel_x 300.00", "Cr liabilities:payout_in_transit:sel_x 300.00")
	wantEntries(t, "7", w.own(t, &PayoutSubmitted{PayoutTerms: po2, Processor: "main", Entry: "txn_5"}), "Dr assets:cash_in_transit:main 300.00", "Cr assets:processor:available:main 300.00")
	wantEntries(t, "8", w.own(t, &PayoutPaid{PayoutTerms: po2, Processor: "main", Trace: "TRACE 1"}), "Dr liabilities:payout_in_transit:sel_x 300.00", "Cr assets:cash_in_transit:main 300.00")
	wantEntries(t, "9", w.own(t, &PayoutReturned{PayoutTerms: po2, Processor: "main", Entry: "txn_6"}), "Dr assets:processor:available:main 300.00", "Cr liabilities:seller:available:sel_x 300.00")
	hold := HoldTerms{Hold: "h_1", Kind: "seller", Payee: "sel_x", Currency: "USD", Amount: "120.00", Category: HoldLegal, Case: "CASE 7"}
	held := w.own(t, &HoldPlaced{HoldTerms: hold})
	wantEntries(t, "10", held, "Dr liabilities:seller:available:sel_x 120.00", "Cr liabilities:seller:blocked:sel_x 120.00")
	if held.Transactions[0].Event != eventHoldLegalPlaced {
		t.Errorf("a court's hold is called %s", held.Transactions[0].Event)
	}
	w.refuseOwn(t, ledger.ErrFloor.Code, &PayoutCreated{PayoutTerms: terms("po_x", "380.01", "")})
	w.own(t, &PayoutCreated{PayoutTerms: po3, RetryOf: "po_2"})
	w.own(t, &PayoutSubmitted{PayoutTerms: po3, Processor: "main", Entry: "txn_7"})
	w.own(t, &PayoutPaid{PayoutTerms: po3, Processor: "main"})
	w.raw(t, "refund.full", "14", "USD", "liabilities:seller:available:sel_x", 15000, "assets:processor:available:main", -15000)
	w.post(t, "debt.card_recovered", "15", `{"recovery":"R-1","kind":"seller","payee":"sel_x","processor":"main","payment_id":"pi_1","currency":"USD","amount":"90.00"}`)
	w.post(t, "processor.fee_recorded", "15b", `{"processor":"main","payment_id":"pi_1","currency":"USD","amount":"2.91"}`)
	w.post(t, "processor.funds_available", "15c", `{"processor":"main","currency":"USD","amount":"87.09"}`)
	w.post(t, "debt.written_off", "16", `{"write_off":"WO-1","kind":"seller","payee":"sel_x","currency":"USD","amount":"60.00","reason":"unpaid_for_180_days","document":"W-1"}`)
	want := map[string]string{"assets:processor:available:main USD": "57.09", "liabilities:seller:blocked:sel_x USD": "120.00", "expenses:bad_debt USD": "60.00", "expenses:processor_fee USD": "2.91"}
	if got := w.balances(t); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("in the end %v, want %v", got, want)
	}
	// M-29: the hold ends; what was written off comes back first. M-27 would pay it to the court instead.
	hold.Amount = "120.01"
	w.refuseOwn(t, ledger.ErrFloor.Code, &HoldReleased{HoldTerms: hold})
	hold.Amount = "120.00"
	w.refuseOwn(t, ErrWrittenOffSmaller.Code, &HoldReleased{HoldTerms: hold, WrittenOff: "60.01"})
	wantEntries(t, "M-29", w.own(t, &HoldReleased{HoldTerms: hold, WrittenOff: "60.00"}),
		"Dr liabilities:seller:blocked:sel_x 120.00", "Cr liabilities:seller:available:sel_x 60.00", "Cr expenses:bad_debt 60.00")
	w.verified(t)
}

// TestPayoutJournals holds each step against the journals of the errata, for each source, with fee and tax on it.
func TestPayoutJournals(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD", "VND")
	w.raw(t, "opening.balance", "open", "USD", "assets:processor:available:main", 1_000_000, "liabilities:seller:available:s", -8010, "liabilities:seller:blocked:s", -12000,
		"liabilities:creator:available:c", -10000, "liabilities:seller_deposit:s", -42000, "liabilities:creator:minor_trust:c", -5000, "equity:opening", 1_000_000*-1+8010+12000+10000+42000+5000)
	of := func(payout, kind, payee, amount, fee, source, receiver string) PayoutTerms {
		return PayoutTerms{Payout: payout, Kind: kind, Payee: payee, Currency: "USD", Amount: amount, Fee: fee, Source: source, Receiver: receiver}
	}
	// W-09: 80.10 at 1.5 % is 78.92 and a fee of 1.18; not a cent more.
	instant := of("p1", "seller", "s", "78.92", "1.18", SourceAvailable, "")
	more := instant
	more.Payout, more.Amount = "p0", "78.93"
	w.refuseOwn(t, ledger.ErrFloor.Code, &PayoutCreated{PayoutTerms: more})
	both := []string{"liabilities:seller:available:s 80.10", "liabilities:payout_in_transit:s 78.92", "revenue:payout_fee 1.18"}
	wantEntries(t, "W-09 created", w.own(t, &PayoutCreated{PayoutTerms: instant}), "Dr "+both[0], "Cr "+both[1], "Cr "+both[2])
	wantEntries(t, "W-09 cancelled", w.own(t, &PayoutCancelled{PayoutTerms: instant, Reason: "destination_changed"}), "Cr "+both[0], "Dr "+both[1], "Dr "+both[2])
	// Tax on the fee stands beside it and goes back with it.
	taxed := of("p2", "seller", "s", "70.00", "1.00", SourceAvailable, "")
	taxed.FeeTax, taxed.FeeTaxIn = "0.20", "UK"
	wantEntries(t, "taxed", w.own(t, &PayoutCreated{PayoutTerms: taxed}), "Dr liabilities:seller:available:s 71.20", "Cr liabilities:payout_in_transit:s 70.00", "Cr revenue:payout_fee 1.00", "Cr liabilities:tax:vat:UK:on-fees 0.20")
	// M-33: submitted at the transfer, pulled back in part, and the rest too.
	w.own(t, &PayoutSubmitted{PayoutTerms: taxed, Processor: "main", Entry: "tr_1"})
	w.refuseOwn(t, "validation-failed", &PayoutPulledBack{PayoutTerms: taxed, Processor: "main", Entry: "trr_0", Pulled: "70.01"})
	wantEntries(t, "M-33", w.own(t, &PayoutPulledBack{PayoutTerms: taxed, Processor: "main", Entry: "trr_1", Pulled: "50.00"}),
		"Dr assets:processor:available:main 50.00", "Cr assets:cash_in_transit:main 50.00", "Dr liabilities:payout_in_transit:s 50.00", "Cr liabilities:seller:available:s 50.00")
	wantEntries(t, "the rest", w.own(t, &PayoutPulledBack{PayoutTerms: taxed, Processor: "main", Entry: "trr_2", Pulled: "20.00", FeeReturned: true}),
		"Dr assets:processor:available:main 20.00", "Cr assets:cash_in_transit:main 20.00", "Dr liabilities:payout_in_transit:s 20.00", "Dr revenue:payout_fee 1.00", "Dr liabilities:tax:vat:UK:on-fees 0.20", "Cr liabilities:seller:available:s 21.20")
	// M-27: blocked money is paid to the court, and comes back blocked.
	court := of("p3", "seller", "s", "120.00", "", SourceBlocked, "court")
	executed := w.own(t, &PayoutCreated{PayoutTerms: court})
	wantEntries(t, "M-27", executed, "Dr liabilities:seller:blocked:s 120.00", "Cr liabilities:payout_in_transit:court 120.00")
	if executed.Transactions[0].Event != eventHoldExecuted {
		t.Errorf("paying a court is called %s", executed.Transactions[0].Event)
	}
	w.own(t, &PayoutSubmitted{PayoutTerms: court, Processor: "main", Entry: "txn_c"})
	w.own(t, &PayoutPaid{PayoutTerms: court, Processor: "main"})
	wantEntries(t, "the court sends it back", w.own(t, &PayoutReturned{PayoutTerms: court, Processor: "main", Entry: "txn_d"}), "Dr assets:processor:available:main 120.00", "Cr liabilities:seller:blocked:s 120.00")
	// W-09: a return keeps the fee, unless the fault is ours.
	for i, kept := range []bool{true, false} {
		x := of(fmt.Sprint("ret", i), "seller", "s", "10.00", "0.50", SourceAvailable, "")
		w.own(t, &PayoutCreated{PayoutTerms: x})
		w.own(t, &PayoutSubmitted{PayoutTerms: x, Processor: "main", Entry: fmt.Sprint("txn_e", i)})
		w.own(t, &PayoutPaid{PayoutTerms: x, Processor: "main"})
		back := []string{"Dr assets:processor:available:main 10.00", "Cr liabilities:seller:available:s 10.00"}
		if !kept {
			back = []string{"Dr assets:processor:available:main 10.00", "Dr revenue:payout_fee 0.50", "Cr liabilities:seller:available:s 10.50"}
		}
		wantEntries(t, "returned", w.own(t, &PayoutReturned{PayoutTerms: x, Processor: "main", Entry: fmt.Sprint("txn_f", i), FeeReturned: !kept}), back...)
	}
	// Row 257 and M-33: tax on the payment, and back again if the payment is given up.
	tax := PayoutTaxWithheld{Payout: "p4", Kind: "creator", Payee: "c", Currency: "USD", Amount: "24.00", Jurisdiction: "US", TaxKind: "backup"}
	wantEntries(t, "row 257", w.own(t, &tax), "Dr liabilities:creator:available:c 24.00", "Cr liabilities:tax:withholding:US:backup 24.00")
	wantEntries(t, "given up", w.own(t, &PayoutTaxReturned{tax}), "Cr liabilities:creator:available:c 24.00", "Dr liabilities:tax:withholding:US:backup 24.00")
	// M-28 and W-10: what a deposit's refund and a trust's payment put in transit goes back there if it fails.
	w.post(t, "seller_deposit.refunded", "dep", `{"payout":"p5","seller":"s","currency":"USD","amount":"420.00"}`)
	w.post(t, "minor_trust.disbursed", "trust", `{"disbursement":"p6","creator":"c","custodian":"bank_t","currency":"USD","amount":"50.00"}`)
	for _, x := range []struct {
		terms PayoutTerms
		back  string
	}{
		{of("p5", "seller", "s", "420.00", "", SourceDeposit, ""), "Cr liabilities:seller_deposit:s 420.00"},
		{of("p6", "creator", "c", "50.00", "", SourceTrust, "bank_t"), "Cr liabilities:creator:minor_trust:c 50.00"},
	} {
		w.refuseOwn(t, "validation-failed", &PayoutCreated{PayoutTerms: x.terms})
		w.own(t, &PayoutSubmitted{PayoutTerms: x.terms, Processor: "main", Entry: "txn_" + x.terms.Payout})
		w.own(t, &PayoutPaid{PayoutTerms: x.terms, Processor: "main"})
		wantEntries(t, x.terms.Payout, w.own(t, &PayoutReturned{PayoutTerms: x.terms, Processor: "main", Entry: "back_" + x.terms.Payout}), "Dr assets:processor:available:main "+x.terms.Amount, x.back)
	}
	for a, amount := range w.balances(t) {
		if strings.Contains(a, "in_transit") {
			t.Errorf("%s still holds %s", a, amount)
		}
	}
	w.verified(t)
}

// TestPayoutStepsOnce: fifty who post one step at two replicas post it once, and the same reference with other content is
// refused; another step that would overdraw is refused whole, with the rows beside it.
func TestPayoutStepsOnce(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	both := []*workbench{w, w.replica(t)}
	w.raw(t, "opening.balance", "open", "USD", "assets:processor:available:main", 50000, "liabilities:seller:available:sel_x", -50000)
	made := make([]Result, 50)
	together(50, func(i int) {
		made[i] = both[i%2].postTx(t.Context(), Own(&PayoutCreated{PayoutTerms: terms("po_1", "300.00", "1.00")}, time.Time{}))
	})
	fresh := 0
	for _, r := range made {
		if r.Err != nil {
			t.Errorf("%v", r.Err)
		} else if !r.Replayed {
			fresh++
		}
	}
	if got := w.balances(t)["liabilities:seller:available:sel_x USD"]; fresh != 1 || got != "199.00" {
		t.Errorf("posted %d times, %s left", fresh, got)
	}
	if r := w.postTx(t.Context(), Own(&PayoutCreated{PayoutTerms: terms("po_1", "30.00", "1.00")}, time.Time{})); fault.CodeOf(r.Err) != ledger.ErrReferenceReused.Code {
		t.Errorf("another payout of the id: %v", r.Err)
	}
	together(50, func(i int) {
		made[i] = both[i%2].postTx(t.Context(), Own(&PayoutCreated{PayoutTerms: terms(fmt.Sprint("many_", i), "20.00", "")}, time.Time{}))
	})
	fresh = 0
	for _, r := range made {
		if r.Err == nil {
			fresh++
		} else if fault.CodeOf(r.Err) != ledger.ErrFloor.Code {
			t.Errorf("%v", r.Err)
		}
	}
	if got := w.balances(t)["liabilities:seller:available:sel_x USD"]; fresh != 9 || got != "19.00" {
		t.Errorf("%d of 50 payouts of 20.00 out of 199.00, %s left", fresh, got)
	}
	// Many in one transaction: all or none.
	batch := func(n int, amount string) error {
		return w.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
			var events []Event
			for i := range n {
				events = append(events, Own(&PayoutCreated{PayoutTerms: terms(fmt.Sprint("b", n, "_", i), amount, "")}, time.Time{}))
			}
			_, err := w.PostTx(t.Context(), tx, w.book, events)
			return err
		})
	}
	if err := batch(20, "1.00"); fault.CodeOf(err) != ledger.ErrFloor.Code {
		t.Errorf("twenty of 1.00 out of 19.00: %v", err)
	}
	if got := w.balances(t)["liabilities:seller:available:sel_x USD"]; got != "19.00" {
		t.Errorf("a refused group left %s", got)
	}
	if err := batch(19, "1.00"); err != nil {
		t.Errorf("nineteen of 1.00 out of 19.00: %v", err)
	}
	undo := errors.New("undo")
	w.raw(t, "opening.balance", "more", "USD", "assets:processor:available:main", 1000, "liabilities:seller:available:sel_x", -1000)
	if err := w.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		if _, err := w.PostTx(t.Context(), tx, w.book, []Event{Own(&PayoutCreated{PayoutTerms: terms("gone", "5.00", "")}, time.Time{})}); err != nil {
			return err
		}
		return undo
	}); !errors.Is(err, undo) {
		t.Error(err)
	}
	if got := w.balances(t)["liabilities:seller:available:sel_x USD"]; got != "10.00" {
		t.Errorf("what was rolled back left %s", got)
	}
	w.verified(t)
}

// TestPayoutPlansReadNothing: a payout's steps are computed from what they carry, so that many fit into one transaction.
func TestPayoutPlansReadNothing(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	read := 0
	story := w.look.story
	w.look.story = func(ctx context.Context, book ledger.Book, q ledger.TransactionQuery) (ledger.TransactionPage, error) {
		read++
		return story(ctx, book, q)
	}
	w.raw(t, "opening.balance", "open", "USD", "assets:processor:available:main", 100000, "liabilities:seller:available:sel_x", -100000)
	x := terms("p", "1.00", "0.10")
	for _, d := range []OwnEvent{&PayoutCreated{PayoutTerms: x}, &PayoutSubmitted{PayoutTerms: x, Processor: "main", Entry: "e"}, &PayoutPaid{PayoutTerms: x, Processor: "main"},
		&PayoutReturned{PayoutTerms: x, Processor: "main", Entry: "f"}, &PayoutTaxWithheld{"p", "seller", "sel_x", "USD", "0.10", "US", "backup"}} {
		if r := w.postTx(t.Context(), Own(d, time.Time{})); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	if read != 0 {
		t.Errorf("five steps read %d stories", read)
	}
}

// TestPayoutEventsAreOurs: nobody sends them, nobody reverses them, and what is wrong with one is named without repeating it.
func TestPayoutEventsAreOurs(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	w.raw(t, "opening.balance", "open", "USD", "assets:processor:available:main", 100000, "liabilities:seller:available:sel_x", -100000)
	for _, family := range [][]EventType{payoutOwnTypes, holdOwnTypes, reserveOwnTypes} {
		for _, x := range family {
			if _, err := TypeOf(x.Name); !errors.Is(err, ErrEventReserved) {
				t.Errorf("%s at the door: %v", x.Name, err)
			}
		}
	}
	r := w.own(t, &PayoutCreated{PayoutTerms: terms("p", "1.00", "")})
	h := w.own(t, &HoldPlaced{HoldTerms: HoldTerms{"h", "seller", "sel_x", "USD", "5.00", HoldFraud, "C-1"}})
	for _, x := range []Result{r, h} {
		if back := w.reverse(t, &x.Transactions[0]); fault.CodeOf(back.Err) != ErrEventReserved.Code {
			t.Errorf("%s reversed: %v", x.Event.Type, back.Err)
		}
	}
	const canary = "canary value!"
	bad := func(change func(*PayoutFailed)) *PayoutFailed {
		d := &PayoutFailed{PayoutTerms: terms("p", "1.00", ""), Processor: "main", Entry: "e"}
		change(d)
		return d
	}
	for pointer, d := range map[string]OwnEvent{
		"/data/payout":         bad(func(d *PayoutFailed) { d.Payout = canary }),
		"/data/kind":           bad(func(d *PayoutFailed) { d.Kind = canary }),
		"/data/payee":          bad(func(d *PayoutFailed) { d.Payee = canary }),
		"/data/currency":       bad(func(d *PayoutFailed) { d.Currency = "EUR" }),
		"/data/amount":         bad(func(d *PayoutFailed) { d.Amount = canary }),
		"/data/fee":            bad(func(d *PayoutFailed) { d.Fee = "-1.00" }),
		"/data/fee_tax":        bad(func(d *PayoutFailed) { d.FeeTax, d.FeeTaxIn = "0.10", "UK" }),
		"/data/fee_tax_in":     bad(func(d *PayoutFailed) { d.Fee, d.FeeTax = "1.00", "0.10" }),
		"/data/source":         bad(func(d *PayoutFailed) { d.Source = "reserve" }),
		"/data/receiver":       bad(func(d *PayoutFailed) { d.Receiver = canary }),
		"/data/processor":      bad(func(d *PayoutFailed) { d.Processor = "" }),
		"/data/entry":          bad(func(d *PayoutFailed) { d.Entry = "" }),
		"/data/cost_entry":     bad(func(d *PayoutFailed) { d.CostReturned, d.CostEntry = "1.00", "e" }),
		"/data/pulled":         &PayoutPulledBack{PayoutTerms: terms("p", "1.00", ""), Processor: "main", Entry: "e", Pulled: "0.00"},
		"/data/part":           &PayoutCreated{PayoutTerms: terms("p2", "1.00", ""), Part: -1},
		"/data/tax_kind":       &PayoutTaxWithheld{"p", "creator", "c", "USD", "1.00", "US", canary},
		"/data/category":       &HoldPlaced{HoldTerms: HoldTerms{"h2", "seller", "s", "USD", "5.00", canary, "C"}},
		"/data/case":           &HoldPlaced{HoldTerms: HoldTerms{"h2", "seller", "s", "USD", "5.00", HoldKYC, ""}},
		"/data/to_written_off": &HoldReleased{HoldTerms: HoldTerms{"h2", "seller", "s", "USD", "5.00", HoldKYC, "C"}, WrittenOff: "5.01"},
	} {
		r := w.postTx(t.Context(), Own(d, time.Time{}))
		var e *fault.Error
		if !errors.As(r.Err, &e) || len(e.Fields) != 1 || e.Fields[0].Pointer != pointer {
			t.Errorf("%s: %v", pointer, r.Err)
		} else if strings.Contains(fmt.Sprint(e.Fields, e), canary) {
			t.Errorf("%s: what was sent is repeated: %v", pointer, e.Fields)
		}
	}
}
