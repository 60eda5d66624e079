package commerce

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

func reconSale(order string) string {
	return fmt.Sprintf(`{"order":%q,"currency":"GBP","placed_at":"2026-11-10T10:00:00Z","seller":"sel_r","channel":"app","lines":[{"line":1,"sku":"SKU-R","quantity":1,"unit_price":"30.00",
"tax":[{"jurisdiction":"UK","kind":"vat","owed_by":"platform","amount":"0.00","included":true}]}],"payments":[{"processor":"main","payment_id":"pi-%s","amount":"30.00"}]}`, order, order)
}

func suspended(id, reference, side, amount string) SuspenseTerms {
	return SuspenseTerms{Break: id, Reference: reference, Side: side, Currency: "GBP", Amount: amount}
}

var (
	atMain = SuspensePlace{Processor: "main"}
	atBank = SuspensePlace{Bank: "main"}
)

// wantBalances compares all balances.
func (w *workbench) wantBalances(t *testing.T, when string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, w.balances(t)); diff != "" {
		t.Errorf("%s: balances (-want +got):\n%s", when, diff)
	}
}

// TestScenarioS12 plays the reconciliation's scenario by events.
func TestScenarioS12(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	for _, order := range []string{"R-1", "R-2"} {
		w.post(t, "order.captured", order, reconSale(order))
		w.post(t, "processor.fee_recorded", "fee "+order, fmt.Sprintf(`{"processor":"main","payment_id":"pi-%s","amount":"0.65","currency":"GBP"}`, order))
	}
	up := w.own(t, &FeeTruedUp{Processor: "main", Currency: "GBP", Amount: "0.01", Direction: "debit", Reference: "pi-R-1", Payment: "pi-R-1", OriginalPeriod: "2026-11"})
	wantEntries(t, "3", up, "Dr expenses:processor_fee 0.01", "Cr assets:processor:pending:main 0.01")
	if got := up.Transactions[0].Original; got != 202611 {
		t.Errorf("the true-up refers to %s", got)
	}
	w.post(t, "processor.funds_available", "4", `{"processor":"main","amount":"58.69","currency":"GBP"}`)
	in := w.own(t, &SuspenseIn{SuspenseTerms: suspended("b1", "re_r2", SideOutflow, "30.00"), Where: atMain})
	wantEntries(t, "5", in, "Dr assets:suspense 30.00", "Cr assets:processor:available:main 30.00")
	for _, e := range in.Transactions[0].Entries {
		if e.ExternalRef != "re_r2" {
			t.Errorf("%s stands under %q", e.Account, e.ExternalRef)
		}
	}
	refund := w.post(t, "refund.made", "6", `{"order":"R-2","refund":"RF-R2","full":true,"payment_refund_id":"re_r2","shipped":false}`)
	wantEntries(t, "6", refund, "Dr liabilities:seller:pending:sel_r 27.30", "Dr revenue:referral_fee 2.70", "Cr assets:suspense 30.00")
	if refund.Transactions[0].Event != "refund.full" || refund.Transactions[0].Original == 0 {
		t.Errorf("the refund is %s of %s", refund.Transactions[0].Event, refund.Transactions[0].Original)
	}
	w.checkExplanation(t, "6", refund)
	wantEntries(t, "7", w.own(t, &SuspenseIn{SuspenseTerms: suspended("b2", "bank/line 7", SideInflow, "12.34"), Where: atBank}),
		"Dr assets:bank:operating:main 12.34", "Cr liabilities:suspense 12.34")
	wantEntries(t, "8", w.own(t, &SuspenseOut{SuspenseTerms: suspended("b2", "bank/line 7", SideInflow, "12.34"), Decision: "d1",
		Lines: []SuspenseLine{{"liabilities:seller:pending:sel_r", "credit", "12.34"}}}), "Dr liabilities:suspense 12.34", "Cr liabilities:seller:pending:sel_r 12.34")
	w.wantBalances(t, "in the end", map[string]string{"assets:bank:operating:main GBP": "12.34", "assets:processor:available:main GBP": "28.69",
		"liabilities:seller:pending:sel_r GBP": "39.64", "revenue:referral_fee GBP": "2.70", "expenses:processor_fee GBP": "1.31"})
	w.verified(t)
}

// TestSuspenseJournals holds each decision against its journal, on both sides.
func TestSuspenseJournals(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	wantEntries(t, "credit", w.own(t, &FeeTruedUp{Processor: "main", Bucket: "available", Currency: "GBP", Amount: "0.02", Direction: "credit", Reference: "txn_1"}),
		"Dr assets:processor:available:main 0.02", "Cr expenses:processor_fee 0.02")
	for i, x := range []struct {
		side, to string
		where    SuspensePlace
		in, off  []string
	}{
		{SideOutflow, "expenses:bad_debt", SuspensePlace{Bank: "b", BankKind: "client"}, []string{"Dr assets:suspense 9.00", "Cr assets:bank:client:b 9.00"}, []string{"Dr expenses:bad_debt 4.00", "Cr assets:suspense 4.00"}},
		{SideOutflow, "expenses:goodwill", SuspensePlace{Processor: "p", Bucket: "pending"}, []string{"Dr assets:suspense 9.00", "Cr assets:processor:pending:p 9.00"}, []string{"Dr expenses:goodwill 4.00", "Cr assets:suspense 4.00"}},
		{SideInflow, "liabilities:unclaimed:UK", SuspensePlace{Bank: "b", BankKind: "safeguarded"}, []string{"Dr assets:bank:safeguarded:b 9.00", "Cr liabilities:suspense 9.00"}, []string{"Dr liabilities:suspense 4.00", "Cr liabilities:unclaimed:UK 4.00"}},
		{SideInflow, "liabilities:customer_refund_due:buyer", atMain, []string{"Dr assets:processor:available:main 9.00", "Cr liabilities:suspense 9.00"}, []string{"Dr liabilities:suspense 4.00", "Cr liabilities:customer_refund_due:buyer 4.00"}},
	} {
		id, ref := fmt.Sprint("b", i), fmt.Sprint("line ", i)
		wantEntries(t, id, w.own(t, &SuspenseIn{SuspenseTerms: suspended(id, ref, x.side, "9.00"), Where: x.where}), x.in...)
		if r := w.postTx(t.Context(), Own(&SuspenseIn{SuspenseTerms: suspended(id, ref, x.side, "9.00"), Where: SuspensePlace{Processor: "other"}}, time.Time{})); fault.CodeOf(r.Err) != ledger.ErrReferenceReused.Code {
			t.Errorf("the line is put into suspense twice: %v", r.Err)
		}
		wantEntries(t, id, w.own(t, &SuspenseWrittenOff{suspended(id, ref, x.side, "4.00"), "d1", x.to}), x.off...)
		back := w.own(t, &SuspenseReturned{suspended(id, ref, x.side, "5.00"), "d2"})
		if got := back.Transactions[0].Entries; got[0].ExternalRef != ref || got[1].ExternalRef != ref || got[1].Account != x.where.account() {
			t.Errorf("%s goes back by %+v", id, got)
		}
		w.refuseOwn(t, ErrSuspenseLess.Code, &SuspenseReturned{suspended(id, ref, x.side, "0.01"), "d3"})
		w.refuseOwn(t, ErrSuspenseUnknown.Code, &SuspenseReturned{suspended(id, "another", x.side, "0.01"), "d3"})
		w.refuseOwn(t, ErrSuspenseUnknown.Code, &SuspenseReturned{suspended("unknown", ref, x.side, "0.01"), "d3"})
	}
	// What an outflow turned out to be may be a payee's, as far as the payee has it.
	w.raw(t, "opening.balance", "open", "GBP", "assets:processor:available:main", 500, "liabilities:seller:available:s", -500)
	w.own(t, &SuspenseIn{SuspenseTerms: suspended("p", "po", SideOutflow, "6.00"), Where: atMain})
	out := &SuspenseOut{SuspenseTerms: suspended("p", "po", SideOutflow, "6.00"), Decision: "d", Lines: []SuspenseLine{{"liabilities:seller:available:s", "debit", "6.00"}}}
	w.refuseOwn(t, ledger.ErrFloor.Code, out)
	out.Lines = []SuspenseLine{{"liabilities:seller:available:s", "debit", "5.00"}, {"expenses:processor_fee", "debit", "1.25"}, {"revenue:payout_fee", "credit", "0.25"}}
	wantEntries(t, "lines", w.own(t, out), "Cr assets:suspense 6.00", "Dr liabilities:seller:available:s 5.00", "Dr expenses:processor_fee 1.25", "Cr revenue:payout_fee 0.25")
	for a := range w.balances(t) {
		if strings.Contains(a, "suspense") {
			t.Errorf("%s is left", a)
		}
	}
	w.verified(t)
}

// TestReconEventsAreOurs: nobody sends them, nobody reverses them, and what is wrong with one is named without repeating it.
func TestReconEventsAreOurs(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	for _, x := range reconOwnTypes {
		if _, err := TypeOf(x.Name); !errors.Is(err, ErrEventReserved) {
			t.Errorf("%s at the door: %v", x.Name, err)
		}
	}
	good := suspended("b", "r", SideOutflow, "5.00")
	for _, d := range []OwnEvent{&SuspenseIn{SuspenseTerms: good, Where: atMain}, &FeeTruedUp{Processor: "main", Currency: "GBP", Amount: "0.02", Direction: "credit", Reference: "txn_1", Payment: "pi"}} {
		for _, x := range w.own(t, d).Transactions {
			if back := w.reverse(t, &x); fault.CodeOf(back.Err) != ErrEventReserved.Code {
				t.Errorf("%s of %s reversed: %v", x.Event, x.Subject, back.Err)
			}
		}
	}
	const canary = "canary value! é"
	with := func(change func(*SuspenseTerms)) SuspenseTerms { x := good; change(&x); return x }
	out := func(lines ...SuspenseLine) *SuspenseOut {
		return &SuspenseOut{SuspenseTerms: good, Decision: "d", Lines: lines}
	}
	fee := func(change func(*FeeTruedUp)) *FeeTruedUp {
		d := &FeeTruedUp{Processor: "main", Currency: "GBP", Amount: "0.02", Direction: "credit", Reference: "txn"}
		change(d)
		return d
	}
	many := make([]SuspenseLine, maxSuspenseLines+1)
	type wrong struct {
		pointer string
		d       OwnEvent
	}
	for _, x := range []wrong{
		{"/data/break", &SuspenseIn{SuspenseTerms: with(func(x *SuspenseTerms) { x.Break = canary }), Where: atMain}},
		{"/data/reference", &SuspenseIn{SuspenseTerms: with(func(x *SuspenseTerms) { x.Reference = canary }), Where: atMain}},
		{"/data/reference", &SuspenseReturned{with(func(x *SuspenseTerms) { x.Reference = " r" }), "d"}},
		{"/data/side", &SuspenseReturned{with(func(x *SuspenseTerms) { x.Side = canary }), "d"}},
		{"/data/side", &SuspenseReturned{with(func(x *SuspenseTerms) { x.Side = "" }), "d"}},
		{"/data/currency", &SuspenseReturned{with(func(x *SuspenseTerms) { x.Currency = "EUR" }), "d"}},
		{"/data/amount", &SuspenseReturned{with(func(x *SuspenseTerms) { x.Amount = "-1.00" }), "d"}},
		{"/data/decision", &SuspenseReturned{good, canary}},
		{"/data/where", &SuspenseIn{SuspenseTerms: good}},
		{"/data/where", &SuspenseIn{SuspenseTerms: good, Where: SuspensePlace{Processor: "p", Bank: "b"}}},
		{"/data/where", &SuspenseIn{SuspenseTerms: good, Where: SuspensePlace{Processor: "p", BankKind: "client"}}},
		{"/data/where/bank_kind", &SuspenseIn{SuspenseTerms: good, Where: SuspensePlace{Bank: "b", BankKind: canary}}},
		{"/data/where/processor", &SuspenseIn{SuspenseTerms: good, Where: SuspensePlace{Processor: canary}}},
		{"/data/original_period", &SuspenseIn{SuspenseTerms: good, Where: atMain, OriginalPeriod: canary}},
		{"/data/lines", out()},
		{"/data/lines", out(many...)},
		{"/data/lines", out(SuspenseLine{"expenses:goodwill", "debit", "4.99"})},
		{"/data/lines", out(SuspenseLine{"expenses:goodwill", "credit", "5.00"})},
		{"/data/lines/0/account", out(SuspenseLine{canary, "debit", "5.00"})},
		{"/data/lines/0/account", out(SuspenseLine{"assets:processor:available:main", "debit", "5.00"})},
		{"/data/lines/0/account", out(SuspenseLine{"assets:bank:operating:main", "debit", "5.00"})},
		{"/data/lines/0/account", out(SuspenseLine{"assets:suspense", "debit", "5.00"})},
		{"/data/lines/0/account", out(SuspenseLine{"liabilities:suspense", "debit", "5.00"})},
		{"/data/lines/0/direction", out(SuspenseLine{"expenses:goodwill", "", "5.00"})},
		{"/data/to", &SuspenseWrittenOff{good, "d", "revenue:breakage"}},
		{"/data/to", &SuspenseWrittenOff{good, "d", "liabilities:unclaimed:UK"}},
		{"/data/to", &SuspenseWrittenOff{with(func(x *SuspenseTerms) { x.Side = SideInflow }), "d", "expenses:goodwill"}},
		{"/data/to", &SuspenseWrittenOff{with(func(x *SuspenseTerms) { x.Side = SideInflow }), "d", "revenue:breakage"}},
		{"/data/direction", fee(func(d *FeeTruedUp) { d.Direction = "" })},
		{"/data/bucket", fee(func(d *FeeTruedUp) { d.Bucket = "reserved" })},
		{"/data/payment", fee(func(d *FeeTruedUp) { d.Payment = canary })},
		{"/data/original_period", fee(func(d *FeeTruedUp) { d.OriginalPeriod = "2026-13" })},
	} {
		r := w.postTx(t.Context(), Own(x.d, time.Time{}))
		var e *fault.Error
		if !errors.As(r.Err, &e) || len(e.Fields) != 1 || e.Fields[0].Pointer != x.pointer {
			t.Errorf("%s: %v", x.pointer, r.Err)
		} else if strings.Contains(fmt.Sprint(e.Fields, e), canary) {
			t.Errorf("%s: what was sent is repeated: %v", x.pointer, e.Fields)
		}
	}
}

// clearing is a business event about a line that reconciliation may have found before.
type clearing struct {
	kind, ref, side string
	cents           money.Minor
	where           SuspensePlace
	data            string // with %[1]s for the event's own id, where it may be another than the line's
}

// clearings are business events of many kinds.
func clearings(order string) []clearing {
	out, in := SideOutflow, SideInflow
	return []clearing{
		{"order.captured", "pi-" + order + "x", in, 3000, SuspensePlace{Processor: "main", Bucket: "pending"}, reconSale(order + "x")},
		{"processor.fee_recorded", "fee-" + order, out, 65, atMain, `{"processor":"main","payment_id":"fee-` + order + `","amount":"0.65","currency":"GBP"}`},
		{"refund.made", "re-" + order, out, 500, atMain, `{"order":"` + order + `","refund":"1","amount":"5.00","payment_refund_id":"re-` + order + `"}`},
		{"processor.invoiced", "inv-" + order, out, 1440, atMain, `{"invoice":"inv-` + order + `","processor":"main","currency":"GBP","net":"12.00","input_vat":"2.40","jurisdiction":"UK"}`},
		{"processor.payout_cost", "txn-" + order, out, 200, atMain, `{"payout":"P-` + order + `","processor":"main","currency":"GBP","amount":"2.00","processor_reference":"txn-` + order + `"}`},
		{"processor.refund_cost", "rc-" + order, out, 30, atMain, `{"payment_refund_id":"rc-` + order + `","processor":"main","currency":"GBP","amount":"0.30"}`},
		{"processor.adjusted", "adj-" + order, in, 50, atMain, `{"adjustment":"adj-` + order + `","processor":"main","direction":"credit","reason":"fee","currency":"GBP","amount":"0.50"}`},
		{"processor.reserve_held", "hold-" + order, out, 700, atMain, `{"hold":"hold-` + order + `","processor":"main","currency":"GBP","amount":"7.00"}`},
		{"carrier.invoice_paid", "ci-" + order, out, 600, atBank, `{"invoice":"ci-` + order + `","carrier":"evri","bank":"main","currency":"GBP","amount":"6.00","prepayment":true}`},
		{"carrier.claim_paid", "cl-" + order, in, 1234, atBank, `{"claim":"cl-` + order + `","seller":"sel_r","bank":"main","currency":"GBP","amount":"12.34"}`},
		{"tax.remitted", "tr-" + order, out, 1100, atBank, `{"remittance":"tr-` + order + `","kind":"sales","jurisdiction":"UK","bank":"main","currency":"GBP","amount":"11.00","prepayment":true}`},
		{"dispute.opened", "dp-" + order, out, 4000, atMain, `{"order":"` + order + `d","dispute":"dp-` + order + `","payment_id":"pi-` + order + `d","amount":"25.00","fee":"15.00"}`},
	}
}

// cash is what an event moved of cash under a reference, and of suspense.
func movedUnder(ref string, rs ...Result) (cash, waits money.Minor) {
	for _, r := range rs {
		for _, x := range r.Transactions {
			for _, e := range x.Entries {
				switch {
				case e.ExternalRef != ref:
				case isCash(e.Account):
					cash += e.Amount
				case e.Account == accountSuspense || e.Account == accountSuspenseIn:
					waits += e.Amount
				}
			}
		}
	}
	return cash, waits
}

// TestBusinessEventsClearSuspense: whatever comes after its line was found keeps its name, and takes suspense instead of
// cash, as far as it waits. Reversed, it waits again, and the next event takes it.
func TestBusinessEventsClearSuspense(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	l2 := ledger.New(w.db.Pool, ledger.Options{Now: w.now})
	t.Cleanup(func() { l2.Close(t.Context()) })
	other := New(l2, w.rules, w.now)
	for i, share := range []money.Minor{100, 40, 130} { // all, a part, and more than the event says
		order := fmt.Sprint("o", i)
		w.post(t, "order.captured", order, reconSale(order))
		w.post(t, "order.captured", order+"d", reconSale(order+"d"))
		for _, x := range clearings(order) {
			waits := x.cents * share / 100
			in := w.own(t, &SuspenseIn{SuspenseTerms: suspended(x.ref, x.ref, x.side, waits.Format("GBP")), Where: x.where})
			e := event(t, x.kind, x.ref+" event", x.data)
			dry, err := other.DryRun(t.Context(), w.book, []Event{e}, false)
			if err != nil {
				t.Fatal(err)
			}
			r := other.Post(t.Context(), w.book, e)
			if r.Err != nil {
				t.Fatalf("%s: %v", x.kind, r.Err)
			}
			w.checkExplanation(t, x.kind, r)
			if got, want := entriesOf(dry[0].Transactions), entriesOf(r.Transactions); got != want {
				t.Errorf("%s: the dry run said\n%s\nand it posted\n%s", x.kind, got, want)
			}
			if cash, open := movedUnder(x.ref, in, r); cash != -sign(x.side)*max(x.cents, waits) || open != sign(x.side)*max(0, waits-x.cents) {
				t.Errorf("%s of %d, of which %d waited: %d of cash moved and %d waits\n%s", x.kind, x.cents, waits, cash, open, entriesOf(r.Transactions))
			}
			again := w.Post(t.Context(), w.book, e)
			if again.Err != nil || !again.Replayed || entriesOf(again.Transactions) != entriesOf(r.Transactions) {
				t.Errorf("%s again: %v %v", x.kind, again.Err, again.Replayed)
			}
			back := w.reverse(t, &r.Transactions[0])
			if back.Err != nil {
				if x.kind != "dispute.opened" { // what it held is reversed first
					t.Errorf("%s reversed: %v", x.kind, back.Err)
				}
				continue
			}
			if cash, open := movedUnder(x.ref, in, r, back); cash != -sign(x.side)*waits || open != sign(x.side)*waits {
				t.Errorf("%s reversed: %d of cash moved and %d waits", x.kind, cash, open)
			}
			e.Reference += " anew"
			anew := other.Post(t.Context(), w.book, e)
			if cash, open := movedUnder(x.ref, in, r, back, anew); anew.Err != nil || cash != -sign(x.side)*max(x.cents, waits) || open != sign(x.side)*max(0, waits-x.cents) {
				t.Errorf("%s anew: %v: %d of cash moved and %d waits", x.kind, anew.Err, cash, open)
			}
		}
	}
	w.verified(t)
}

// TestSuspenseIsOfItsPlace: another place, side or reference than the event's leaves what waits alone, and so does money that
// becomes available.
func TestSuspenseIsOfItsPlace(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP", "USD")
	for i, x := range []SuspenseIn{
		{SuspenseTerms: suspended("1", "x", SideOutflow, "5.00"), Where: SuspensePlace{Processor: "other"}},
		{SuspenseTerms: suspended("2", "x", SideOutflow, "5.00"), Where: atBank},
		{SuspenseTerms: suspended("3", "x", SideInflow, "5.00"), Where: atMain},
		{SuspenseTerms: suspended("4", "y", SideOutflow, "5.00"), Where: atMain},
		{SuspenseTerms: SuspenseTerms{"5", "x", SideOutflow, "USD", "5.00"}, Where: atMain},
		{SuspenseTerms: suspended("6", "pi", SideOutflow, "5.00"), Where: atMain},
	} {
		w.own(t, &x)
		r := w.post(t, "processor.payout_cost", fmt.Sprint("c", i), `{"payout":"P","processor":"main","currency":"GBP","amount":"2.00","processor_reference":"x"}`)
		wantEntries(t, x.Break, r, "Dr expenses:processor_fee 2.00", "Cr assets:processor:available:main 2.00")
	}
	r := w.post(t, "processor.funds_available", "f", `{"processor":"main","amount":"5.00","currency":"GBP","payment_ids":["pi"]}`)
	wantEntries(t, "funds", r, "Dr assets:processor:available:main 5.00", "Cr assets:processor:pending:main 5.00")
	// Of two breaks under one reference the first found is taken first.
	w.own(t, &SuspenseIn{SuspenseTerms: suspended("7", "x", SideOutflow, "1.50"), Where: atMain})
	w.own(t, &SuspenseIn{SuspenseTerms: suspended("8", "x", SideOutflow, "1.50"), Where: SuspensePlace{Processor: "main", Bucket: "pending"}})
	wantEntries(t, "two breaks", w.post(t, "processor.payout_cost", "c", `{"payout":"P","processor":"main","currency":"GBP","amount":"2.00","processor_reference":"x"}`),
		"Dr expenses:processor_fee 2.00", "Cr assets:suspense 2.00")
	w.refuseOwn(t, ErrSuspenseLess.Code, &SuspenseReturned{suspended("7", "x", SideOutflow, "0.01"), "d"})
	w.own(t, &SuspenseReturned{suspended("8", "x", SideOutflow, "1.00"), "d"})
	w.verified(t)
}

// TestRefundFoundFirstFails: a refund whose money had left before it was told comes back to the processor when it fails.
func TestRefundFoundFirstFails(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	w.post(t, "order.captured", "o", reconSale("o"))
	w.own(t, &SuspenseIn{SuspenseTerms: suspended("b", "re", SideOutflow, "30.00"), Where: atMain})
	w.post(t, "refund.made", "r", `{"order":"o","refund":"1","full":true,"payment_refund_id":"re"}`)
	wantEntries(t, "failed", w.post(t, "refund.failed", "f", `{"order":"o","refund":"1"}`), "Dr assets:processor:available:main 30.00", "Cr liabilities:customer_refund_due:o 30.00")
	w.verified(t)
}

// TestSuspenseInGroups: an atomic group, a batch and a transaction of the caller's see what they have put into suspense
// themselves, and a transaction that is rolled back leaves nothing, not even in memory.
func TestSuspenseInGroups(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	in := func(id string) Event {
		return Own(&SuspenseIn{SuspenseTerms: suspended(id, id, SideOutflow, "2.00"), Where: atMain}, time.Time{})
	}
	cost := func(id string) Event {
		return event(t, "processor.payout_cost", "cost "+id, `{"payout":"P","processor":"main","currency":"GBP","amount":"2.00","processor_reference":"`+id+`"}`)
	}
	check := func(when, id string, rs []Result) {
		t.Helper()
		for _, r := range rs {
			if r.Err != nil {
				t.Fatalf("%s: %v", when, r.Err)
			}
		}
		if cash, waits := movedUnder(id, rs...); cash != -200 || waits != 0 {
			t.Errorf("%s: %d of cash moved and %d waits", when, cash, waits)
		}
	}
	forecast, err := w.DryRun(t.Context(), w.book, []Event{in("g"), cost("g")}, true)
	if err != nil {
		t.Fatal(err)
	}
	check("dry run", "g", forecast)
	check("group", "g", w.PostAtomic(t.Context(), w.book, []Event{in("g"), cost("g")}))
	check("batch", "h", w.PostBatch(t.Context(), w.book, []Event{in("h"), cost("h")}))
	failed := errors.New("rolled back")
	err = w.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		if _, err := w.PostTx(t.Context(), tx, w.book, []Event{in("i")}); err != nil {
			return err
		}
		rs, err := w.PostTx(t.Context(), tx, w.book, []Event{cost("i")})
		if err != nil {
			return err
		}
		if cash, waits := movedUnder("i", rs...); cash != 0 || waits != -200 {
			t.Errorf("in the transaction: %d of cash moved and %d waits", cash, waits)
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
	head := w.headOf(t)
	r := w.Post(t.Context(), w.book, cost("i"))
	if cash, waits := movedUnder("i", r); r.Err != nil || cash != -200 || waits != 0 || w.headOf(t) != head+1 {
		t.Errorf("after the rollback: %v: %d of cash moved and %d waits", r.Err, cash, waits)
	}
	w.verified(t)
}

// TestSuspenseAtOnce: lines that are found and told at the same time, by two services, end as one truth: cash moves by what
// was told, and by what waits beside it. Of many decisions at once no more leaves than waits.
func TestSuspenseAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	l2 := ledger.New(w.db.Pool, ledger.Options{Now: w.now})
	t.Cleanup(func() { l2.Close(t.Context()) })
	both := []*Service{w.Service, New(l2, w.rules, w.now)}
	const n = 25
	results := make([]Result, 2*n)
	var all sync.WaitGroup
	for i := range results {
		id := fmt.Sprint("x", i/2)
		e := Own(&SuspenseIn{SuspenseTerms: suspended(id, id, SideOutflow, "2.00"), Where: atMain}, time.Time{})
		if i%2 == 1 {
			e = event(t, "processor.payout_cost", "cost "+id, `{"payout":"P","processor":"main","currency":"GBP","amount":"2.00","processor_reference":"`+id+`"}`)
		}
		all.Go(func() { results[i] = both[(i+i/2)%2].Post(t.Context(), w.book, e) })
	}
	all.Wait()
	for i := range n {
		found, told := results[2*i], results[2*i+1]
		if found.Err != nil || told.Err != nil {
			t.Fatal(found.Err, told.Err)
		}
		cash, waits := movedUnder(fmt.Sprint("x", i), found, told)
		first := found.Transactions[0].Sequence < told.Transactions[0].Sequence
		if first && (cash != -200 || waits != 0) || !first && (cash != -400 || waits != 200) {
			t.Errorf("x%d found first %v: %d of cash moved and %d waits", i, first, cash, waits)
		}
	}
	w.own(t, &SuspenseIn{SuspenseTerms: suspended("b", "b", SideInflow, "10.00"), Where: atBank})
	done := make([]Result, 50)
	for i := range done {
		d := OwnEvent(&SuspenseOut{SuspenseTerms: suspended("b", "b", SideInflow, "1.50"), Decision: fmt.Sprint("d", i), Lines: []SuspenseLine{{"liabilities:seller:pending:s", "credit", "1.50"}}})
		if i%3 == 0 {
			d = &SuspenseWrittenOff{suspended("b", "b", SideInflow, "1.50"), fmt.Sprint("d", i), "liabilities:unclaimed:UK"}
		}
		all.Go(func() { done[i] = both[i%2].Post(t.Context(), w.book, Own(d, time.Time{})) })
	}
	all.Wait()
	passed := 0
	for _, r := range done {
		if r.Err == nil {
			passed++
		} else if fault.CodeOf(r.Err) != ErrSuspenseLess.Code {
			t.Error(r.Err)
		}
	}
	if got := w.balances(t)["liabilities:suspense GBP"]; passed != 6 || got != "1.00" {
		t.Errorf("%d decisions were carried out and %s waits", passed, got)
	}
	w.verified(t)
}

// TestEventsReadNothingOfOthersSuspense: an event that moves cash looks up nothing about suspense where nothing waits under its
// reference, whatever waits under others.
func TestEventsReadNothingOfOthersSuspense(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	var found []Event
	for i := range 100 {
		id := fmt.Sprint("other-", i)
		found = append(found, Own(&SuspenseIn{SuspenseTerms: suspended(id, id, []string{SideOutflow, SideInflow}[i%2], "1.00"), Where: atMain}, time.Time{}))
	}
	for _, r := range w.PostAtomic(t.Context(), w.book, found) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	read := 0
	story := w.look.story
	w.look.story = func(ctx context.Context, book ledger.Book, q ledger.TransactionQuery) (ledger.TransactionPage, error) {
		if aboutSuspense(q.Subject) && !strings.HasPrefix(q.Subject, drawerPrefix) { // a drawer is read once after it was changed
			read++
		}
		return story(ctx, book, q)
	}
	w.post(t, "order.captured", "o", reconSale("o"))
	w.post(t, "order.captured", "od", reconSale("od"))
	for _, x := range clearings("o") {
		w.post(t, x.kind, x.ref, x.data)
	}
	if read != 0 {
		t.Errorf("the events read %d stories of suspense", read)
	}
}
