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
	"mizan/ledger/money"
)

// Random histories of brands: reports, returns, payments, credits and write-offs in any order, beside a model that knows
// only totals.

// brandSale is a sale as the model sees it.
type brandSale struct {
	id                          string
	amount, paid, written, fee  int64
	creator, partner, due, loss int64
	bearer                      string
}

// hundredths rounds a rate in hundredths half to even, without the arithmetic under test.
func hundredths(base, rate int64) int64 {
	whole, rest := base*rate/100, base*rate%100
	if rest > 50 || rest == 50 && whole%2 == 1 {
		whole++
	}
	return whole
}

func (s *brandSale) compute() {
	s.creator, s.partner, s.fee = hundredths(s.amount, 12), hundredths(s.amount, 3), hundredths(s.amount, 2)
	s.due = s.creator + s.partner + s.fee
	s.loss = 0
	if s.bearer == bornePayees {
		s.loss = max(0, s.written-s.fee)
	}
}

func (s *brandSale) open() int64 { return s.due - s.paid - s.written }

// ready is what of the payees' shares the money that came pays for.
func (s *brandSale) ready() int64 {
	money, left := s.paid, s.creator+s.partner-s.loss
	if s.bearer == bornePlatform {
		money += s.written
	}
	if s.open() == 0 {
		return left
	}
	return min(money, left)
}

// brandModel is a brand as the model sees it.
type brandModel struct {
	*rand.Rand
	sales        []*brandSale
	credit, cash int64
}

// pay gives a pool of money to the sales in their order.
func (m *brandModel) pay(received int64) (paid int) {
	pool := received + m.credit
	m.cash += received
	for _, s := range m.sales {
		if part := min(s.open(), pool); part > 0 {
			s.paid += part
			pool -= part
			paid++
		}
	}
	m.credit = pool
	return paid
}

func cash(n int64) string { return money.Minor(n).Format("USD") }

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

// TestBrandPaymentsRace posts payments, returns and reports of one brand at the same moment at two replicas: in the end
// everything adds up, and no share is released twice.
func TestBrandPaymentsRace(t *testing.T) {
	t.Parallel()
	w := brandBench(t)
	other := w.replica(t)
	m := &brandModel{}
	for i := range 6 {
		s := &brandSale{id: fmt.Sprintf("S%d", i), amount: 10_000}
		s.compute()
		m.sales = append(m.sales, s)
		w.post(t, "simulcast.reported", "report-"+s.id, fmt.Sprintf(`{"sale":%q,"brand":"b","currency":"USD","amount":"100.00","creators":[{"creator":"c-b"}],"partners":[{"partner":"p-b","role":"live_tech"}]}`, s.id))
	}
	results := make([]Result, 16)
	together(len(results), func(i int) {
		at := []*workbench{w, other}[i%2]
		e := Event{Type: "brand.invoice_paid", Reference: fmt.Sprintf("pay-%d", i), Data: &BrandInvoicePaid{Brand: "b", Currency: "USD", Amount: "6.00", BankAccount: "main"}}
		if i%8 >= 6 { // a return of a half
			e = Event{Type: "simulcast.return_reported", Reference: fmt.Sprintf("return-%d", i), Data: &SimulcastReturn{Sale: fmt.Sprintf("S%d", i%6), Amount: "50.00"}}
		}
		results[i] = at.Post(t.Context(), at.book, e)
	})
	received := int64(0)
	for i, r := range results {
		if r.Err != nil {
			t.Fatalf("%d: %v", i, r.Err)
		}
		if r.Event.Type == "brand.invoice_paid" {
			received += 600
			continue
		}
		m.sales[i%6].amount -= 5_000
		m.sales[i%6].compute()
	}
	w.Post(t.Context(), w.book, Event{Type: "brand.credit_applied", Reference: "rest", Data: &BrandCreditApplied{Brand: "b", Currency: "USD"}})
	m.pay(received)
	read := func(account string) int64 {
		balance, err := w.balance(t.Context(), w.book, ledger.Address(account), "USD")
		if err != nil {
			t.Fatal(err)
		}
		return int64(balance)
	}
	open, earned := -m.credit, int64(0)
	for _, s := range m.sales {
		open, earned = open+s.open(), earned+s.creator+s.partner
	}
	if got := -read("assets:receivable:brand:b"); got != open {
		t.Errorf("the brand owes %d, want %d", got, open)
	}
	available := read("liabilities:creator:available:c-b") + read("liabilities:partner:available:p-b")
	pending := read("liabilities:creator:pending:c-b") + read("liabilities:partner:pending:p-b")
	if available+pending != earned || available > received {
		t.Errorf("available %d, pending %d, want %d in all", available, pending, earned)
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
