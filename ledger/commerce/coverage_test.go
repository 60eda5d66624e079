package commerce

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// coverage reads the report of a book with one currency.
func (w *workbench) coverage(t testing.TB) CurrencyCoverage {
	t.Helper()
	report, err := w.Coverage(t.Context(), w.book, "")
	if err != nil || len(report.Currencies) != 1 {
		t.Fatalf("%+v %v", report, err)
	}
	return report.Currencies[0]
}

// slowCoverage adds up every balance by itself: the cash, what is owed, and what is on its way to the bank.
func (w *workbench) slowCoverage(t testing.TB) (cash, owed, out money.Minor) {
	t.Helper()
	owners := map[string]money.Minor{}
	page, err := w.ledger.Balances(t.Context(), w.book, ledger.BalanceQuery{Limit: 1000})
	if err != nil || page.More {
		t.Fatal(err, page.More)
	}
	for _, b := range page.Balances {
		a, m := string(b.Account), money.Minor(b.Credits-b.Debits)
		is := func(prefixes ...string) bool {
			return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(a, p) })
		}
		switch {
		case is("assets:processor:", "assets:cash_in_transit:", "assets:treasury_in_transit:", "assets:bank:client:", "assets:bank:safeguarded:", "assets:bank:trust:", "assets:receivable:cod:"):
			cash -= m
			if a == "assets:treasury_in_transit:processor-bank" {
				out -= m
			}
		case is("liabilities:exchange_clearing:", "liabilities:deferred_revenue", "liabilities:accrued:", "liabilities:due_to:", "liabilities:match_pledge:"):
		case is("liabilities:"):
			if kind, bucket, id, ok := splitPayee(b.Account); ok && slices.Contains([]string{"available", "reserve", "dispute_hold"}, bucket) {
				a = kind + id
			}
			owners[a] += m
		}
	}
	for _, m := range owners {
		owed += max(m, 0)
	}
	return cash, owed, out
}

// checkCoverage compares the report with the slow sum.
func (w *workbench) checkCoverage(t testing.TB, when string) CurrencyCoverage {
	t.Helper()
	got := w.coverage(t)
	cash, owed, out := w.slowCoverage(t)
	c := money.Currency(got.Currency)
	want := CoverageTotals{cash.Format(c), owed.Format(c), (cash - owed).Format(c), max(0, cash-owed-max(0, out)).Format(c), max(0, owed-cash).Format(c)}
	if got.Totals != want {
		t.Fatalf("%s: the report says %+v, the balances %+v", when, got.Totals, want)
	}
	if broken := got.Checks[0].Result == "broken"; broken != (cash < owed) {
		t.Fatalf("%s: coverage %+v with cash %d and owed %d", when, got.Checks[0], cash, owed)
	}
	return got
}

// TestCoverageOfS5: after the scenario 54.31 is there and 30.22 owed; after its eighth step 49.72 must be funded.
func TestCoverageOfS5(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	w.raw(t, "opening.balance", "o", "USD", "assets:processor:available:main", -4972, "liabilities:seller:available:sel_wh", 5712,
		"liabilities:seller:reserve:sel_wh", -528, "expenses:processor_fee", 218, "revenue:fulfilment_fee", -358, "revenue:refund_admin_fee", -72)
	if got := w.checkCoverage(t, "after step 8"); got.Totals.Surplus != "-49.72" || got.Totals.ToFund != "49.72" || got.Debts[0] != (CoverageLine{"sellers", "51.84"}) {
		t.Errorf("after step 8: %+v", got)
	}
	w.raw(t, "rest.of_s5", "r", "USD", "liabilities:seller:reserve:sel_wh", -846, "liabilities:seller:available:sel_wh", -5712, "liabilities:carrier:usps", -410,
		"liabilities:tax:sales:US-TX", -1238, "assets:processor:available:main", 4972+5431, "expenses:processor_fee", 501, "revenue:fulfilment_fee", -358,
		"revenue:referral_fee", -900, "revenue:returns_fee", -200, "revenue:storage_fee", -1240)
	got := w.checkCoverage(t, "in the end")
	if got.Totals != (CoverageTotals{"54.31", "30.22", "24.09", "24.09", "0.00"}) {
		t.Errorf("in the end: %+v", got.Totals)
	}
}

// TestCoverageOfS3: 134.20 is payable, the processor holds 132.04.
func TestCoverageOfS3(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	w.raw(t, "opening.balance", "o", "USD", "assets:bank:operating:main", 1360, "assets:processor:available:main", 13204, "liabilities:seller:available:s", -13420, "revenue:simulcast_fee", -1144)
	if got := w.checkCoverage(t, "before"); got.Totals.ToFund != "2.16" {
		t.Errorf("before the top-up: %+v", got.Totals)
	}
	w.post(t, "processor.topped_up", "u", `{"transfer":"u","processor":"main","bank":"main","currency":"USD","amount":"2.16"}`)
	if got := w.checkCoverage(t, "under way"); got.Totals.ToFund != "0.00" {
		t.Errorf("under way: %+v", got.Totals)
	}
}

const sweepJSON = `{"transfer":%q,"purpose":%q,"processor":"main","bank":"main","currency":"USD","amount":%q}`

// TestSweepsAtOnce: of many sweeps at once, by two services, no more passes than is our own.
func TestSweepsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	w.raw(t, "opening.balance", "o", "USD", "assets:processor:available:main", 10000, "liabilities:seller:available:s", -7000, "equity:opening", -3000)
	l2 := ledger.New(w.db.Pool, ledger.Options{Now: w.now})
	t.Cleanup(func() { l2.Close(t.Context()) })
	services := []*Service{w.Service, New(l2, w.rules, w.now)}
	results := make([]Result, 12)
	events := make([]Event, len(results))
	for i := range events {
		events[i] = event(t, "treasury.swept", fmt.Sprint("s", i), fmt.Sprintf(sweepJSON, fmt.Sprint("T", i), "own", "10.00"))
	}
	together(len(results), func(i int) { results[i] = services[i%2].Post(t.Context(), w.book, events[i]) })
	passed := 0
	for _, r := range results {
		switch fault.CodeOf(r.Err) {
		case "":
			passed++
		case ErrSweepTooLarge.Code:
		default:
			t.Error(r.Err)
		}
	}
	if got := w.checkCoverage(t, "afterwards"); passed != 3 || got.Totals.Sweepable != "0.00" {
		t.Errorf("%d sweeps of 10.00 passed of 30.00: %+v", passed, got.Totals)
	}
	w.verify(t)
}

// TestSweepsInAGroup: the events of an atomic batch see what the earlier ones took.
func TestSweepsInAGroup(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	w.raw(t, "opening.balance", "o", "USD", "assets:processor:available:main", 10000, "liabilities:seller:available:s", 500, "liabilities:seller:reserve:s", -7500, "equity:opening", -3000)
	sweep := func(id, amount string) Event {
		return event(t, "treasury.swept", id, fmt.Sprintf(sweepJSON, id, "own", amount))
	}
	bill := event(t, "processor.invoiced", "b", `{"invoice":"b","processor":"main","currency":"USD","net":"10.00"}`)
	deposit := event(t, "debt.card_recovered", "c", `{"recovery":"c","kind":"seller","payee":"s","processor":"main","payment_id":"pi","currency":"USD","amount":"10.00"}`)
	for _, c := range []struct {
		last string
		ok   bool
	}{{"10.01", false}, {"10.00", true}} {
		group := []Event{bill, sweep("a", "10.00"), deposit, sweep("z", c.last)}
		dry, err := w.DryRun(t.Context(), w.book, group, true)
		if err != nil {
			t.Fatal(err)
		}
		wet := w.PostAtomic(t.Context(), w.book, group)
		for i := range group {
			if (dry[i].Err == nil) != c.ok || (wet[i].Err == nil) != c.ok {
				t.Errorf("%s: event %d: dry %v, wet %v", c.last, i, dry[i].Err, wet[i].Err)
			}
		}
	}
	w.checkCoverage(t, "afterwards")
}

// TestRandomTreasury plays random markets: after every step the report agrees with the slow sum, and no sweep of ours makes
// or deepens a shortfall.
func TestRandomTreasury(t *testing.T) {
	t.Parallel()
	for seed := uint64(1); seed <= 4; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 5))
			w := newWorkbench(t, "US", "America/Chicago", "USD")
			w.raw(t, "opening.balance", "o", "USD", "assets:bank:operating:main", 5000, "equity:opening", -5000)
			var sweeps, topups []string
			passed := map[string]int{}
			for i := range 120 {
				id := fmt.Sprintf("x%d", i)
				before := w.checkCoverage(t, id)
				kind := w.randomTreasuryStep(t, rng, id, &sweeps, &topups, passed)
				after := w.checkCoverage(t, id+" "+kind)
				surplus := signedMinor(t, after.Totals.Surplus, "USD")
				if kind == "own" && signedMinor(t, before.Totals.Sweepable, "USD") < signedMinor(t, after.Totals.Sweepable, "USD") {
					t.Fatalf("%s: a sweep raised what may be swept: %+v %+v", id, before.Totals, after.Totals)
				}
				if kind == "own" && surplus < 0 {
					t.Fatalf("%s: a sweep of ours with a shortfall: %+v", id, after.Totals)
				}
			}
			if passed["own"] == 0 || passed["tax"] == 0 || passed["refused"] == 0 || passed["tax.remitted"] == 0 {
				t.Errorf("the market was too quiet: %v", passed)
			}
			w.verify(t)
		})
	}
}

// randomTreasuryStep does one thing and returns what, or "refused".
func (w *workbench) randomTreasuryStep(t *testing.T, rng *rand.Rand, id string, sweeps, topups *[]string, passed map[string]int) (kind string) {
	n := rng.IntN(3000) + 1
	amount := money.Minor(n).Format("USD")
	seller := fmt.Sprint("s", rng.IntN(4))
	try := func(what, kind, data string) string {
		r := w.Post(t.Context(), w.book, event(t, kind, id, data))
		if r.Err == nil {
			passed[what]++
			return what
		}
		if k := fault.KindOf(r.Err); k != fault.Conflict && k != fault.Invalid && k != fault.NotFound {
			t.Fatalf("%s: %v", kind, r.Err)
		}
		passed["refused"]++
		return "refused"
	}
	pop := func(list *[]string) string {
		if len(*list) == 0 {
			return "none"
		}
		i := rng.IntN(len(*list))
		x := (*list)[i]
		*list = slices.Delete(*list, i, i+1)
		return x
	}
	switch rng.IntN(12) {
	case 0, 1, 2: // a sale
		w.raw(t, "sale.made", id, "USD", "assets:processor:available:main", 2*n+30, "liabilities:seller:available:"+seller, -n, "liabilities:tax:sales:US-TX", -n/4-1,
			"liabilities:carrier:usps", -n/8-1, "revenue:referral_fee", -(2*n + 30 - n - n/4 - 1 - n/8 - 1))
		return "sale"
	case 3: // a refund leaves debts, or a shortfall
		w.raw(t, "refund.full", id, "USD", "assets:processor:available:main", -n, "liabilities:seller:available:"+seller, n)
		return "refund"
	case 4, 5:
		purpose := []string{"own", "own", "tax", "tax", "carrier"}[rng.IntN(5)]
		limit := w.coverage(t).Totals.Sweepable
		if purpose == "own" && rng.IntN(2) == 0 && limit != "0.00" {
			amount = limit
		}
		if kind = try(purpose, "treasury.swept", fmt.Sprintf(sweepJSON, id, purpose, amount)); kind != "refused" {
			*sweeps = append(*sweeps, id)
		}
		return kind
	case 6:
		return try("landed", "treasury.landed", fmt.Sprintf(`{"transfer":%q}`, pop(sweeps)))
	case 7:
		return try("failed", "treasury.failed", fmt.Sprintf(`{"transfer":%q}`, pop(sweeps)))
	case 8:
		if kind = try("topup", "processor.topped_up", fmt.Sprintf(`{"transfer":%q,"processor":"main","bank":"main","currency":"USD","amount":%q}`, id, amount)); kind != "refused" {
			*topups = append(*topups, id)
		}
		return kind
	case 9:
		return try("topup_landed", "processor.topup_landed", fmt.Sprintf(`{"transfer":%q}`, pop(topups)))
	case 10:
		return try("tax.remitted", "tax.remitted", fmt.Sprintf(`{"remittance":%q,"kind":"sales","jurisdiction":"US-TX","bank":"main","currency":"USD","amount":%q}`, id, money.Minor(n/8+1).Format("USD")))
	}
	return try("deposit", "seller_deposit.received", fmt.Sprintf(`{"deposit":%q,"seller":%q,"processor":"main","payment_id":%q,"currency":"USD","amount":%q}`, id, seller, id, amount))
}
