package commerce

import (
	"fmt"
	"sync"
	"testing"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

func writeOff(id, amount string) string {
	return fmt.Sprintf(`{"write_off":%q,"kind":"seller","payee":"s","currency":"USD","amount":%q,"reason":"unpaid","document":"W-1"}`, id, amount)
}

// TestWrittenOffOnce: fifty write-offs of one debt at two replicas, and then fifty recoveries: each debt is given up once and
// comes back once.
func TestWrittenOffOnce(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	w.raw(t, "opening.balance", "debt", "USD", "liabilities:seller:available:s", 6000, "assets:processor:available:main", -6000)
	both := []*workbench{w, w.another(t)}
	race := func(kind, code string, data func(i int) string) {
		var mu sync.Mutex
		var wg sync.WaitGroup
		made, refused := 0, map[string]int{}
		for i := range 50 {
			e := event(t, kind, fmt.Sprint(kind, i), data(i))
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
		if made != 2 || refused[code] != 48 {
			t.Errorf("%s was recorded %d times, want 2; refused: %v", kind, made, refused)
		}
	}
	race("debt.written_off", ErrDebtSmaller.Code, func(i int) string { return writeOff(fmt.Sprint("w", i), "30.00") })
	race("debt.recovered_after_write_off", ErrWrittenOffSmaller.Code, func(i int) string {
		return fmt.Sprintf(`{"recovery":"r%d","kind":"seller","payee":"s","way":"card","processor":"main","payment_id":"pi%d","currency":"USD","amount":"30.00"}`, i, i)
	})
	if got := w.balances(t)[accountBadDebt+" USD"]; got != "" {
		t.Errorf("the expense is %s after everything came back", got)
	}
	w.verified(t)
}

// TestWriteOffWaitsForMoney: each account that could pay the debt keeps it from being written off; those of a court, a child
// and of donations do not.
func TestWriteOffWaitsForMoney(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD", "EUR")
	w.raw(t, "opening.balance", "debt", "USD", "liabilities:seller:available:s", 6000, "assets:processor:available:main", -6000)
	w.raw(t, "opening.balance", "never", "USD", "liabilities:seller:blocked:s", -100, "liabilities:creator:minor_trust:s", -100,
		"liabilities:donation:available:s", -100, "liabilities:seller:pending:other", -100, "assets:processor:available:main", 400)
	for i, x := range []struct {
		account  string
		currency money.Currency
	}{
		{"liabilities:seller:pending:s", "USD"}, {"liabilities:seller:reserve:s", "USD"}, {"liabilities:seller:dispute_hold:s", "USD"},
		{"liabilities:seller_deposit:s", "USD"}, {"liabilities:commission_deposit:s", "USD"}, {"liabilities:seller:available:s", "EUR"}, {"liabilities:seller:pending:s", "EUR"},
	} {
		w.raw(t, "test.given", fmt.Sprint("give", i), x.currency, x.account, -1, "assets:processor:available:main", 1)
		id := fmt.Sprint("w", i)
		r := w.Post(t.Context(), w.book, event(t, "debt.written_off", id, writeOff(id, "60.00")))
		if fault.CodeOf(r.Err) != ErrPayeeHasMoney.Code {
			t.Errorf("with %s in %s: %v", x.account, x.currency, r.Err)
		}
		w.raw(t, "test.taken", fmt.Sprint("take", i), x.currency, x.account, 1, "assets:processor:available:main", -1)
	}
	w.post(t, "debt.written_off", "w", writeOff("w", "60.00"))
	again := w.Post(t.Context(), w.book, event(t, "debt.written_off", "w-again", writeOff("w", "60.00")))
	if fault.CodeOf(again.Err) != ErrRepeated.Code {
		t.Errorf("the same write-off under another reference: %v", again.Err)
	}
	// A write-off that was a mistake is reversed, and can then not be recovered.
	head, err := w.ledger.Head(t.Context(), w.book)
	if err != nil {
		t.Fatal(err)
	}
	w.post(t, "entry.reversed", "undo", fmt.Sprintf(`{"transaction":"us-%d","reason":"mistake"}`, head.LastSequence))
	r := w.Post(t.Context(), w.book, event(t, "debt.recovered_after_write_off", "r",
		`{"recovery":"r","kind":"seller","payee":"s","way":"card","processor":"main","payment_id":"pi","currency":"USD","amount":"0.01"}`))
	if fault.CodeOf(r.Err) != ErrWrittenOffSmaller.Code {
		t.Errorf("a recovery of what was not written off after all: %v", r.Err)
	}
	w.verified(t)
}

// TestSecondPersonTypes: exactly these events wait for a second person.
func TestSecondPersonTypes(t *testing.T) {
	t.Parallel()
	want := map[string]bool{"adjustment.posted": true, "audit.adjusted": true, "brand.written_off": true, "debt.written_off": true,
		"donation.hold_released": true, "donation.redirected": true, "opening.balance": true}
	for _, et := range EventTypes() {
		if NeedsSecondPerson(et.Name) != want[et.Name] {
			t.Errorf("%s needs a second person: %v", et.Name, !want[et.Name])
		}
	}
	if NeedsSecondPerson("no.such") || NeedsSecondPerson("payout.created") {
		t.Error("what is no type of this door needs a second person")
	}
}
