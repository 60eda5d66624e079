package console

import (
	"context"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Lists of transactions: newest first, a page at a time, all of them or those of one subject, event or reference.

// transactionLine is a transaction in a list.
type transactionLine struct {
	Book, BookLink string
	ID, Link       string
	Event, Subject string
	Reference      string
	RecordedAt     time.Time
	Totals         []total
	SubjectLink    string
	IsReversal     bool
}

// total is what a transaction moves in one currency. Debits and credits are added apart, so that a page shows their
// equality and does not assume it.
type total struct {
	Currency        money.Currency
	Debits, Credits amount
}

// totalsOf sums a transaction by currency, in the order of its lines.
func totalsOf(entries []ledger.Entry) []total {
	var totals []total
	at := map[money.Currency]int{}
	for _, e := range entries {
		i, ok := at[e.Currency]
		if !ok {
			i = len(totals)
			at[e.Currency] = i
			totals = append(totals, total{e.Currency, minor(0, e.Currency), minor(0, e.Currency)})
		}
		v := big.NewInt(int64(e.Amount))
		if e.Direction() == ledger.Debit {
			totals[i].Debits.Value.Add(totals[i].Debits.Value, v)
		} else {
			totals[i].Credits.Value.Sub(totals[i].Credits.Value, v)
		}
	}
	return totals
}

// lineOf shows a transaction in a list.
func lineOf(book ledger.Book, t ledger.Transaction) transactionLine {
	l := transactionLine{Book: book.Code, BookLink: bookAddress(book), ID: t.ID(), Link: transactionAddress(book, t.Sequence), Event: t.Event, Subject: t.Subject,
		Reference: t.Reference, RecordedAt: t.RecordedAt, IsReversal: t.Reverses != 0}
	if l.Totals = totalsOf(t.Entries); len(l.Totals) > 3 {
		l.Totals = l.Totals[:3]
	}
	if t.Subject != "" {
		l.SubjectLink = listAddress(book, url.Values{"subject": {t.Subject}})
	}
	return l
}

func listAddress(book ledger.Book, q url.Values) string {
	address := bookAddress(book) + "/transactions"
	if len(q) > 0 {
		address += "?" + q.Encode()
	}
	return address
}

type transactionsPage struct {
	Book ledger.Book
	Tabs []tab
	// Subject, Event and Reference are what the list is narrowed to.
	Subject, Event, Reference string
	Lines                     []transactionLine
	All, Next, First          string
}

func (c *console) transactions(ctx context.Context, r *http.Request) (answer, error) {
	book, err := c.Ledger.Book(ctx, r.PathValue("book"))
	if err != nil {
		return answer{}, err
	}
	q := r.URL.Query()
	p := transactionsPage{Book: book, Tabs: c.bookTabs(ctx, book, "Transactions"), Subject: q.Get("subject"), Event: q.Get("event"), Reference: q.Get("reference"), All: listAddress(book, nil)}
	before, err := positive(q.Get("before"))
	if err != nil || unusable(p.Subject) || unusable(p.Event) || unusable(p.Reference) {
		return answer{}, errQuery
	}
	var page ledger.TransactionPage
	if p.Reference != "" {
		page.Transactions, err = c.Ledger.ByReference(ctx, book, p.Reference)
		page.Transactions = page.Transactions[:min(len(page.Transactions), ledger.MaxDrafts)]
	} else {
		page, err = c.Ledger.Transactions(ctx, book, ledger.TransactionQuery{Subject: p.Subject, Event: p.Event, After: before,
			Descending: true, Limit: transactionsPerPage})
	}
	if err != nil {
		return answer{}, err
	}
	narrowed := url.Values{}
	for name, value := range map[string]string{"subject": p.Subject, "event": p.Event} {
		if value != "" {
			narrowed.Set(name, value)
		}
	}
	if before > 0 {
		p.First = listAddress(book, narrowed)
	}
	if page.More {
		narrowed.Set("before", strconv.FormatInt(page.Transactions[len(page.Transactions)-1].Sequence, 10))
		p.Next = listAddress(book, narrowed)
	}
	for _, t := range page.Transactions {
		p.Lines = append(p.Lines, lineOf(book, t))
	}
	return answer{Title: tellerOf(ctx).say("shared.transactions"), Trail: trail(book), Active: "transactions", Data: p}, nil
}

// unusable reports whether a text from an address can be the name of nothing in a book.
func unusable(s string) bool {
	if len(s) > ledger.MaxReferenceBytes {
		return true
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return true
		}
	}
	return false
}

// positive reads a sequence from an address; an absent one is 0.
func positive(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || n > 1<<61 {
		return 0, errQuery
	}
	return n, nil
}
