package commerce

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"mizan/ledger"
	"mizan/ledger/money"
)

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
