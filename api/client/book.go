package client

// Book: one legal entity in one market.

import (
	"context"
	"iter"
	"net/url"
	"time"

	"mizan/ledger/money"
)

// NewBook describes a book. The description never changes.
type NewBook struct {
	// Code names the book in every address: ^[a-z][a-z0-9_]{0,31}$.
	Code string `json:"code"`
	// Name is for people.
	Name string `json:"name"`
	// Currencies lists what the book posts in.
	Currencies []money.Currency `json:"currencies"`
	// TimeZone is the IANA zone in which accounting periods begin and end.
	TimeZone string `json:"time_zone"`
	// FunctionalCurrency is the one the legal entity reports in; the first of Currencies if empty.
	FunctionalCurrency money.Currency `json:"functional_currency,omitempty"`
	// Market is a country in two capital letters, or empty.
	Market string `json:"market,omitempty"`
	// Region is where the data must stay, or empty.
	Region string `json:"region,omitempty"`
}

// Book is a book as the service keeps it.
type Book struct {
	NewBook
	CreatedAt time.Time `json:"created_at"`
	// LastSequence is the number of transactions recorded, LastRecordedAt when the last one was, and FirstOpenPeriod the
	// oldest month that still takes postings, empty if none was ever closed. Only Client.Book fills them.
	LastSequence    int64     `json:"last_sequence,omitempty"`
	LastRecordedAt  time.Time `json:"last_recorded_at,omitzero"`
	FirstOpenPeriod string    `json:"first_open_period,omitempty"`
}

// CreateBook creates a book, or finds the one created before from the same description.
func (c *Client) CreateBook(ctx context.Context, book NewBook) (Book, error) {
	var created Book
	_, err := c.post(ctx, "/v1/books", nil, book, &created)
	return created, err
}

// Book returns the book with the code, or ErrBookUnknown.
func (c *Client) Book(ctx context.Context, code string) (Book, error) {
	var book Book
	err := c.get(ctx, place("v1", "books", code), nil, &book)
	return book, err
}

// Books returns the books the key extends to, in order of code.
func (c *Client) Books(ctx context.Context) iter.Seq2[Book, error] {
	return walk[Book](ctx, c, "/v1/books", url.Values{})
}
