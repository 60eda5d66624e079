package commerce

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

var importSeed = flag.Uint64("import-seed", 0, "play the random imports of this seed; 0 draws one")

// TestRandomImports plays random orders with refunds before and after their release. Whatever came before, an order of
// which everything went back leaves nobody anything, and every explanation is read back as it was answered.
func TestRandomImports(t *testing.T) {
	t.Parallel()
	seed := *importSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-import-seed=%d", seed)
	dice := rand.New(rand.NewPCG(seed, 7))
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	for n := range 25 {
		order := fmt.Sprintf("o%d", n)
		left := make([]money.Minor, 1+dice.IntN(4))
		var lines, creators []string
		for i := range left {
			left[i] = money.Minor(dice.IntN(20_000))
			lines = append(lines, fmt.Sprintf(`{"line":"%d","amount":%q}`, i, left[i].Format("USD")))
		}
		for i := range 1 + dice.IntN(4) {
			agency := ""
			if dice.IntN(2) == 0 {
				agency = fmt.Sprintf(`,"agency":{"id":"a%d","share":"0.%d"}`, dice.IntN(2), 1+dice.IntN(9))
			}
			creators = append(creators, fmt.Sprintf(`{"creator":"c%d","weight":"%d"%s}`, i, 1+dice.IntN(5), agency))
		}
		check := func(name string, r Result) {
			t.Helper()
			if r.Err != nil {
				t.Fatalf("%s: %v", name, r.Err)
			}
			w.checkExplanation(t, name, r)
			checkStepsTell(t, name, r)
		}
		check(order, w.post(t, "import.order_paid", order, `{"order":"`+order+`","source":"shopify","seller":"s","currency":"USD","paid_at":"2026-11-10T10:00:00Z","lines":[`+
			strings.Join(lines, ",")+`],"creators":[`+strings.Join(creators, ",")+fmt.Sprintf(`],"commission_rate":"0.%02d","platform_rate":"0.0%d","release":"on_window"}`, 1+dice.IntN(40), dice.IntN(10))))
		back := func(name string, take func(money.Minor) money.Minor) {
			var parts []string
			for i := range left {
				m := take(left[i])
				left[i] -= m
				parts = append(parts, fmt.Sprintf(`{"line":"%d","amount":%q}`, i, m.Format("USD")))
			}
			check(name, w.post(t, "import.refund_created", name, `{"order":"`+order+`","refund":"`+name+`","lines":[`+strings.Join(parts, ",")+`]}`))
		}
		for i := range dice.IntN(4) {
			back(fmt.Sprintf("%s-r%d", order, i), func(m money.Minor) money.Minor { return money.Minor(dice.Int64N(int64(m) + 1)) })
			if dice.IntN(2) == 0 {
				if r := w.ReleaseImported(t.Context(), w.book, order, fmt.Sprintf("%s-f%d", order, i), time.Time{}); r.Err != nil && fault.CodeOf(r.Err) != ErrOrderState.Code {
					t.Fatal(r.Err)
				}
			}
		}
		back(order+"-all", func(m money.Minor) money.Minor { return m })
	}
	if held := w.balances(t); len(held) > 0 {
		t.Errorf("seed %d: everything went back, and is left: %v", seed, held)
	}
}

// TestImportRefundRace lets two services give the same line back at once: one of them finds nothing left.
func TestImportRefundRace(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	other := New(w.ledger, newTestRules(t, w.db, w.now), w.now)
	for n := range 10 {
		order := fmt.Sprintf("o%d", n)
		w.post(t, "import.order_paid", order, `{"order":"`+order+`","source":"shopify","seller":"s","currency":"USD","paid_at":"2026-11-10T10:00:00Z","lines":[{"line":"1","amount":"10.00"}],"platform_rate":"0.10"}`)
		var group sync.WaitGroup
		codes := make([]string, 2)
		for i, s := range []*Service{w.Service, other} {
			e := event(t, "import.refund_created", fmt.Sprintf("%s-%d", order, i), fmt.Sprintf(`{"order":%q,"refund":"r%d","lines":[{"line":"1","amount":"6.00"}]}`, order, i))
			group.Go(func() { codes[i] = fault.CodeOf(s.Post(t.Context(), w.book, e).Err) })
		}
		group.Wait()
		if codes[0]+codes[1] != errReturnTooLarge.Code {
			t.Errorf("%s: %q", order, codes)
		}
	}
}

// TestBadImports refuses what makes no sense and records nothing.
func TestBadImports(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	good := `{"order":"o","source":"shopify","seller":"s","currency":"USD","paid_at":"2026-11-10T10:00:00Z","lines":[{"line":"1","amount":"10.00"}],"creators":[{"creator":"c"}],"commission_rate":"0.1","platform_rate":"0.02"}`
	for from, to := range map[string]string{
		`"USD"`: `"EUR"`, `"10.00"`: `"10.001"`, `"0.1"`: `"1.1"`, `[{"creator":"c"}]`: `[{"creator":"c"},{"creator":"c"}]`, `{"creator":"c"}`: `{"creator":"c","weight":"0"}`,
		`[{"line":"1","amount":"10.00"}]`: `[]`, `"2026-11-10T10:00:00Z"`: `"0001-01-01T00:00:00Z"`, `"platform_rate"`: `"release":"never","platform_rate"`,
	} {
		bad := strings.Replace(good, from, to, 1)
		if r := w.Post(t.Context(), w.book, event(t, "import.order_paid", "x", bad)); fault.CodeOf(r.Err) != "validation-failed" {
			t.Errorf("%s for %s: %v", to, from, r.Err)
		}
	}
	refund := `{"order":"o","refund":"r","lines":[{"line":"1","amount":"4.00"}]}`
	for step, want := range []struct{ kind, reference, data, code string }{
		{"import.refund_created", "r", refund, ErrImportUnknown.Code},
		{"import.order_paid", "p", good, ""},
		{"import.order_paid", "p2", good, ErrRepeated.Code},
		{"import.order_paid", "p", strings.Replace(good, "10.00", "11.00", 1), "reference-reused"},
		{"import.refund_created", "r", strings.Replace(refund, `"1"`, `"2"`, 1), "validation-failed"},
		{"import.refund_created", "r", refund, ""},
		{"import.refund_created", "r", refund, ""},
		{"import.refund_created", "r2", refund, ErrRepeated.Code},
	} {
		if r := w.Post(t.Context(), w.book, event(t, want.kind, want.reference, want.data)); fault.CodeOf(r.Err) != want.code {
			t.Errorf("step %d: %v, want %s", step, r.Err, want.code)
		}
	}
	if _, err := TypeOf(eventImportReleased); fault.CodeOf(err) != ErrEventReserved.Code {
		t.Errorf("a release as an event: %v", err)
	}
	list := []Event{event(t, "import.order_paid", "g1", strings.Replace(good, `"o"`, `"g"`, 1)), event(t, "import.refund_created", "g2", strings.Replace(refund, `"o"`, `"g"`, 1))}
	forecast, err := w.DryRun(t.Context(), w.book, list, true)
	if err != nil || forecast[0].Err != nil || forecast[1].Err != nil {
		t.Fatalf("%+v, %v", forecast, err)
	}
	for i, e := range list {
		if r := w.Post(t.Context(), w.book, e); r.Err != nil || len(r.Transactions) != len(forecast[i].Transactions) || len(r.Transactions[0].Entries) != len(forecast[i].Transactions[0].Entries) {
			t.Errorf("event %d of a group differs from its forecast: %+v", i, r)
		}
	}
}
