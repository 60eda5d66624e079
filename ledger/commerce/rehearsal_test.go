//go:build !race

package commerce

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// TestRehearsalOfLives rehearses every worked example under its own rules: nothing differs, and every order is played.
func TestRehearsalOfLives(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	for _, l := range loadLives(t) {
		t.Run(l.Key, func(t *testing.T) {
			w.playLife(t, l)
			lw := *w
			var err error
			if lw.book, err = w.ledger.Book(t.Context(), l.book()); err != nil {
				t.Fatal(err)
			}
			wantNothing(t, l.Key, lw.rehearseAll(t, changedSet(t, l.Rules, nil), 0))
		})
	}
}

// TestRehearsalOfRandomLives plays random lives in memory and rehearses each under its own rules and under those of
// another life. Under its own nothing differs; under the others what is given and taken stays balanced.
func TestRehearsalOfRandomLives(t *testing.T) {
	t.Parallel()
	book := newWorkbench(t, "US", "America/Chicago", lifeCurrencies...).book
	start, count := freshSeed(), *lifeCount*3/10
	t.Logf("seeds from %d", start)
	played, changed, refused := 0, 0, map[string]int{}
	for i := range uint64(max(1, count)) {
		l := newRandomLife(book, start+i)
		if err := l.play(); err != nil {
			t.Fatal(err)
		}
		again, err := l.service.rehearseOrder(t.Context(), book, l.dice.name, l.transactions, l.set)
		if err != nil {
			t.Fatalf("-life.seed %d: %v\n%s", start+i, err, l.log())
		}
		for at, m := range again.now {
			if again.then[at] != m {
				t.Fatalf("-life.seed %d: %s has %d, under its own rules %d\n%s", start+i, at.account, m, again.then[at], l.log())
			}
		}
		for at, m := range again.then {
			if again.now[at] != m {
				t.Fatalf("-life.seed %d: %s gets %d under its own rules and has %d", start+i, at.account, m, again.now[at])
			}
		}
		played++
		other, err := l.service.rehearseOrder(t.Context(), book, l.dice.name, l.transactions, newRandomLife(book, start+i+1_000_003).set)
		if err != nil {
			if fault.KindOf(err) == 0 && fault.CodeOf(err) == "" {
				t.Fatalf("-life.seed %d: %v", start+i, err)
			}
			refused[fault.CodeOf(err)]++
			continue
		}
		sum, differs := map[money.Currency]money.Minor{}, false
		for at, m := range other.then {
			sum[at.currency] += m
			differs = differs || other.now[at] != m
		}
		for c, m := range sum {
			if m != 0 {
				t.Fatalf("-life.seed %d: the proposal does not balance by %d %s", start+i, m, c)
			}
		}
		if differs {
			changed++
		}
	}
	t.Logf("%d played, %d changed under other rules, refused %v", played, changed, refused)
	if changed < played/4 {
		t.Errorf("only %d of %d lives changed under other rules", changed, played)
	}
}

// TestRehearsalOfARate changes one fee. For orders without anything else the difference is the new fee less the old one,
// and the seller pays it; a day's range takes that day's orders only; the pages add up; nothing is posted.
func TestRehearsalOfARate(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	prices := []money.Minor{999, 2499, 1, 100_000, 12_345, 50, 777}
	feeAt := func(m money.Minor, percent int64) money.Minor { // half even, by hand
		whole, rest := int64(m)*percent/100, int64(m)*percent%100
		if rest > 50 || rest == 50 && whole%2 == 1 {
			whole++
		}
		return money.Minor(whole)
	}
	want := map[string]money.Minor{}
	var fees money.Minor
	for i, price := range prices {
		amount := price.Format("GBP")
		seller := fmt.Sprintf("s%d", i%2)
		w.post(t, "order.captured", fmt.Sprintf("c%d", i), fmt.Sprintf(`{"order":"O%d","currency":"GBP","placed_at":"2026-11-%02dT10:00:00Z","seller":%q,"channel":"app",
			"lines":[{"line":1,"sku":"K","quantity":1,"unit_price":%q}],"payments":[{"processor":"main","payment_id":"pi_%d","amount":%q}]}`, i, 10+i, seller, amount, i, amount))
		delta := feeAt(price, 5) - feeAt(price, 9)
		want["seller:"+seller] -= delta
		fees += delta
	}
	before, err := w.ledger.Head(t.Context(), w.book)
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := json.Marshal(shippedSet(t, "uk-1"))
	if err != nil {
		t.Fatal(err)
	}
	if n := wantNothing(t, "the same rules", w.rehearseAll(t, changedSet(t, shipped, nil), 3)); n != len(prices) {
		t.Errorf("%d orders were played", n)
	}
	proposed := changedSet(t, shipped, func(s *RuleSet) {
		for i := range s.Rules {
			if s.Rules[i].ID == "commission" {
				s.Rules[i].Rate = money.MustRate("0.05")
			}
		}
	})
	for _, limit := range []int{0, 1, 3} {
		got, total := map[string]money.Minor{}, money.Minor(0)
		for _, page := range w.rehearseAll(t, proposed, limit) {
			for _, p := range page.Payees {
				got[p.Who] += signedMinor(t, p.Difference, "GBP")
			}
			for _, p := range page.Totals {
				if p.Who == "revenue" || p.Who == "tax" {
					total += signedMinor(t, p.Difference, "GBP")
				}
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || total != fees {
			t.Errorf("limit %d: %v, want %v; fees %d, want %d", limit, got, want, total, fees)
		}
	}
	day := RehearsalQuery{From: time.Date(2026, 11, 11, 10, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 12, 10, 0, 0, 0, time.UTC)}
	if page, err := w.Rehearse(t.Context(), w.book, proposed, day); err != nil || page.Orders != 1 || page.Changed != 1 || page.Largest[0].Order != "O1" {
		t.Errorf("one day: %+v, %v", page, err)
	}
	day.To = day.From
	if _, err := w.Rehearse(t.Context(), w.book, proposed, day); fault.CodeOf(err) != ErrRehearsalRange.Code {
		t.Errorf("an empty range: %v", err)
	}
	proposed.Market = "US"
	day.To = day.From.AddDate(0, 0, 1)
	if _, err := w.Rehearse(t.Context(), w.book, proposed, day); fault.CodeOf(err) != ErrRuleSetMarket.Code {
		t.Errorf("another market: %v", err)
	}
	if after, err := w.ledger.Head(t.Context(), w.book); err != nil || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("a rehearsal posted: %+v, %v", after, err)
	}
}

// TestRehearsalOfCharges changes the tax on a fee; a reversed charge counts no more, and rules that cannot serve an order
// name it.
func TestRehearsalOfCharges(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	storage := func(reference, at string) Result {
		e := event(t, "charge.recorded", reference, `{"kind":"warehouse.storage_charged","party":"s","currency":"GBP","amount":"12.00"}`)
		e.OccurredAt, _ = time.Parse(time.RFC3339, at)
		r := w.Post(t.Context(), w.book, e)
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		return r
	}
	storage("a", "2026-11-10T00:00:00Z")
	mistake := storage("b", "2026-11-11T00:00:00Z")
	storage("c", "2019-12-31T00:00:00Z") // outside the range
	w.post(t, "entry.reversed", "d", fmt.Sprintf(`{"transaction":%q,"reason":"mistake"}`, mistake.Transactions[0].ID()))
	w.post(t, "order.captured", "o", `{"order":"O","currency":"GBP","placed_at":"2026-11-10T10:00:00Z","seller":"s","channel":"app",
		"lines":[{"line":1,"sku":"K","quantity":1,"unit_price":"10.00"}],"payments":[{"processor":"main","payment_id":"pi","amount":"10.00"}]}`)
	shipped, err := json.Marshal(shippedSet(t, "uk-1"))
	if err != nil {
		t.Fatal(err)
	}
	pages := w.rehearseAll(t, changedSet(t, shipped, nil), 0)
	wantNothing(t, "the same rules", pages)
	if pages[0].Charges != 1 {
		t.Errorf("%d charges", pages[0].Charges)
	}
	half := money.MustRate("0.10")
	proposed := changedSet(t, shipped, func(s *RuleSet) {
		for i := range s.Rules {
			if r := &s.Rules[i]; r.Event == "warehouse.storage_charged" {
				r.Tax = &Tax{Mode: "exclusive", Rate: half, To: "liabilities:tax:vat:UK:on-fees"}
			}
			if s.Rules[i].ID == "commission" {
				s.Rules[i].Flat = Amounts{"USD": 100}
			}
		}
	})
	page := w.rehearseAll(t, proposed, 0)[0]
	if len(page.Failed) != 1 || page.Failed[0].Order != "O" || page.Failed[0].Code != ErrRuleCurrency.Code {
		t.Errorf("failed: %+v", page.Failed)
	}
	if page.Charges != 1 || len(page.Payees) != 1 || page.Payees[0].Proposed != "-13.20" {
		t.Errorf("charges: %+v", page)
	}
}

// TestRehearsalOfReversals reverses the last event of orders, posts one again, and posts by hand: under the same rules
// nothing differs, and under others only what stands does.
func TestRehearsalOfReversals(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	capture := func(order string) Result {
		return w.post(t, "order.captured", "c"+order, fmt.Sprintf(`{"order":%q,"currency":"GBP","placed_at":"2026-11-10T10:00:00Z","seller":"s","channel":"app","creators":[{"creator":"c"}],"commission_rate":"0.1",
			"lines":[{"line":1,"sku":"K","quantity":2,"unit_price":"50.00"}],"payments":[{"processor":"main","payment_id":"pi_%s","amount":"100.00"}]}`, order, order))
	}
	reverse := func(reference string, r Result) {
		for i := range r.Transactions { // the later parts of an event first
			x := r.Transactions[len(r.Transactions)-1-i]
			w.post(t, "entry.reversed", fmt.Sprint(reference, i), fmt.Sprintf(`{"transaction":%q,"reason":"mistake"}`, x.ID()))
		}
	}
	reverse("r1", capture("gone"))
	capture("refunded")
	reverse("r2", w.post(t, "refund.made", "m1", `{"order":"refunded","refund":"R","lines":[{"line":1,"quantity":1}]}`))
	capture("half")
	w.post(t, "refund.made", "m2", `{"order":"half","refund":"R","lines":[{"line":1,"quantity":1}]}`)
	capture("settled")
	if r := w.Settle(t.Context(), w.book, "settled", Settlement{}); r.Err != nil {
		t.Fatal(r.Err)
	}
	reverse("r3", w.post(t, "dispute.opened", "d1", `{"order":"settled","dispute":"dp","payment_id":"pi_settled","amount":"100.00","fee":"15.00"}`))
	shipped, err := json.Marshal(shippedSet(t, "uk-1"))
	if err != nil {
		t.Fatal(err)
	}
	if n := wantNothing(t, "the same rules", w.rehearseAll(t, changedSet(t, shipped, nil), 2)); n != 4 {
		t.Errorf("%d orders were played, want 4", n)
	}
	page := w.rehearseAll(t, changedSet(t, shipped, func(s *RuleSet) { s.Rules[0].Rate = money.MustRate("0.10") }), 0)[0]
	// A point more of 100.00 twice and of 50.00 once; of what was reversed, nothing.
	if len(page.Failed) != 0 || page.Changed != 3 || page.Payees[1].Who != "seller:s" || page.Payees[1].Difference != "-2.50" || page.Payees[0].Difference != "0.00" {
		t.Errorf("%+v", page)
	}
}
