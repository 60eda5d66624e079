package commerce

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"mizan/ledger"
	"mizan/ledger/fault"

	"github.com/google/go-cmp/cmp"
)

// replica is another service on the same database.
func (w *workbench) another(t testing.TB) *workbench {
	t.Helper()
	l := ledger.New(w.db.Pool, ledger.Options{Now: w.now})
	t.Cleanup(func() { l.Close(t.Context()) })
	return &workbench{Service: New(l, NewRuleSets(w.db.Pool, w.now), w.now), ledger: l, book: w.book, db: w.db}
}

// verified checks that the books are sound.
func (w *workbench) verified(t testing.TB) {
	t.Helper()
	report, err := w.ledger.Verify(t.Context(), w.book, ledger.VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Findings) > 0 {
		t.Errorf("verification finds %+v", report.Findings)
	}
}

// TestSimultaneousRefunds is N01: a hundred refunds of the one unit that is left, at two replicas: one is made.
func TestSimultaneousRefunds(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	w.post(t, "order.captured", "c", s2Sale)
	w.post(t, "refund.made", "r0", `{"order":"UK-1","refund":"r0","lines":[{"line":1,"quantity":1}]}`)
	both := []*workbench{w, w.another(t)}
	var mu sync.Mutex
	made, refused := 0, map[string]int{}
	var wg sync.WaitGroup
	for i := range 100 {
		e := event(t, "refund.made", fmt.Sprintf("r-%d", i), fmt.Sprintf(`{"order":"UK-1","refund":"RF-%d","lines":[{"line":1,"quantity":1}]}`, i))
		wg.Go(func() {
			r := both[i%2].Post(t.Context(), w.book, e)
			mu.Lock()
			defer mu.Unlock()
			if r.Err == nil {
				made++
			} else {
				refused[fault.CodeOf(r.Err)]++
			}
		})
	}
	wg.Wait()
	if made != 1 || refused["insufficient-funds"] != 99 {
		t.Errorf("%d refunds were made, refused: %v", made, refused)
	}
	if got := w.balances(t)["liabilities:creator:pending:cre_amy GBP"]; got != "" {
		t.Errorf("the creator holds %s of a sale that went back", got)
	}
	w.verified(t)
}

// TestRacingEvents lets refunds, a dispute and the settlement of one order race at two replicas. Whatever wins, the posted
// positions are the sheet's and the waterfall sums to zero.
func TestRacingEvents(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	other := w.another(t)
	for n := range 10 {
		sale := fmt.Sprintf(`{"order":"R-%d","currency":"GBP","placed_at":"2026-11-20T10:00:00Z","seller":"s","lines":[{"line":1,"sku":"A","quantity":5,"unit_price":"9.99"}],
		"creators":[{"creator":"c","agency":{"id":"a","share":"0.3"}}],"payments":[{"processor":"main","payment_id":"pi_%d","amount":"49.95"}]}`, n, n)
		w.post(t, "order.captured", fmt.Sprintf("sale-%d", n), sale)
		events := []Event{event(t, "dispute.opened", fmt.Sprintf("d-%d", n), fmt.Sprintf(`{"order":"R-%d","dispute":"dp_%d","payment_id":"pi_%d","amount":"20.00","fee":"15.00"}`, n, n, n))}
		for i := range 6 {
			events = append(events, event(t, "refund.made", fmt.Sprintf("r-%d-%d", n, i), fmt.Sprintf(`{"order":"R-%d","refund":"RF-%d","lines":[{"line":1,"quantity":1}]}`, n, i)))
		}
		var wg sync.WaitGroup
		for i, e := range events {
			wg.Go(func() {
				r := []*workbench{w, other}[i%2].Post(t.Context(), w.book, e)
				if code := fault.CodeOf(r.Err); r.Err != nil && code != "insufficient-funds" {
					t.Errorf("%s: %v", e.Reference, r.Err)
				}
			})
		}
		wg.Go(func() {
			r := other.Settle(t.Context(), w.book, fmt.Sprintf("R-%d", n), Settlement{})
			if r.Err != nil && !errors.Is(r.Err, ErrGated) {
				t.Errorf("settlement: %v", r.Err)
			}
		})
		wg.Wait()
		o, err := w.load(t.Context(), w.book, fmt.Sprintf("R-%d", n), 0)
		if err != nil {
			t.Fatal(err)
		}
		s, err := o.compute()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range o.changes(s) {
			if c.amount != 0 {
				t.Errorf("order %d: %s differs by %d from its sheet", n, c.account, c.amount)
			}
		}
		view, err := w.Order(t.Context(), w.book, o.id)
		if err != nil {
			t.Fatal(err)
		}
		checkWaterfall(t, o.id, view)
	}
	w.verified(t)
}

// lifeOfOne is several events of one order, as one batch might carry them.
func lifeOfOne(t testing.TB, order string) []Event {
	sale := `{"order":"` + order + `","currency":"GBP","placed_at":"2026-11-20T10:00:00Z","seller":"s","lines":[{"line":1,"sku":"A","quantity":3,"unit_price":"10.00","discounts":[{"funder":"seller","amount":"5.00"}]}],
	"creators":[{"creator":"c","agency":{"id":"a","share":"0.3"}}],"payments":[{"processor":"main","payment_id":"pi_` + order + `","amount":"25.00"}]}`
	return []Event{
		event(t, "order.captured", order+"-c", sale),
		event(t, "order.delivered", order+"-d", `{"order":"`+order+`","delivered_at":"2026-11-22T09:00:00Z","last_parcel":true}`),
		event(t, "refund.made", order+"-r1", `{"order":"`+order+`","refund":"R1","lines":[{"line":1,"quantity":1}]}`),
		event(t, "charge.recorded", order+"-l", `{"kind":"return.shipping_charged","party":"s","order":"`+order+`","currency":"GBP","amount":"3.20","counterparty":"evri"}`),
		event(t, "dispute.opened", order+"-o", `{"order":"`+order+`","dispute":"dp_`+order+`","payment_id":"pi_`+order+`","amount":"5.00","fee":"2.00"}`),
		event(t, "refund.made", order+"-r2", `{"order":"`+order+`","refund":"R2","amount":"3.00"}`),
	}
}

// shape is what results posted, without places and times.
func shape(rs []Result) (list []string) {
	for _, r := range rs {
		s := fmt.Sprintf("%s %v:", r.Event.Reference, r.Err)
		for _, x := range r.Transactions {
			s += " " + x.Event
			for _, e := range x.Entries {
				s += fmt.Sprintf(" %s %d", e.Account, e.Amount)
			}
		}
		text, _ := json.Marshal(r.Explanation)
		list = append(list, s+" "+string(text))
	}
	return list
}

// TestBatchesAgree posts the same life one event at a time, as a batch, as an atomic group and as a dry run: what is
// posted and how it is explained is the same, and the dry run leaves nothing.
func TestBatchesAgree(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	dry, err := w.DryRun(t.Context(), w.book, lifeOfOne(t, "X"), true)
	if err != nil {
		t.Fatal(err)
	}
	if head, err := w.ledger.Head(t.Context(), w.book); err != nil || head.LastSequence != 0 {
		t.Fatalf("the dry run left %+v, %v", head, err)
	}
	atomic := w.PostAtomic(t.Context(), w.book, lifeOfOne(t, "X"))
	if diff := cmp.Diff(shape(dry), shape(atomic)); diff != "" {
		t.Errorf("atomic (-dry run +posted):\n%s", diff)
	}
	again := w.PostAtomic(t.Context(), w.book, lifeOfOne(t, "X"))
	for i, r := range again {
		if r.Err != nil || !r.Replayed {
			t.Errorf("again, %s: %v, replayed %t", r.Event.Reference, r.Err, r.Replayed)
		}
		if i < len(atomic) && len(r.Transactions) != len(atomic[i].Transactions) {
			t.Errorf("again, %s: %d transactions, first %d", r.Event.Reference, len(r.Transactions), len(atomic[i].Transactions))
		}
	}
	other := newWorkbench(t, "UK", "Europe/London", "GBP")
	if diff := cmp.Diff(shape(atomic), shape(other.PostBatch(t.Context(), other.book, lifeOfOne(t, "X")))); diff != "" {
		t.Errorf("batch (-atomic +batch):\n%s", diff)
	}
	third := newWorkbench(t, "UK", "Europe/London", "GBP")
	var single []Result
	for _, e := range lifeOfOne(t, "X") {
		single = append(single, third.Post(t.Context(), third.book, e))
	}
	if diff := cmp.Diff(shape(atomic), shape(single)); diff != "" {
		t.Errorf("one at a time (-atomic +single):\n%s", diff)
	}
	for _, w := range []*workbench{w, other, third} {
		w.verified(t)
	}
}

// TestAtomicRefusal refuses a group in the middle: nothing of it is posted, and the culprit is named.
func TestAtomicRefusal(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	events := lifeOfOne(t, "X")
	events[5] = event(t, "refund.made", "X-r2", `{"order":"X","refund":"R2","amount":"30.00"}`)
	for i, r := range w.PostAtomic(t.Context(), w.book, events) {
		want := "group-refused"
		if i == 5 {
			want = "insufficient-funds"
		}
		if fault.CodeOf(r.Err) != want {
			t.Errorf("item %d: %v, want %s", i, r.Err, want)
		}
	}
	if head, err := w.ledger.Head(t.Context(), w.book); err != nil || head.LastSequence != 0 {
		t.Errorf("the refused group left %+v, %v", head, err)
	}
	// One by one, the others stand.
	refused := 0
	for _, r := range w.PostBatch(t.Context(), w.book, events) {
		if r.Err != nil {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("%d of the batch were refused, want 1", refused)
	}
	// A group of which the first part is recorded already is completed.
	rest := lifeOfOne(t, "X")
	for i, r := range w.PostAtomic(t.Context(), w.book, rest) {
		if i < 5 != r.Replayed || r.Err != nil && i != 5 {
			t.Errorf("item %d: %v, replayed %t", i, r.Err, r.Replayed)
		}
	}
}

func (w *workbench) playTwice(t *testing.T, l life) {
	t.Helper()
	var sent []Event
	var got []Result
	order := ""
	for i, s := range l.Steps {
		switch {
		case s.Raw != "":
			w.rawStep(t, fmt.Sprintf("raw-%d", i), s, l.Currency)
		case s.Act != "":
			if r := lifeActs[s.Act](t, w, fmt.Sprintf("act-%d", i), s.Data); r.Err != nil && s.Refused == "" {
				t.Fatal(r.Err)
			}
		case s.Settle != nil:
			if r := w.Settle(t.Context(), w.book, order, Settlement{ReserveRate: s.Settle.Rate, ReserveDays: s.Settle.Days}); r.Err != nil && s.Refused == "" {
				t.Fatal(r.Err)
			}
		case s.Act != "":
			if r := lifeActs[s.Act](t, w, fmt.Sprintf("act-%d", i), s.Data); r.Err != nil && s.Refused == "" {
				t.Fatal(r.Err)
			}
		default:
			var of struct{ Order string }
			if json.Unmarshal(s.Data, &of) == nil && of.Order != "" {
				order = of.Order
			}
			data := string(s.Data)
			if s.Type == "entry.reversed" {
				data = fmt.Sprintf(`{"transaction":"%s-1","reason":"captured_by_mistake"}`, w.book.Code)
			}
			e := event(t, s.Type, fmt.Sprintf("e-%d", i), data)
			r := w.Post(t.Context(), w.book, e)
			if r.Err != nil && s.Refused == "" {
				t.Fatalf("step %d: %v", i+1, r.Err)
			}
			if r.Err == nil {
				sent, got = append(sent, event(t, s.Type, e.Reference, data)), append(got, r)
			}
		}
	}
	for i, e := range sent {
		r := w.Post(t.Context(), w.book, e)
		if r.Err != nil || !r.Replayed {
			t.Errorf("%s again: %v, replayed %t", e.Type, r.Err, r.Replayed)
			continue
		}
		if diff := cmp.Diff(shape(got[i:i+1]), shape([]Result{r})); diff != "" {
			t.Errorf("%s again (-first +again):\n%s", e.Type, diff)
		}
		e.Reference = got[i].Event.Reference
		e.OccurredAt = testNow.AddDate(0, -1, 0)
		if r := w.Post(t.Context(), w.book, e); fault.CodeOf(r.Err) != "reference-reused" {
			t.Errorf("%s with other content: %v", e.Type, r.Err)
		}
	}
	w.verified(t)
}
