//go:build !race

package commerce

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// Random histories of brands: reports, returns, payments, credits and write-offs in any order, beside a model that knows
// only totals.

// step draws an event and tells the model, which says by what code it must be refused.
func (m *brandModel) step(brand string, n int) (kind, data, refused string) {
	pick := func() *brandSale { return m.sales[m.IntN(len(m.sales))] }
	switch roll := m.IntN(10); {
	case len(m.sales) == 0 || roll < 3:
		s := &brandSale{id: fmt.Sprintf("%s-%d", brand, n), amount: 1 + m.Int64N(50_000)}
		if m.IntN(4) == 0 {
			s.amount = 1 + m.Int64N(40)
		}
		s.compute()
		m.sales = append(m.sales, s)
		return "simulcast.reported", fmt.Sprintf(`{"sale":%q,"brand":%q,"currency":"USD","amount":%q,"creators":[{"creator":"c-%s"}],"partners":[{"partner":"p-%s","role":"live_tech","rate":"0.03"}],"commission_rate":"0.12"}`,
			s.id, brand, cash(s.amount), brand, brand), ""
	case roll < 5:
		s := pick()
		amount := 1 + m.Int64N(s.amount+1)
		data = fmt.Sprintf(`{"sale":%q,"amount":%q}`, s.id, cash(amount))
		if amount > s.amount {
			return "simulcast.return_reported", data, "sale-state"
		}
		s.amount -= amount
		s.compute()
		paid := min(s.paid, s.due)
		m.credit += s.paid - paid
		s.paid, s.written = paid, min(s.written, s.due-paid)
		if s.written == 0 {
			s.bearer = ""
		}
		s.compute()
		return "simulcast.return_reported", data, ""
	case roll < 8:
		amount := 1 + m.Int64N(12_000)
		m.pay(amount)
		return "brand.invoice_paid", fmt.Sprintf(`{"brand":%q,"currency":"USD","amount":%q,"bank_account":"main"}`, brand, cash(amount)), ""
	case roll < 9:
		data = fmt.Sprintf(`{"brand":%q,"currency":"USD"}`, brand)
		if m.pay(0) == 0 {
			return "brand.credit_applied", data, "no-credit"
		}
		return "brand.credit_applied", data, ""
	default:
		s, bearer := pick(), []string{bornePayees, bornePlatform}[m.IntN(2)]
		amount := 1 + m.Int64N(s.open()+1)
		data = fmt.Sprintf(`{"sale":%q,"amount":%q,"borne_by":%q,"document":"D-1"}`, s.id, cash(amount), bearer)
		if amount > s.open() || s.written != 0 && s.bearer != bearer {
			return "brand.written_off", data, "sale-state"
		}
		s.written, s.bearer = s.written+amount, bearer
		s.compute()
		return "brand.written_off", data, ""
	}
}

// check compares the books with the model.
func (m *brandModel) check(t *testing.T, w *workbench, brand string) {
	t.Helper()
	read := func(account string) int64 {
		balance, err := w.balance(t.Context(), w.book, ledger.Address(account), "USD")
		if err != nil {
			t.Fatal(err)
		}
		return int64(balance)
	}
	open, earned, ready := -m.credit, int64(0), int64(0)
	creators := int64(0)
	for _, s := range m.sales {
		open += s.open()
		earned += s.creator + s.partner - s.loss
		ready += s.ready()
		if s.loss == 0 {
			creators += s.creator
		}
	}
	if got := -read("assets:receivable:brand:" + brand); got != open {
		t.Fatalf("the brand owes %d, want %d", got, open)
	}
	pending := []int64{read("liabilities:creator:pending:c-" + brand), read("liabilities:partner:pending:p-" + brand)}
	available := []int64{read("liabilities:creator:available:c-" + brand), read("liabilities:partner:available:p-" + brand)}
	if got := pending[0] + pending[1] + available[0] + available[1]; got != earned {
		t.Fatalf("the payees have %d, want %d", got, earned)
	}
	if got := available[0] + available[1]; got != ready {
		t.Fatalf("%d is available, want %d", got, ready)
	}
	if pending[0]+available[0] < creators {
		t.Fatalf("the creator has %d, at least %d of sales without a loss", pending[0]+available[0], creators)
	}
	for i := range pending {
		if pending[i] < 0 || available[i] < 0 {
			t.Fatalf("pending %v, available %v", pending, available)
		}
	}
}

// TestBrandLives plays random histories and compares every balance with the model after each event.
func TestBrandLives(t *testing.T) {
	t.Parallel()
	w := brandBench(t)
	first, lives := freshSeed(), uint64(20)
	if *lifeSeed != 0 {
		first, lives = *lifeSeed, 1
	}
	for seed := first; seed < first+lives; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := &brandModel{Rand: rand.New(rand.NewPCG(seed, 0x6272616e64))}
			brand := fmt.Sprintf("b%d", seed)
			for n := range 40 {
				kind, data, refused := m.step(brand, n)
				reference := fmt.Sprintf("%s-e%d", brand, n)
				r := w.Post(t.Context(), w.book, event(t, kind, reference, data))
				if fault.CodeOf(r.Err) != refused {
					t.Fatalf("%d: %s %s: %v, want %q", n, kind, data, r.Err, refused)
				}
				m.check(t, w, brand)
				if refused == "" && m.IntN(4) == 0 { // sent again, it is answered as the first time
					if again := w.Post(t.Context(), w.book, event(t, kind, reference, data)); again.Err != nil || !again.Replayed || len(again.Transactions) != len(r.Transactions) {
						t.Fatalf("%d: again: %v, replayed %t", n, again.Err, again.Replayed)
					}
				}
				if refused == "" {
					w.checkExplanation(t, reference, r)
					checkStepsTell(t, reference, r)
				}
			}
		})
	}
	w.verify(t)
}

// TestBrandGroups records the same events one by one, as an atomic batch and as a dry run: each comes to the same entries.
func TestBrandGroups(t *testing.T) {
	t.Parallel()
	w := brandBench(t)
	events := func(brand string) (list []Event) {
		for i, x := range [][2]string{
			{"simulcast.reported", `{"sale":"%s-1","brand":"%s","currency":"USD","amount":"100.00","creators":[{"creator":"c"}]}`},
			{"simulcast.reported", `{"sale":"%s-2","brand":"%s","currency":"USD","amount":"100.00","creators":[{"creator":"c"}]}`},
			{"brand.invoice_paid", `{"document":"%s","brand":"%s","currency":"USD","amount":"15.00","bank_account":"main"}`},
			{"simulcast.return_reported", `{"sale":"%s-1","amount":"60.00","document":"%s"}`},
			{"brand.credit_applied", `{"sales":["%s-2"],"brand":"%s","currency":"USD"}`},
			{"brand.written_off", `{"sale":"%s-2","amount":"0.10","borne_by":"payees","document":"%s"}`},
			{"brand.invoice_paid", `{"document":"%s","brand":"%s","currency":"USD","amount":"1.00","bank_account":"main"}`},
		} {
			list = append(list, event(t, x[0], fmt.Sprintf("%s-e%d", brand, i), fmt.Sprintf(x[1], brand, brand)))
		}
		return list
	}
	entries := func(results []Result) (list []string) {
		t.Helper()
		for i, r := range results {
			if r.Err != nil {
				t.Fatalf("%d: %v", i, r.Err)
			}
			for _, x := range r.Transactions {
				for _, e := range x.Entries {
					list = append(list, fmt.Sprintf("%d %s %s %d", i, x.Event, strings.TrimRight(string(e.Account), "123456789"), e.Amount))
				}
			}
		}
		return list
	}
	var alone []Result
	for _, e := range events("x1") {
		alone = append(alone, w.Post(t.Context(), w.book, e))
	}
	want := entries(alone)
	dry, err := w.DryRun(t.Context(), w.book, events("x2"), true)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]string{
		"dry run": entries(dry),
		"atomic":  entries(w.PostAtomic(t.Context(), w.book, events("x2"))),
		"batch":   entries(w.PostBatch(t.Context(), w.book, events("x3"))),
	} {
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", name, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	}
}
