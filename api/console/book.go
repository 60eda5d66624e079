package console

import (
	"context"
	"net/http"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A book's own page: its trial balance, of everything or of one period, and its latest transactions.

type bookPage struct {
	Book       ledger.Book
	Tabs       []tab
	AtSequence int64
	Period     ledger.Period
	Periods    []ledger.Period
	// OpenFrom is the oldest period that still takes postings, 0 if none was ever closed.
	OpenFrom ledger.Period
	Tallies  []tally
	Ties     bool
	// Currency is the only one shown, Others lead to the rest; both are for books with many.
	Currency money.Currency
	Others   []link
	Latest   []transactionLine
	More     string
}

// talliesShown bounds the currencies whose trial balances stand on one page.
const talliesShown = 3

// periodsOffered bounds the periods to choose from: ten years.
const periodsOffered = 120

func (c *console) book(ctx context.Context, r *http.Request) (answer, error) {
	book, err := c.Ledger.Book(ctx, r.PathValue("book"))
	if err != nil {
		return answer{}, err
	}
	p := bookPage{Book: book, Tabs: c.bookTabs(ctx, book, "Book")}
	if text := r.URL.Query().Get("period"); text != "" {
		if p.Period, err = ledger.ParsePeriod(text); err != nil {
			return answer{}, err
		}
	}
	tb, err := c.Ledger.TrialBalance(ctx, book, p.Period)
	if err != nil {
		return answer{}, err
	}
	head, err := c.Ledger.Head(ctx, book)
	if err != nil {
		return answer{}, err
	}
	if p.Periods, err = c.Ledger.Periods(ctx, book); err != nil {
		return answer{}, err
	}
	p.Periods = p.Periods[:min(len(p.Periods), periodsOffered)]
	p.AtSequence, p.OpenFrom = tb.AtSequence, head.FirstOpenPeriod
	p.Tallies = tallies(book, c.Ledger.Chart(), tb)
	p.Ties = allTie(p.Tallies)
	p.choose(money.Currency(r.URL.Query().Get("currency")))
	latest, err := c.Ledger.Transactions(ctx, book, ledger.TransactionQuery{Descending: true, Limit: latestShown})
	if err != nil {
		return answer{}, err
	}
	if latest.More {
		p.More = listAddress(book, nil)
	}
	for _, t := range latest.Transactions {
		p.Latest = append(p.Latest, lineOf(book, t))
	}
	return answer{Title: book.Name, Trail: trail(book), Active: "book", Data: p}, nil
}

// choose keeps the page short where a book posts in many currencies: one is shown, the others are links.
func (p *bookPage) choose(wanted money.Currency) {
	if len(p.Tallies) <= talliesShown {
		return
	}
	shown := p.Tallies[0]
	for _, t := range p.Tallies {
		if t.Currency == wanted {
			shown = t
		}
	}
	for _, t := range p.Tallies {
		if t.Currency != shown.Currency && len(p.Others) < 200 {
			address := bookAddress(p.Book) + "?currency=" + string(t.Currency)
			if p.Period != 0 {
				address += "&period=" + p.Period.String()
			}
			p.Others = append(p.Others, link{string(t.Currency), address})
		}
	}
	p.Tallies, p.Currency = []tally{shown}, shown.Currency
}

// trail leads back to the book and from there to the first page.
func trail(book ledger.Book, more ...link) []link {
	return append([]link{{book.Name, bookAddress(book)}}, more...)
}
