package intake

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
)

// bench is a book with an intake, and a clock that the test moves.
type bench struct {
	*Service
	t      testing.TB
	db     *pgtest.DB
	ledger *ledger.Ledger
	events *commerce.Service
	book   ledger.Book
	books  int

	mu sync.Mutex
	at time.Time
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at
}

func (b *bench) forward(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = b.at.Add(d)
}

const sourceDescription = `{"seller":"sel_shopify","shop":"toys.example","commission_rate":"0.08","platform_rate":"0.02","creators":[{"code":"JO10","creator":"cre_jo"}]}`

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, db: pgtest.New(t), at: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)}
	b.ledger = ledger.New(b.db.Pool, ledger.Options{Now: b.clock})
	t.Cleanup(func() { b.ledger.Close(t.Context()) })
	b.events = commerce.New(b.ledger, commerce.NewRuleSets(b.db.Pool, b.clock), b.clock)
	b.Service = b.replica()
	b.newBook()
	return b
}

// replica is a further service on the same database.
func (b *bench) replica() *Service {
	return New(b.db.Pool, b.ledger, b.events, Options{Now: b.clock})
}

// newBook opens a book of its own, with 4.00 of the seller's and its shop described.
func (b *bench) newBook() {
	b.t.Helper()
	b.books++
	var err error
	b.book, _, err = b.ledger.CreateBook(b.t.Context(), ledger.NewBook{Code: fmt.Sprintf("us_%d", b.books), Name: "Shop", Currencies: []money.Currency{"USD"}, TimeZone: "America/New_York", Market: "US"})
	if err != nil {
		b.t.Fatal(err)
	}
	out := b.ledger.Post(b.t.Context(), b.book, ledger.Submission{Reference: "open", Drafts: []ledger.Draft{{Event: "opening.balance", Lines: []ledger.Line{
		{Account: "assets:processor:available:main", Amount: 400, Currency: "USD"}, {Account: "liabilities:seller:available:sel_shopify", Amount: -400, Currency: "USD"}}}}})
	if out.Err != nil {
		b.t.Fatal(out.Err)
	}
	source, err := ParseSource([]byte(sourceDescription))
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.Describe(b.t.Context(), tester, b.book, SourceShopify, source); err != nil {
		b.t.Fatal(err)
	}
}

func bag(amount string) string {
	return fmt.Sprintf(`{"shop_money":{"amount":%q,"currency_code":"USD"},"presentment_money":{"amount":"9.99","currency_code":"EUR"}}`, amount)
}

// paid is a shop's order of 2 x 35.00 with a code of -7.00, 5.95 shipping and 5.20 tax.
func paid(id int, test bool) Message {
	body := fmt.Sprintf(`{"id":%d,"test":%t,"currency":"USD","processed_at":"2026-11-10T10:00:00-05:00","taxes_included":false,"subtotal_price_set":%s,"total_price_set":%s,
"discount_codes":[{"code":"jo10","amount":"7.00","type":"fixed_amount"}],"note_attributes":[],"total_shipping_price_set":%s,
"line_items":[{"id":%d,"quantity":2,"price_set":%s,"discount_allocations":[{"amount_set":%s}],"tax_lines":[{"price_set":%s}]}]}`,
		id, test, bag("63.00"), bag("74.15"), bag("5.95"), id*10, bag("35.00"), bag("7.00"), bag("5.20"))
	return Message{Source: SourceShopify, MessageID: fmt.Sprintf("paid-%d", id), Topic: topicPaid, Origin: "toys.example", Body: []byte(body)}
}

// refund gives one unit of an order back.
func refund(id, order int, status string) Message {
	body := fmt.Sprintf(`{"id":%d,"order_id":%d,"refund_line_items":[{"line_item_id":%d,"quantity":1,"subtotal_set":%s,"total_tax_set":%s}],"order_adjustments":[],
"transactions":[{"kind":"refund","status":%q,"amount":"34.10"}]}`, id, order, order*10, bag("31.50"), bag("2.60"), status)
	return Message{Source: SourceShopify, MessageID: fmt.Sprintf("refund-%d", id), Topic: topicRefund, Origin: "toys.example", Body: []byte(body)}
}

func (b *bench) receive(m Message) error {
	_, _, err := b.Receive(b.t.Context(), b.book, m)
	return err
}

// work applies until nothing is due.
func (b *bench) work(s *Service) {
	b.t.Helper()
	for {
		n, err := s.Work(b.t.Context())
		if err != nil {
			b.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// state is the balances that are not zero, and how many messages there are of each state and reason.
func (b *bench) state() string {
	b.t.Helper()
	page, err := b.ledger.Balances(b.t.Context(), b.book, ledger.BalanceQuery{Limit: 1000})
	if err != nil {
		b.t.Fatal(err)
	}
	held := map[string]string{}
	for _, x := range page.Balances {
		if m := x.Credits - x.Debits; m != 0 {
			held[string(x.Account)] = money.Minor(m).Format("USD")
		}
	}
	list, err := b.Messages(b.t.Context(), b.book, Query{Limit: 1000})
	if err != nil {
		b.t.Fatal(err)
	}
	messages := map[string]int{}
	for _, m := range list {
		messages[m.Topic+" "+string(m.State)+" "+m.Reason+" "+m.About]++
	}
	text, err := json.Marshal([]any{held, messages})
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}
