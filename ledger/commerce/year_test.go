package commerce

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Years, openings and debts in parts.

// TestYearCloseTwice closes a year with random results in two currencies, ten times at once at two replicas: retained
// earnings get the result once, revenue and expenses come to zero, and a later fact of the year is posted in the open year.
func TestYearCloseTwice(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			d := rand.New(rand.NewPCG(seed, 7))
			w := newWorkbench(t, "US", "America/Chicago", "USD", "JPY")
			results := map[money.Currency]money.Minor{}
			for i := range 40 {
				c := []money.Currency{"USD", "JPY"}[d.IntN(2)]
				account, sign := ledger.Address(fmt.Sprintf("revenue:service_fee:f%d", d.IntN(6))), money.Minor(-1)
				if d.IntN(3) == 0 {
					account, sign = "expenses:processor_fee", 1
				}
				amount := money.Minor(1+d.Int64N(100_000)) * sign
				results[c] -= amount
				w.rawIn(t, fmt.Sprint("r", i), 2026, 1+d.IntN(12), c, account, amount)
			}
			w.rawIn(t, "next", 2027, 1, "USD", "revenue:referral_fee", -777)
			november, _ := ledger.ParsePeriod("2026-11")
			if err := w.ledger.ClosePeriod(t.Context(), w.book, november); err != nil {
				t.Fatal(err)
			}
			services := []*workbench{w, w.replica(t)}
			closes := make([]Result, 10)
			together(len(closes), func(i int) {
				closes[i] = services[i%2].Post(t.Context(), w.book, event(t, "year.closed", fmt.Sprint("y", i), `{"year":2026}`))
			})
			made := 0
			for _, r := range closes {
				if r.Err == nil {
					made++
				} else if fault.CodeOf(r.Err) != ErrRepeated.Code {
					t.Error(r.Err)
				}
			}
			if made != 1 {
				t.Errorf("closed %d times", made)
			}
			for c, want := range results {
				if got, err := w.balance(t.Context(), w.book, accountRetained, c); err != nil || got != want {
					t.Errorf("retained earnings hold %d %s, want %d, %v", got, c, want, err)
				}
			}
			if got, err := w.balance(t.Context(), w.book, "revenue:referral_fee", "USD"); err != nil || got != 777 {
				t.Errorf("the next year's revenue is %d, want 777, %v", got, err)
			}
			december, _ := ledger.ParsePeriod("2026-12")
			if err := w.ledger.ClosePeriod(t.Context(), w.book, december); err != nil {
				t.Fatal(err)
			}
			w.rawIn(t, "late", 2026, 6, "USD", "revenue:referral_fee", -5)
			late, err := w.ledger.ByReference(t.Context(), w.book, "late")
			if err != nil || late[0].Period != december.Next() {
				t.Errorf("a late fact is posted in %v, %v", late[0].Period, err)
			}
			if r := w.Post(t.Context(), w.book, event(t, "year.closed", "again", `{"year":2026}`)); fault.CodeOf(r.Err) != ErrYearOpen.Code {
				t.Errorf("after December was closed: %v", r.Err)
			}
			w.verify(t)
		})
	}
}

// rawIn posts an amount against cash in a month.
func (w *workbench) rawIn(t *testing.T, reference string, year, month int, c money.Currency, account ledger.Address, amount money.Minor) {
	t.Helper()
	draft := ledger.Draft{Event: "opening.balance", OccurredAt: testNow.AddDate(year-2027, month-1, -16), Lines: []ledger.Line{
		{Account: account, Amount: amount, Currency: c}, {Account: "assets:processor:available:main", Amount: -amount, Currency: c}}}
	if out := w.ledger.Post(t.Context(), w.book, ledger.Submission{Reference: reference, Drafts: []ledger.Draft{draft}}); out.Err != nil {
		t.Fatal(out.Err)
	}
}

// TestDebtInParts pays a debt in two parts: what is left of it stays a debt, and no more is paid than is owed.
func TestDebtInParts(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD", "GBP")
	w.raw(t, "opening.balance", "o", "USD", "assets:processor:available:main", 3_000, "liabilities:seller:available:s", -3_000)
	w.raw(t, "opening.balance", "debt", "GBP", "liabilities:seller:available:s", 1_673, "assets:processor:available:main", -1_673)
	recover := func(id, amount string) error {
		return w.Post(t.Context(), w.book, event(t, "fx.debt_recovered", id, fmt.Sprintf(
			`{"recovery":%q,"payee":{"kind":"seller","id":"s"},"debt":{"currency":"GBP"%s},"from":"USD","mid":"1.27","source":"x","quoted_at":"2027-01-31T11:00:00Z"}`, id, amount))).Err
	}
	for _, x := range []struct{ id, amount, want string }{
		{"a", `,"amount":"16.74"`, ErrNothingToConvert.Code}, {"b", `,"amount":"5.00"`, ""}, {"b2", `,"amount":"11.74"`, ErrNothingToConvert.Code},
		{"c", "", ""}, {"d", "", ErrNothingToConvert.Code},
	} {
		if err := recover(x.id, x.amount); (err == nil) != (x.want == "") || err != nil && fault.CodeOf(err) != x.want {
			t.Errorf("%s: %v, want %q", x.id, err, x.want)
		}
	}
	for c, want := range map[money.Currency]money.Minor{"GBP": 0, "USD": 3_000 - 635 - 1_490} { // 5.00 and 11.73 at 1.27
		if got, err := w.balance(t.Context(), w.book, "liabilities:seller:available:s", c); err != nil || got != want {
			t.Errorf("the seller has %d %s, want %d, %v", got, c, want, err)
		}
	}
}

// TestDebtPaidOnce pays debts in another currency from two replicas at once, each time all of it: every debt is paid once,
// and nobody's money is exchanged for a debt that is gone.
func TestDebtPaidOnce(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD", "GBP")
	other := w.replica(t)
	for round := range 5 {
		seller := fmt.Sprint("s", round)
		account := ledger.Address("liabilities:seller:available:" + seller)
		w.raw(t, "opening.balance", "o"+seller, "USD", "assets:processor:available:main", 10_000, string(account), -10_000)
		w.raw(t, "opening.balance", "debt"+seller, "GBP", string(account), 1_000, "assets:processor:available:main", -1_000)
		together(4, func(i int) {
			on, id := []*workbench{w, other}[i%2], fmt.Sprint(seller, "-", i)
			r := on.Post(t.Context(), on.book, event(t, "fx.debt_recovered", id, fmt.Sprintf(
				`{"recovery":%q,"payee":{"kind":"seller","id":%q},"debt":{"currency":"GBP"},"from":"USD","mid":"1.27","source":"x","quoted_at":"2027-01-31T11:00:00Z"}`, id, seller)))
			if r.Err != nil && fault.CodeOf(r.Err) != ErrNothingToConvert.Code {
				t.Error(r.Err)
			}
		})
		for c, want := range map[money.Currency]money.Minor{"GBP": 0, "USD": 10_000 - 1_270} {
			if got, err := w.balance(t.Context(), w.book, account, c); err != nil || got != want {
				t.Errorf("%s has %d %s, want %d, %v", seller, got, c, want, err)
			}
		}
	}
}
