package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"mizan/ledger"
)

// The first page: every book with the sums that prove it, and what happened last.

type booksPage struct {
	Books  []bookSummary
	Latest []transactionLine
	// Transactions is how many the books of this page hold.
	Transactions int64
	Tie          bool
	Next, First  string
}

type bookSummary struct {
	Name, Code, Market, Link string
	Tallies                  []tally
	// More counts the currencies that are not shown.
	More         int
	LastSequence int64
	LastAt       time.Time
}

// talliesPerBook bounds the currencies that the first page shows of one book.
const talliesPerBook = 4

func (c *console) books(ctx context.Context, r *http.Request) (answer, error) {
	after := r.URL.Query().Get("after")
	if unusable(after) {
		return answer{}, errQuery
	}
	books, err := c.Ledger.Books(ctx, after, booksPerPage+1)
	if err != nil {
		return answer{}, err
	}
	p := booksPage{Tie: true}
	if after != "" {
		p.First = "/"
	}
	if len(books) > booksPerPage {
		books = books[:booksPerPage]
		p.Next = "/?" + url.Values{"after": {books[booksPerPage-1].Code}}.Encode()
	}
	for _, book := range books {
		if err := c.summarise(ctx, book, &p); err != nil {
			return answer{}, err
		}
	}
	slices.SortStableFunc(p.Latest, func(a, b transactionLine) int { return b.RecordedAt.Compare(a.RecordedAt) })
	p.Latest = p.Latest[:min(len(p.Latest), latestShown)]
	return answer{Title: tellerOf(ctx).say("books.title"), Active: "books", Data: p}, nil
}

// summarise adds one book to the first page.
func (c *console) summarise(ctx context.Context, book ledger.Book, p *booksPage) error {
	tb, err := c.Ledger.TrialBalance(ctx, book, 0)
	if err != nil {
		return err
	}
	latest, err := c.Ledger.Transactions(ctx, book, ledger.TransactionQuery{Descending: true, Limit: latestPerBook})
	if err != nil {
		return err
	}
	s := bookSummary{Name: book.Name, Code: book.Code, Market: book.Market, Link: bookAddress(book), LastSequence: tb.AtSequence}
	s.Tallies = tallies(book, c.Ledger.Chart(), tb)
	p.Tie = p.Tie && allTie(s.Tallies)
	if more := len(s.Tallies) - talliesPerBook; more > 0 {
		s.Tallies, s.More = s.Tallies[:talliesPerBook], more
	}
	if ts := latest.Transactions; len(ts) > 0 {
		s.LastAt, s.LastSequence = ts[0].RecordedAt, ts[0].Sequence
	}
	p.Transactions += s.LastSequence
	p.Books = append(p.Books, s)
	for _, t := range latest.Transactions {
		p.Latest = append(p.Latest, lineOf(book, t))
	}
	return nil
}
