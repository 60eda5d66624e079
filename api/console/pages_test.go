package console

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"mizan/ledger"
)

const (
	pending = ledger.Address("assets:processor:pending:main")
	owed    = ledger.Address("liabilities:seller:pending:sel_uk")
	fee     = ledger.Address("revenue:referral_fee")
)

func TestFirstPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.get("/", 200).has(t, "No books yet", "Quickstart", "development", "Mizan 1.2.3")
	uk, vn := s.book("uk", "Souk UK", "GBP", "EUR"), s.book("vn", "Souk VN", "VND")
	s.book("new", "Souk New", "USD")
	d := sale(pending, owed, 123456780, "GBP")
	d.Subject = "order:UK-1"
	s.post(uk, "uk-order-1", d)
	s.post(uk, "uk-order-2", sale(pending, owed, 5, "EUR"))
	s.post(vn, "vn-order-1", sale(pending, owed, 940000, "VND"))
	p := s.get("/", 200)
	p.has(t, "3 books", "3 transactions", "every trial balance ties", "Souk UK", "1,234,567.80 GBP 1,234,567.80 GBP ties",
		"0.05 EUR", "940,000 VND", "nothing posted", "uk-order-1", "order:UK-1", "order.captured", "vn-1", "2026-11-21 09:30:00")
	if strings.Count(p.source, `class="ties"`) != 4 {
		t.Errorf("each currency of each book is judged by itself, and then all:\n%s", p.source)
	}
}

func TestBookPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	uk := s.book("uk", "Souk UK", "GBP")
	october := sale(pending, owed, 10000, "GBP")
	october.OccurredAt = today.AddDate(0, -1, 0)
	s.post(uk, "a", october)
	s.post(uk, "b", sale(owed, fee, 1250, "GBP"))
	s.post(uk, "c", sale("assets:processor:available:main", "assets:bank:operating:hsbc", 700, "GBP"))

	p := s.get("/books/uk", 200)
	p.has(t, "Souk UK", "Europe/London", "GBP ties at sequence 3", "1010 assets:processor:pending", "100.00", "87.50", "below zero",
		"Total 107.00 107.00", "2026-10", "2026-11")
	november := s.get("/books/uk?period=2026-11", 200)
	november.has(t, "period 2026-11, at sequence 3", "Opening", "Total 19.50 19.50 107.00 107.00")
	s.get("/books/uk?period=2026-10", 200).has(t, "Total 100.00 100.00 100.00 100.00")
	s.get("/books/uk?period=2025-01", 200).has(t, "Nothing was posted up to this period")
	s.get("/books/uk?period=1", 400).has(t, "A period is a month such as 2026-11")
	s.get("/books/uk/accounts?code=2110&period=2026-11", 200).has(t, string(owed), "Opening", "100.00", "12.50", "87.50")
	first, second := s.get("/books/uk/accounts/"+string(owed)+"?period=2026-10", 200), s.get("/books/uk/accounts/"+string(owed)+"?period=2026-11", 200)
	first.has(t, "Opening, credit 0.00", "Credits 100.00", "Closing, credit 100.00", "uk-1")
	first.hasNot(t, "uk-2")
	second.has(t, "Opening, credit 100.00", "Closing, credit 87.50", "uk-2")
	second.hasNot(t, "uk-1")
	s.get("/books/uk/accounts/"+string(owed)+"?period=2026-11&after=2,500,1250,0", 200).has(t, "Nothing was posted here")
	s.get("/books/uk/accounts/"+string(owed)+"?period=2026-11&after=1,1,1250,0", 200).has(t, "uk-2") // an address may say what was seen, and hides nothing by it
	for _, wrong := range []string{"?period=2026-13", "?period=2026-11&after=1,1", "?period=2026-11&after=0,1,1,1", "?period=2026-11&after=1,1,-1,1"} {
		s.get("/books/uk/accounts/"+string(owed)+wrong, 400)
	}
	// Pages of a month carry what they came to, and so the last one knows that it is the last.
	const other = "liabilities:seller:available:sel_other"
	for i := range 2 * entriesPerPage {
		s.post(uk, fmt.Sprintf("other-%d", i), sale(owed, other, 1, "GBP"))
	}
	next := s.get("/books/uk/accounts/"+other+"?period=2026-11", 200).next(t)
	if next == "" {
		t.Fatal("the month has one page")
	}
	last := s.get(next, 200)
	if more := last.next(t); more != "" || !strings.Contains(last.source, "uk-"+strconv.Itoa(3+2*entriesPerPage)) {
		t.Errorf("the last page of the month leads to %q", more)
	}
	if err := s.ledger.ClosePeriod(t.Context(), uk, 202610); err != nil {
		t.Fatal(err)
	}
	s.get("/books/uk", 200).has(t, "closed before 2026-11")
}

func TestBookWithManyCurrencies(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	book := s.book("eu", "Souk", "EUR", "CZK", "PLN", "HUF")
	for _, c := range book.Currencies {
		s.post(book, "sale-"+string(c), sale(pending, owed, 4200, c))
	}
	s.get("/books/eu", 200).has(t, "Shown: EUR CZK PLN HUF", "EUR ties")
	p := s.get("/books/eu?currency=PLN&period=2026-11", 200)
	p.has(t, "PLN ties", "42.00")
	p.hasNot(t, "Trial balance in EUR")
	s.get("/", 200).has(t, "42.00 HUF")
}

func TestTransactionPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	uk := s.book("uk", "Souk UK", "GBP")
	d := ledger.Draft{Event: "order.captured", Subject: "order:UK-1", Channel: "app", LiveSession: "LS-7", Campaign: "winter", Memo: "two scarves",
		OccurredAt: today.AddDate(0, -2, 0), Metadata: map[string]string{"basket": "b-7"}, Explanation: []byte(`{"rule":"commission@3"}`),
		Lines: []ledger.Line{{Account: pending, Amount: 2400, Currency: "GBP", ExternalRef: "ch_1"}, {Account: owed, Amount: -2160, Currency: "GBP"}, {Account: fee, Amount: -240, Currency: "GBP"}}}
	posted := s.post(uk, "order-1", d)
	plain := s.post(uk, "order-2", sale(pending, owed, 100, "GBP"))
	p := s.get("/books/uk/transactions/uk-1", 200)
	p.has(t, "uk-1 order.captured", "24.00 GBP", "two scarves", "Reference order-1", "Subject order:UK-1", "Occurred 2026-09-21 09:30:00 UTC",
		"2026-09-21 10:30:00 Europe/London", "Channel app", "Live session LS-7", "Campaign winter", "basket b-7", "commission@3", "ch_1",
		hex.EncodeToString(posted.ContentHash[:]), "Total GBP 24.00 24.00")

	for _, original := range []ledger.Transaction{posted, plain} { // with a subject and without
		o := s.ledger.Reverse(t.Context(), uk, original.Sequence, ledger.Correction{Reference: "undo-" + original.Reference})
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		again := s.ledger.Repost(t.Context(), uk, original.Sequence, ledger.Correction{Reference: "again-" + original.Reference})
		if again.Err != nil {
			t.Fatal(again.Err)
		}
		reversal, repost := o.Transactions[0].ID(), again.Transactions[0].ID()
		s.get("/books/uk/transactions/"+original.ID(), 200).has(t, "Reversed by "+reversal, "Posted again as "+repost)
		s.get("/books/uk/transactions/"+reversal, 200).has(t, "Reverses "+original.ID(), "corrects "+original.Period.String())
		s.get("/books/uk/transactions/"+repost, 200).has(t, "Posts again "+original.ID())
	}
	fact := s.post(uk, "fact", ledger.Draft{Event: "order.delivered", Subject: "order:UK-1"})
	s.get("/books/uk/transactions/"+fact.ID(), 200).has(t, "a fact without entries")
}

func TestTransactionWithManyLines(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	uk := s.book("uk", "Souk UK", "GBP")
	d := ledger.Draft{Event: "order.captured"}
	for i := range 250 {
		line := ledger.Line{Account: pending, Amount: 40_000_000_000_000_000, Currency: "GBP"}
		if i%2 == 1 {
			line.Account, line.Amount = owed, -line.Amount
		}
		d.Lines = append(d.Lines, line)
	}
	s.post(uk, "wide", d)
	p := s.get("/books/uk/transactions/uk-1", 200)
	p.has(t, "50,000,000,000,000,000.00 GBP")
	seen := map[string]bool{}
	for pages := 1; ; pages++ {
		if p.Rows > entriesPerPage+2 {
			t.Errorf("%d rows on one page", p.Rows)
		}
		for _, m := range regexp.MustCompile(`<td class="code">(\d+)</td>`).FindAllStringSubmatch(p.source, -1) {
			if seen[m[1]] {
				t.Errorf("line %s occurs twice", m[1])
			}
			seen[m[1]] = true
		}
		next := p.next(t)
		if next == "" {
			if len(seen) != 250 || pages != 3 {
				t.Errorf("%d lines on %d pages", len(seen), pages)
			}
			break
		}
		p = s.get(next, 200)
	}
}

func TestAccountPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	uk := s.book("uk", "Souk UK", "GBP", "EUR")
	const n = entriesPerPage + 30
	for i := range n {
		s.post(uk, fmt.Sprintf("sale-%d", i), sale(pending, owed, 1000, "GBP"))
	}
	s.post(uk, "debt", sale(owed, pending, n*1000+550, "GBP"))
	p := s.get("/books/uk/accounts/"+string(owed), 200)
	p.has(t, "Balance now, credit -5.50 GBP", "Debits 1,305.50", "Credits 1,300.00", "Entries 131", "uk-131")
	want := n + 1
	for {
		for _, m := range regexp.MustCompile(`<td class="code">(\d+)</td>`).FindAllStringSubmatch(p.source, -1) {
			if m[1] != fmt.Sprint(want) {
				t.Fatalf("entry %s comes where %d belongs", m[1], want)
			}
			want--
		}
		next := p.next(t)
		if next == "" {
			break
		}
		p = s.get(next, 200)
		p.has(t, "To the beginning", "10.00 10.00") // the oldest page ends with the first running balance
	}
	if want != 0 {
		t.Errorf("%d entries were not shown", want)
	}
	s.post(uk, "euro", sale(pending, owed, 700, "EUR"))
	s.get("/books/uk/accounts/"+string(owed), 200).has(t, "exists in several currencies", "EUR 7.00", "GBP -5.50")
	s.get("/books/uk/accounts/"+string(owed)+"?currency=EUR", 200).has(t, "7.00 EUR", "Entries 1")
	s.get("/books/uk/accounts?code=2110&currency=EUR", 200).has(t, string(owed), "earned, settlement clock running", "7.00 credit")
}

func TestAccountsOfARow(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	uk := s.book("uk", "Souk UK", "GBP")
	var d ledger.Draft
	for i := range 2*entriesPerPage + 1 {
		seller := ledger.Address(fmt.Sprintf("liabilities:seller:pending:sel_%03d", i))
		d = sale(pending, seller, 100, "GBP")
		s.post(uk, fmt.Sprintf("sale-%d", i), d)
	}
	s.post(uk, "fee", sale(pending, "revenue:service_fee:boost", 5, "GBP"))
	s.post(uk, "bare", sale(pending, "revenue:service_fee", 6, "GBP"))
	s.get("/books/uk/accounts?code=4023", 200).has(t, "revenue:service_fee:boost", "0.06 credit")
	p, shown := s.get("/books/uk/accounts?code=2110", 200), 0
	for {
		shown += p.Rows - 1
		if next := p.next(t); next != "" {
			p = s.get(next, 200)
			continue
		}
		break
	}
	if shown != 2*entriesPerPage+1 {
		t.Errorf("%d accounts were shown", shown)
	}
	s.get("/books/uk/accounts", 200).has(t, "Accounts", string(pending))
	s.get("/books/uk/accounts?code=5010", 200).has(t, "No account here was posted to yet")
}

func TestLists(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	uk := s.book("uk", "Souk UK", "GBP")
	for i := range transactionsPerPage + 5 {
		d := sale(pending, owed, 100, "GBP")
		if i%2 == 0 {
			d.Subject = "order:EVEN"
		}
		s.post(uk, fmt.Sprintf("ref %d", i), d)
	}
	p := s.get("/books/uk/transactions", 200)
	if p.Rows != transactionsPerPage+1 {
		t.Errorf("%d rows on the first page", p.Rows)
	}
	p = s.get(p.next(t), 200)
	if p.Rows != 5+1 || p.next(t) != "" {
		t.Errorf("%d rows on the last page", p.Rows)
	}
	if p := s.get("/books/uk/transactions?subject=order:EVEN", 200); p.Rows != 28+1 {
		t.Errorf("%d rows about one subject", p.Rows)
	}
	if p := s.get("/books/uk/transactions?reference=ref+7", 200); p.Rows != 1+1 || !strings.Contains(p.Text, "uk-8") {
		t.Errorf("by reference: %s", p.Text)
	}
	s.get("/books/uk/transactions?event=order.refunded", 200).has(t, "No transaction fits")
	s.get("/books/uk", 200).has(t, "All transactions")
	for i := range booksPerPage + 2 {
		s.book(fmt.Sprintf("b%02d", i), fmt.Sprintf("Book %02d", i), "GBP")
	}
	p = s.get("/", 200)
	p.has(t, "Book 00", "25 books")
	p = s.get(p.next(t), 200)
	p.has(t, "Souk UK", "Book 26", "3 books", "To the beginning")
}

// Addresses that nobody linked to are answered with a page that says so, never with a failure.
func TestBadAddresses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	uk := s.book("uk", "Souk UK", "GBP")
	s.post(uk, "a", sale(pending, owed, 100, "GBP"))
	for path, status := range map[string]int{
		"/nope": 404, "/books": 404, "/books/none": 404, "/books/UK": 404, "/books/uk/none": 404, "/books/%00": 404, "/books/%ff": 404,
		"/books/uk/transactions/uk-2": 404, "/books/uk/transactions/vn-1": 404, "/books/uk/transactions/uk-0": 404, "/books/uk/transactions/x": 404,
		"/books/uk/transactions/uk-999999999999999999": 404, "/books/uk/transactions/uk-1?from=-1": 400, "/books/uk/transactions/uk-1?from=501": 400,
		"/books/uk/transactions/uk-1?from=400": 200,
		"/books/uk/transactions?before=x":      400, "/books/uk/transactions?before=99999999999999999999": 400, "/books/uk/transactions?reference=%00": 400,
		"/books/uk/transactions?subject=%ff": 400, "/books/uk/transactions?reference=" + strings.Repeat("a", 256): 400, "/books/uk/transactions?subject=not+a+subject": 200,
		"/books/uk/accounts?code=1": 400, "/books/uk/accounts?code=x": 400, "/books/uk/accounts?after=%00": 400, "/books/uk/accounts?currency=%00": 400,
		"/books/uk/accounts?currency=ZZZ": 200, "/books/uk/accounts/none": 400, "/books/uk/accounts/assets:nothing:at:all": 404,
		"/books/uk/accounts/" + string(fee): 404, "/books/uk/accounts/" + string(pending) + "?currency=EUR": 404,
		"/books/uk/accounts/" + string(pending) + "?after=1": 400, "/books/uk/accounts/" + string(pending) + "?after=1,x": 400,
		"/books/uk/accounts/" + string(pending) + "?after=1,501": 400, "/books/uk/accounts/" + string(pending) + "?after=1,1": 200,
		"/?after=%00": 400, "/?after=zzzz": 200, "/books/uk?currency=%3Cscript%3E": 200,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			(&site{t, s.ledger, s.Handler}).get(path, status).hasNot(t, "<script", "SQLSTATE")
		})
	}
	fetch(t, s, "/", http.StatusOK, func(r *http.Request) { r.Host = "localhost"; r.Method = http.MethodHead })
	fetch(t, s, "/books/uk", http.StatusMethodNotAllowed, func(r *http.Request) { r.Host = "localhost"; r.Method = http.MethodPost })
}
