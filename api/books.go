package api

import (
	"net/http"
	"reflect"
	"slices"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Books: creating one, listing those the caller may see, the accounting periods of one, and the chart all of them use.

// NewBook is the body that creates a book.
type NewBook struct {
	Code       string   `json:"code" pattern:"^[a-z][a-z0-9_]{0,31}$" doc:"Names the book in addresses, for ever" example:"uk"`
	Name       string   `json:"name" minLength:"1" maxLength:"200" doc:"For people" example:"Example Commerce UK Ltd"`
	Currencies []string `json:"currencies" nullable:"false" minItems:"1" maxItems:"200" doc:"What the book may post in: ISO 4217 codes, each once"`
	TimeZone   string   `json:"time_zone" minLength:"1" maxLength:"64" doc:"The IANA zone in which its accounting periods begin and end" example:"Europe/London"`
	Functional string   `json:"functional_currency,omitempty" pattern:"^[A-Z]{3}$" doc:"The currency it reports in, one of its own; left out, the first" example:"GBP"`
	Market     string   `json:"market,omitempty" pattern:"^[A-Z]{2}$" doc:"A country code" example:"UK"`
	Region     string   `json:"region,omitempty" pattern:"^[a-z0-9-]{1,32}$" doc:"Where its data must stay" example:"eu-west-2"`
}

// BookJSON is a book as callers read it. It is exported because huma documents embedded structs only then.
type BookJSON struct {
	Code       string   `json:"code" example:"uk"`
	Name       string   `json:"name" example:"Example Commerce UK Ltd"`
	Currencies []string `json:"currencies" nullable:"false"`
	TimeZone   string   `json:"time_zone" example:"Europe/London"`
	Functional string   `json:"functional_currency" example:"GBP"`
	Market     string   `json:"market,omitempty" example:"UK"`
	Region     string   `json:"region,omitempty" example:"eu-west-2"`
	CreatedAt  string   `json:"created_at" format:"date-time" example:"2026-11-20T10:00:00.000000Z"`
}

type bookStateJSON struct {
	BookJSON
	LastSequence    int64  `json:"last_sequence" minimum:"0" doc:"How many transactions are recorded" example:"42"`
	LastRecordedAt  string `json:"last_recorded_at" format:"date-time" doc:"When the last one was recorded; before the first, when the book was created" example:"2026-11-20T10:00:01.250000Z"`
	FirstOpenPeriod string `json:"first_open_period,omitempty" doc:"The oldest period that still takes postings; absent if none was ever closed" example:"2026-11"`
}

type bookListJSON struct {
	Data       []BookJSON `json:"data" nullable:"false"`
	NextCursor *string    `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last one"`
}

type pageQuery struct {
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

type periodJSON struct {
	Period string `json:"period" example:"2026-11"`
	State  string `json:"state" enum:"open,closed" doc:"A closed period takes no postings; what happened in it counts in the oldest open one"`
}

type periodListJSON struct {
	Data       []periodJSON `json:"data" nullable:"false" doc:"The periods that hold postings, newest first"`
	NextCursor *string      `json:"next_cursor" doc:"Always null: a book has few periods"`
}

type chartRowJSON struct {
	Code          int    `json:"code" doc:"The row's number, for ever" example:"1010"`
	Path          string `json:"path" doc:"The address without its owner" example:"assets:processor:pending"`
	NormalSide    string `json:"normal_side" enum:"debit,credit" doc:"The side on which the balance is shown positive"`
	Owner         string `json:"owner,omitempty" doc:"Who completes the address" example:"seller"`
	OwnerRequired bool   `json:"owner_required" doc:"Whether the path alone is no account"`
	Floor         string `json:"floor" doc:"Which postings must leave the account at zero or above"`
	Meaning       string `json:"meaning" doc:"One line for people"`
}

type chartJSON struct {
	Data       []chartRowJSON `json:"data" nullable:"false" doc:"In order of code"`
	NextCursor *string        `json:"next_cursor" doc:"Always null"`
}

func bookOperations() []Operation {
	book := reflect.TypeFor[BookJSON]()
	return []Operation{
		{
			Method: http.MethodPost, Path: "/v1/books", ID: "create-book", Group: "Books", Summary: "Create a book",
			Description: "A book is one legal entity in one market. Its description never changes; sending the same again answers with the book. A key that is limited to some books creates only those.",
			Scope:       access.BooksWrite, Body: reflect.TypeFor[NewBook](), BodyLimit: bodyLimit,
			Example: map[string]any{"code": "uk", "name": "Example Commerce UK Ltd", "currencies": []string{"GBP"}, "time_zone": "Europe/London", "market": "UK"},
			Answers: []Answer{{Status: 201, Meaning: "Created.", Body: book}, {Status: 200, Meaning: "It existed, described just so.", Body: book}},
			Errors:  []*fault.Error{ledger.ErrBookInvalid, ledger.ErrBookExists}, handle: createBook,
		},
		{
			Method: http.MethodGet, Path: "/v1/books", ID: "list-books", Group: "Books", Summary: "List books", Scope: access.BooksRead,
			Query:   reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of the books the key may touch, in order of code.", Body: reflect.TypeFor[bookListJSON]()}},
			Errors:  []*fault.Error{ErrCursor}, handle: listBooks,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}", ID: "get-book", Group: "Books", Summary: "Read a book and where its order stands",
			Scope:   access.BooksRead,
			Answers: []Answer{{Status: 200, Meaning: "The book.", Body: reflect.TypeFor[bookStateJSON]()}}, handle: getBook,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/periods", ID: "list-periods", Group: "Books", Summary: "List accounting periods",
			Scope:   access.BooksRead,
			Answers: []Answer{{Status: 200, Meaning: "The periods.", Body: reflect.TypeFor[periodListJSON]()}}, handle: listPeriods,
		},
		{
			Method: http.MethodGet, Path: "/v1/chart", ID: "get-chart", Group: "Books", Summary: "Read the chart of accounts", Scope: access.BooksRead,
			Answers: []Answer{{Status: 200, Meaning: "The chart every book uses.", Body: reflect.TypeFor[chartJSON]()}}, handle: getChart,
		},
	}
}

func bookOf(b ledger.Book) BookJSON {
	out := BookJSON{
		Code: b.Code, Name: b.Name, Currencies: make([]string, len(b.Currencies)), TimeZone: b.TimeZone, Functional: string(b.Functional),
		Market: b.Market, Region: b.Region, CreatedAt: b.CreatedAt.UTC().Format(instantFormat),
	}
	for i, c := range b.Currencies {
		out.Currencies[i] = string(c)
	}
	return out
}

func createBook(c *call) (reply, error) {
	n, err := decodeWith(c, (*decoder).book)
	if err != nil {
		return reply{}, err
	}
	if !c.principal.Sees(n.Code) {
		return reply{}, access.ErrForbidden.With("This key is limited to other books. Use a key for this book, or one for every book.")
	}
	book, created, err := c.service.ledger.CreateBook(c.ctx, n)
	if err != nil {
		return reply{}, err
	}
	c.w.book = book.Code
	if created {
		return document(http.StatusCreated, bookOf(book))
	}
	return document(http.StatusOK, bookOf(book))
}

// book decodes a NewBook.
func (d *decoder) book(n int32) (b ledger.NewBook) {
	if !d.is(n, jsonObject) {
		return b
	}
	seen := map[string]bool{}
	for m := d.nodes[n].child; m != 0; m = d.nodes[m].next {
		seen[d.nodes[m].key] = true
		switch d.nodes[m].key {
		case "code":
			b.Code = d.text(m)
		case "name":
			b.Name = d.text(m)
		case "time_zone":
			b.TimeZone = d.text(m)
		case "currencies":
			if d.is(m, jsonArray) {
				for i := d.nodes[m].child; i != 0 && len(b.Currencies) <= 200; i = d.nodes[i].next {
					b.Currencies = append(b.Currencies, money.Currency(d.text(i)))
				}
			}
		case "functional_currency":
			b.Functional = money.Currency(d.filled(m))
		case "market":
			b.Market = d.filled(m)
		case "region":
			b.Region = d.filled(m)
		default:
			d.unknown(m)
		}
	}
	for _, name := range []string{"code", "name", "currencies", "time_zone"} {
		if !seen[name] {
			d.missing(n, name)
		}
	}
	return b
}

func listBooks(c *call) (reply, error) {
	limit, after := c.query.limit(), c.afterName()
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	books, more, err := oneMore(limit, func(limit int) ([]ledger.Book, error) {
		if c.principal.Books == nil {
			return c.service.ledger.Books(c.ctx, after, limit)
		}
		return c.ownBooks(after, limit)
	})
	if err != nil {
		return reply{}, err
	}
	out := bookListJSON{Data: make([]BookJSON, len(books))}
	for i, b := range books {
		out.Data[i] = bookOf(b)
	}
	if more {
		next := c.nextCursor(books[len(books)-1].Code)
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}

// oneMore reads a page and learns whether another follows by asking for one item more. The largest page cannot ask for
// more; if it is full, another is taken to follow, and may turn out empty.
func oneMore[T any](limit int, read func(limit int) ([]T, error)) (page []T, more bool, err error) {
	page, err = read(min(limit+1, maxLimit))
	if len(page) > limit {
		return page[:limit], true, err
	}
	return page, limit == maxLimit && len(page) == limit, err
}

// ownBooks lists the books of a key that is limited to some; those that do not exist yet are left out.
func (c *call) ownBooks(after string, limit int) (books []ledger.Book, err error) {
	codes := slices.Clone(c.principal.Books)
	slices.Sort(codes)
	for _, code := range codes {
		if code <= after || len(books) == limit {
			continue
		}
		switch b, err := c.service.ledger.Book(c.ctx, code); {
		case err == nil:
			books = append(books, b)
		case fault.KindOf(err) != fault.NotFound:
			return nil, err
		}
	}
	return books, nil
}

func getBook(c *call) (reply, error) {
	head, err := c.service.ledger.Head(c.ctx, c.book)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, bookStateJSON{
		BookJSON: bookOf(c.book), LastSequence: head.LastSequence, LastRecordedAt: head.LastRecordedAt.UTC().Format(instantFormat),
		FirstOpenPeriod: head.FirstOpenPeriod.String(),
	})
}

func listPeriods(c *call) (reply, error) {
	periods, err := c.service.ledger.Periods(c.ctx, c.book)
	if err != nil {
		return reply{}, err
	}
	head, err := c.service.ledger.Head(c.ctx, c.book)
	if err != nil {
		return reply{}, err
	}
	out := periodListJSON{Data: make([]periodJSON, len(periods))}
	for i, p := range periods {
		out.Data[i] = periodJSON{Period: p.String(), State: "open"}
		if p < head.FirstOpenPeriod {
			out.Data[i].State = "closed"
		}
	}
	return document(http.StatusOK, out)
}

func getChart(c *call) (reply, error) {
	rows := c.service.ledger.Chart().Rows()
	out := chartJSON{Data: make([]chartRowJSON, len(rows))}
	for i, r := range rows {
		out.Data[i] = chartRowJSON{
			Code: r.Code, Path: r.Path, NormalSide: r.Normal.String(), Owner: r.Owner, OwnerRequired: r.OwnerRequired,
			Floor: r.Floor.String(), Meaning: r.Meaning,
		}
	}
	return document(http.StatusOK, out)
}
