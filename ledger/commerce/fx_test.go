package commerce

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Random exchanges, races for one balance, and what stays open.

// fxDice makes random exchanges that can be repeated from their seed.
type fxDice struct{ *rand.Rand }

// rate is a random rate with up to eight significant decimals.
func (d fxDice) rate(scale int) string {
	return fmt.Sprintf("0.%0*d", scale, 1+d.Int64N(pow(scale)-1))
}

func pow(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// TestFXEndsAtZero converts, executes and closes at random rates between currencies with no, two and three decimals: each
// conversion gives the payee and the margin together what the amount is worth at mid, the open ones always come to the
// position, and in the end the position is zero in every currency.
func TestFXEndsAtZero(t *testing.T) {
	t.Parallel()
	currencies := []money.Currency{"USD", "GBP", "JPY", "KWD"}
	for round := range 8 {
		seed := uint64(round + 1)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			d := fxDice{rand.New(rand.NewPCG(seed, 5))}
			w := newWorkbench(t, "US", "America/Chicago", currencies...)
			for _, c := range currencies {
				w.raw(t, "opening.balance", "o-"+string(c), c, "assets:processor:available:main", 50_000_000, "liabilities:seller:available:s", -50_000_000)
			}
			converted := 0
			for i := range 12 {
				from := currencies[d.IntN(4)]
				to := currencies[(slices.Index(currencies, from)+1+d.IntN(3))%4]
				amount := money.Minor(1 + d.Int64N(1_000_000)).Format(from)
				r := w.Post(t.Context(), w.book, event(t, "fx.converted", fmt.Sprint("c", i), fmt.Sprintf(
					`{"conversion":"C%d","payee":{"kind":"seller","id":"s"},"from":{"currency":%q,"amount":%q},"to":%q,"mid":%q,"margin":"0.%04d","source":"x","quoted_at":"2027-01-31T11:00:00Z"}`,
					i, from, amount, to, d.rate(3+d.IntN(5)), d.IntN(201))))
				if fault.CodeOf(r.Err) == ErrNothingToConvert.Code {
					continue
				}
				if r.Err != nil {
					t.Fatal(r.Err)
				}
				converted++
				checkConversion(t, r, from, to)
				w.checkOpen(t)
			}
			if converted == 0 {
				t.Fatal("nothing was converted")
			}
			w.executeAll(t, d)
			w.post(t, "fx.position_closed", "close", `{"close":"X"}`)
			legs, _, err := w.positionNow(t.Context(), w.book)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range legs {
				if l.Amount != 0 {
					t.Errorf("%d %s are left in the position", l.Amount, l.Currency)
				}
			}
			w.verify(t)
		})
	}
}

// checkConversion computes a conversion again, in another way: in whole numbers from the legs that it posted.
func checkConversion(t *testing.T, r Result, from, to money.Currency) {
	t.Helper()
	d := r.Event.Data.(*FXConverted)
	var sold, worth, client, margin money.Minor
	for _, e := range r.Transactions[0].Entries {
		switch {
		case e.Account == accountFXPosition && e.Currency == from:
			sold = -e.Amount
		case e.Account == accountFXPosition:
			worth = e.Amount
		case e.Account == accountFXMargin:
			margin = -e.Amount
		case e.Currency == to:
			client = -e.Amount
		}
	}
	want, err := money.Exchange(sold, from, to, money.MustRate(d.Mid), money.HalfEven)
	if err != nil || worth != want || client+margin != worth || margin < 0 || client <= 0 {
		t.Errorf("%+v: worth %d (want %d), payee %d, margin %d, %v", d, worth, want, client, margin, err)
	}
}

// checkOpen compares what is listed as open with the position.
func (w *workbench) checkOpen(t *testing.T) {
	t.Helper()
	position, err := w.FXPosition(t.Context(), w.book)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range position.Legs {
		if l.Currency != position.Functional && l.Listed != l.Balance {
			t.Errorf("in %s %s are open, and %s are listed", l.Currency, l.Balance, l.Listed)
		}
	}
}

// executeAll exchanges every open leg into dollars, at some amount.
func (w *workbench) executeAll(t *testing.T, d fxDice) {
	t.Helper()
	legs, _, err := w.positionNow(t.Context(), w.book)
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range legs {
		if l.Currency == "USD" || l.Amount == 0 {
			continue
		}
		sold, bought := fxLeg{l.Currency, max(l.Amount, -l.Amount)}, fxLeg{"USD", kept(1 + d.IntN(100_000))}
		if l.Amount > 0 {
			sold, bought = bought, sold
		}
		w.post(t, "fx.treasury_executed", fmt.Sprint("t", i), fmt.Sprintf(`{"deal":"T%d","processor":"main","sold":{"currency":%q,"amount":%q},"bought":{"currency":%q,"amount":%q}}`,
			i, sold.Currency, sold.Amount.minor().Format(sold.Currency), bought.Currency, bought.Amount.minor().Format(bought.Currency)))
		w.checkOpen(t)
	}
}

func convertAll(i int) string {
	return fmt.Sprintf(`{"conversion":"C%d","payee":{"kind":"seller","id":"s"},"from":{"currency":"GBP"},"to":"USD","mid":"1.27","margin":"0.01","source":"x","quoted_at":"2027-01-31T11:00:00Z"}`, i)
}

// TestFXRace converts one balance twenty times at once, at two replicas: it is converted once.
func TestFXRace(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD", "GBP")
	w.raw(t, "opening.balance", "o", "GBP", "assets:processor:available:main", 10_000, "liabilities:seller:available:s", -10_000)
	services := []*workbench{w, w.replica(t)}
	results := make([]Result, 20)
	together(len(results), func(i int) {
		results[i] = services[i%2].Post(t.Context(), w.book, event(t, "fx.converted", fmt.Sprint("c", i), convertAll(i)))
	})
	made := 0
	for _, r := range results {
		switch {
		case r.Err == nil:
			made++
		case !errors.Is(r.Err, ledger.ErrFloor) && fault.CodeOf(r.Err) != ErrNothingToConvert.Code:
			t.Error(r.Err)
		}
	}
	if made != 1 {
		t.Errorf("converted %d times", made)
	}
	for account, want := range map[ledger.Address]money.Minor{"liabilities:seller:available:s": 0, accountFXPosition: 10_000} {
		if got, err := w.balance(t.Context(), w.book, account, "GBP"); err != nil || got != want {
			t.Errorf("%s holds %d GBP, want %d, %v", account, got, want, err)
		}
	}
}

// TestFXCloseRace closes the position, and reverses a revaluation, ten times at once at two replicas: each happens once.
func TestFXCloseRace(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD", "GBP")
	w.raw(t, "opening.balance", "o", "USD", string(accountFXPosition), 20, "equity:opening", -20)
	e := event(t, "fx.revalued", "r", `{"revaluation":"R","rates":[{"currency":"GBP","rate":"1.2","source":"x","quoted_at":"2026-12-31T11:00:00Z"}]}`)
	e.OccurredAt = testNow.AddDate(0, -1, 0)
	if r := w.Post(t.Context(), w.book, e); r.Err != nil {
		t.Fatal(r.Err)
	}
	services := []*workbench{w, w.replica(t)}
	closed, reversed := make([]Result, 10), make([]Result, 10)
	together(len(closed), func(i int) {
		closed[i] = services[i%2].Post(t.Context(), w.book, event(t, "fx.position_closed", fmt.Sprint("x", i), fmt.Sprintf(`{"close":"X%d"}`, i)))
		reversed[i] = services[i%2].Post(t.Context(), w.book, event(t, "fx.revaluation_reversed", fmt.Sprint("v", i), `{"revaluation":"R"}`))
	})
	for _, results := range [][]Result{closed, reversed} {
		made := 0
		for _, r := range results {
			if r.Err == nil {
				made++
			} else if code := fault.CodeOf(r.Err); code != ErrNothingToConvert.Code && code != ErrRepeated.Code {
				t.Error(r.Err)
			}
		}
		if made != 1 {
			t.Errorf("%s happened %d times", results[0].Event.Type, made)
		}
	}
	w.verify(t)
}

// TestFXDryRun: a dry run of a deal and a close that follows it says what posting them says.
func TestFXDryRun(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD", "GBP")
	w.raw(t, "opening.balance", "o", "GBP", "assets:processor:available:main", 10_000, "liabilities:seller:available:s", -10_000)
	events := func() []Event {
		return []Event{event(t, "fx.converted", "c", convertAll(1)),
			event(t, "fx.treasury_executed", "t", `{"deal":"T","processor":"main","sold":{"currency":"GBP","amount":"100.00"},"bought":{"currency":"USD","amount":"126.80"}}`),
			event(t, "fx.position_closed", "x", `{"close":"X"}`)}
	}
	dry, err := w.DryRun(t.Context(), w.book, events(), true)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range events() {
		r := w.Post(t.Context(), w.book, e)
		if r.Err != nil || dry[i].Err != nil {
			t.Fatal(r.Err, dry[i].Err)
		}
		said, posted := lineText(dry[i]), lineText(r)
		if said != posted {
			t.Errorf("%s: the dry run said %s, posted was %s", e.Type, said, posted)
		}
		if again := w.Post(t.Context(), w.book, events()[i]); again.Err != nil || !again.Replayed || lineText(again) != posted {
			t.Errorf("%s again: %+v", e.Type, again)
		}
	}
}

func lineText(r Result) (text string) {
	for _, x := range r.Transactions {
		for _, e := range x.Entries {
			text += fmt.Sprintln(e.Account, e.Currency, e.Amount)
		}
	}
	return text
}
