package commerce

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Events of one order that come at the same moment, from one replica and from two.

func raceSale(order string, quantity int, price, paid string) string {
	return fmt.Sprintf(`{"order":%q,"currency":"USD","placed_at":"2026-11-20T10:00:00Z","seller":"s","lines":[{"line":1,"sku":"A","quantity":%d,"unit_price":%q}],
		"creators":[{"creator":"c","agency":{"id":"a","share":"0.2"}}],"commission_rate":"0.1","payments":[{"processor":"main","payment_id":"pi-%s","amount":%q}]}`, order, quantity, price, order, paid)
}

// replica is the same book seen by another process.
func (w *workbench) replica(t *testing.T) *workbench {
	now := func() time.Time { return testNow }
	l := ledger.New(w.db.Pool, ledger.Options{Now: now})
	t.Cleanup(func() { l.Close(t.Context()) })
	other := *w
	other.ledger, other.Service = l, New(l, newTestRules(t, w.db, now), now)
	return &other
}

// together runs n functions that wait for each other before they begin.
func together(n int, f func(i int)) {
	var ready, done sync.WaitGroup
	ready.Add(n)
	done.Add(n)
	for i := range n {
		go func() {
			defer done.Done()
			ready.Done()
			ready.Wait()
			f(i)
		}()
	}
	done.Wait()
}

func (w *workbench) verify(t *testing.T) {
	t.Helper()
	report, err := w.ledger.Verify(t.Context(), w.book, ledger.VerifyOptions{})
	if err != nil || !report.Sound() {
		t.Errorf("the book does not verify: %v %+v", err, report.Findings)
	}
}

// TestN01HundredRefunds: a hundred refunds at once of the one unit there is: one is made.
func TestN01HundredRefunds(t *testing.T) {
	t.Parallel()
	for _, replicas := range []int{1, 2} {
		t.Run(fmt.Sprint(replicas), func(t *testing.T) {
			t.Parallel()
			w := newWorkbench(t, "US", "America/Chicago", "USD")
			doors := []*workbench{w, w}
			if replicas == 2 {
				doors[1] = w.replica(t)
			}
			w.post(t, "order.captured", "c", raceSale("o", 1, "100.00", "100.00"))
			results := make([]Result, 100)
			events := make([]Event, 100)
			for i := range events {
				extent := []string{`"lines":[{"line":1,"quantity":1}]`, `"full":true,"lines":[]`, `"amount":"100.00"`}[i%3]
				events[i] = event(t, "refund.made", fmt.Sprint("r", i), fmt.Sprintf(`{"order":"o","refund":"RF-%d",%s}`, i, extent))
			}
			together(100, func(i int) { results[i] = doors[i%2].Post(t.Context(), w.book, events[i]) })
			won := 0
			for i, r := range results {
				switch {
				case r.Err == nil && len(r.Transactions[0].Entries) > 0:
					won++
				case r.Err == nil && i%3 == 1: // a full refund of nothing is a fact that moves nothing
				case fault.CodeOf(r.Err) != errRefundTooLarge.Code:
					t.Errorf("refund %d: %v", i, r.Err)
				}
			}
			if won != 1 {
				t.Errorf("%d refunds were made of one unit", won)
			}
			if cash := w.balances(t)["assets:processor:available:main USD"]; cash != "-100.00" {
				t.Errorf("the refunds took %s", cash)
			}
			if o, err := w.Order(t.Context(), w.book, "o"); err != nil || o.Refundable != "0.00" {
				t.Errorf("%v %+v", err, o)
			}
			w.verify(t)
		})
	}
}

// TestRefundDisputeSettlementRace: units come back, a dispute opens and ends, and the order settles, all at once. In
// whatever order they come, the order's state is one truth and nobody gives more than it had.
func TestRefundDisputeSettlementRace(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	other := w.replica(t)
	for round := range 12 {
		id := fmt.Sprint("o", round)
		w.post(t, "order.captured", id, raceSale(id, 3, "33.33", "99.99"))
		outcome := []string{`"outcome":"won"`, `"outcome":"lost","liable":"seller"`, `"outcome":"lost","liable":"platform"`}[round%3]
		events := []Event{
			event(t, "refund.made", id+"r1", fmt.Sprintf(`{"order":%q,"refund":"1","lines":[{"line":1,"quantity":1}],"shipped":true}`, id)),
			event(t, "refund.made", id+"r2", fmt.Sprintf(`{"order":%q,"refund":"2","amount":"20.00"}`, id)),
			event(t, "refund.made", id+"r3", fmt.Sprintf(`{"order":%q,"refund":"3","lines":[{"line":1,"quantity":2}]}`, id)),
			event(t, "dispute.opened", id+"d", fmt.Sprintf(`{"order":%q,"dispute":"dp-%s","payment_id":"pi-%s","amount":"50.00","fee":"15.00"}`, id, id, id)),
			event(t, "dispute.closed", id+"e", fmt.Sprintf(`{"dispute":"dp-%s",%s}`, id, outcome)),
			event(t, "creator.bonus", id+"b", fmt.Sprintf(`{"order":%q,"bonus":"b","creator":"c","funders":[{"funder":"seller","rate":"0.01"}]}`, id)),
		}
		results := make([]Result, len(events)+2)
		together(len(results), func(i int) {
			door := []*workbench{w, other}[i%2]
			if i < len(events) {
				results[i] = door.Post(t.Context(), w.book, events[i])
				return
			}
			rate, days := "0.1", 30
			results[i] = door.Settle(t.Context(), w.book, id, Settlement{ReserveRate: &rate, ReserveDays: &days})
		})
		for i, r := range results {
			switch code := fault.CodeOf(r.Err); {
			case r.Err == nil, code == errRefundTooLarge.Code, code == ErrDisputeUnknown.Code, code == ErrGated.Code:
			default:
				t.Errorf("round %d event %d: %v", round, i, r.Err)
			}
		}
		o, err := w.load(t.Context(), w.book, id, 0)
		if err != nil {
			t.Fatal(err)
		}
		s, err := o.compute()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range o.changes(s) {
			if c.amount != 0 {
				t.Errorf("round %d: %s differs from the sheet by %d", round, c.account, c.amount)
			}
		}
		if view, err := w.Order(t.Context(), w.book, id); err != nil {
			t.Error(err)
		} else {
			checkWaterfall(t, id, view)
		}
		refunded := money.Minor(0) // a bank may dispute what went back already, but no refund gives it again
		for _, r := range o.refunds {
			for _, leg := range r.cash {
				refunded += leg.amount
			}
		}
		if refunded > 9999 || o.money(false) < 0 {
			t.Errorf("round %d: refunds gave %d of 99.99", round, refunded)
		}
	}
	w.verify(t)
}

// TestSameEventAtOnce: the same event sent a hundred times at once is recorded once.
func TestSameEventAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	other := w.replica(t)
	sale := make([]Event, 60)
	for i := range sale {
		sale[i] = event(t, "order.captured", "same", raceSale("o", 2, "10.00", "20.00"))
	}
	results := make([]Result, len(sale))
	together(len(sale), func(i int) { results[i] = []*workbench{w, other}[i%2].Post(t.Context(), w.book, sale[i]) })
	first := 0
	for i, r := range results {
		if r.Err != nil || r.Transactions[0].Sequence != results[0].Transactions[0].Sequence {
			t.Fatalf("%d: %v", i, r.Err)
		}
		if !r.Replayed {
			first++
		}
	}
	if first != 1 {
		t.Errorf("%d answers say that they recorded it", first)
	}
}

// TestAtomicMiddleFails: a group of which the middle event cannot be leaves no trace, and says which one it was.
func TestAtomicMiddleFails(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	w.post(t, "order.captured", "c", raceSale("old", 1, "10.00", "10.00"))
	before := w.headOf(t)
	for _, middle := range []Event{
		event(t, "refund.made", "m", `{"order":"old","refund":"1","amount":"10.01"}`),
		event(t, "refund.made", "m", `{"order":"none","refund":"1","full":true}`),
		event(t, "order.captured", "m", raceSale("bad", 1, "10.00", "10.01")),
		event(t, "order.captured", "c", raceSale("old", 1, "10.00", "10.00")), // a replay, not a failure
	} {
		group := []Event{event(t, "order.captured", "a", raceSale("a", 1, "5.00", "5.00")), middle, event(t, "refund.made", "z", `{"order":"a","refund":"1","full":true}`)}
		for _, dry := range []bool{true, false} {
			var results []Result
			if dry {
				var err error
				if results, err = w.DryRun(t.Context(), w.book, group, true); err != nil {
					t.Fatal(err)
				}
			} else {
				results = w.PostAtomic(t.Context(), w.book, group)
			}
			if middle.Reference == "c" {
				if !results[1].Replayed || results[0].Err != nil || results[2].Err != nil {
					t.Errorf("a group with a replay: %v %v %v", results[0].Err, results[1].Err, results[2].Err)
				}
				continue
			}
			if fault.CodeOf(results[0].Err) != ledger.ErrGroupRefused.Code || fault.CodeOf(results[2].Err) != ledger.ErrGroupRefused.Code ||
				results[1].Err == nil || fault.CodeOf(results[1].Err) == ledger.ErrGroupRefused.Code {
				t.Errorf("dry %v: %v %v %v", dry, results[0].Err, results[1].Err, results[2].Err)
			}
			if after := w.headOf(t); after != before {
				t.Fatalf("the refused group moved the book from %d to %d", before, after)
			}
		}
	}
	w.verify(t)
}

// TestDryRunRefusedInBetween: what a dry run refuses leaves the order as the events before it made it.
func TestDryRunRefusedInBetween(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	events := []Event{
		event(t, "order.captured", "1", raceSale("o", 2, "10.00", "20.00")),
		event(t, "refund.made", "2", `{"order":"o","refund":"1","amount":"5.00"}`),
		event(t, "refund.made", "3", `{"order":"o","refund":"2","amount":"15.01"}`),
		event(t, "refund.made", "2", `{"order":"o","refund":"1","amount":"5.00"}`),
		event(t, "refund.made", "2", `{"order":"o","refund":"1","amount":"6.00"}`),
		event(t, "refund.made", "4", `{"order":"o","refund":"3","amount":"15.00"}`),
		event(t, "dispute.opened", "5", `{"order":"o","dispute":"dp","payment_id":"pi-o","amount":"0.00"}`),
	}
	want := []string{"", "", errRefundTooLarge.Code, "replayed", ledger.ErrReferenceReused.Code, "", ""}
	dry, err := w.DryRun(t.Context(), w.book, events, false)
	if err != nil {
		t.Fatal(err)
	}
	if n := w.headOf(t); n != 0 {
		t.Fatalf("the dry run recorded %d transactions", n)
	}
	real := w.PostBatch(t.Context(), w.book, events)
	for _, results := range [][]Result{dry, real} {
		for i, r := range results {
			got := fault.CodeOf(r.Err)
			if r.Err == nil {
				got = map[bool]string{true: "replayed", false: ""}[r.Replayed]
			}
			if got != want[i] {
				t.Errorf("event %d: %q, want %q", i, got, want[i])
			}
			if a, b := entriesOf(dry[i].Transactions), entriesOf(real[i].Transactions); a != b {
				t.Errorf("event %d would post\n%s\nand posted\n%s", i, a, b)
			}
		}
	}
}
