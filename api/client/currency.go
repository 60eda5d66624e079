package client

import (
	"context"
	"time"

	"mizan/ledger/money"
)

// FXPosition is what conversions have promised and nobody has exchanged yet.
type FXPosition struct {
	FunctionalCurrency money.Currency `json:"functional_currency"`
	AtSequence         int64          `json:"at_sequence"`
	Legs               []FXLeg        `json:"legs"`
	// Open lists what is open, the latest first; More says that more is open than is listed.
	Open []FXOpen `json:"open"`
	More bool     `json:"more"`
}

// FXLeg is the position in one currency: positive if we hold it, negative if we owe it.
type FXLeg struct {
	Currency money.Currency `json:"currency"`
	Balance  string         `json:"balance"`
	// Listed is what the open transactions listed come to.
	Listed string `json:"listed"`
}

// FXOpen is a transaction that has an open part in a currency.
type FXOpen struct {
	Transaction int64          `json:"transaction"`
	Event       string         `json:"event"`
	Subject     string         `json:"subject"`
	OccurredAt  time.Time      `json:"occurred_at"`
	Currency    money.Currency `json:"currency"`
	Amount      string         `json:"amount"`
	Open        string         `json:"open"`
	RateID      string         `json:"rate_id"`
	Mid         string         `json:"mid"`
}

// FXPosition returns the open currency position of a book.
func (c *Client) FXPosition(ctx context.Context, book string) (FXPosition, error) {
	var p FXPosition
	err := c.get(ctx, place("v1", "books", book, "fx_position"), nil, &p)
	return p, err
}

// IntercompanyPair is what a book owes another in one currency. Theirs and Difference are empty if the other book cannot be
// seen.
type IntercompanyPair struct {
	Book       string         `json:"book"`
	Currency   money.Currency `json:"currency"`
	Ours       string         `json:"ours"`
	Theirs     string         `json:"theirs"`
	Difference string         `json:"difference"`
}

// Intercompany compares what a book owes each other book with what that one expects.
func (c *Client) Intercompany(ctx context.Context, book string) ([]IntercompanyPair, error) {
	var answer struct {
		Pairs []IntercompanyPair `json:"pairs"`
	}
	err := c.get(ctx, place("v1", "books", book, "intercompany"), nil, &answer)
	return answer.Pairs, err
}
