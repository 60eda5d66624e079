package client

// Rehearsal: what a proposed rule set would have come to for the orders that were placed.

import (
	"context"
	"iter"
	"net/url"
	"strconv"
	"time"

	"mizan/ledger/money"
)

// Rehearsal is a page of a rehearsal. The sums of several pages are the rehearsal of their orders together.
type Rehearsal struct {
	RuleSet string    `json:"rule_set"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	// Orders and Charges were played again; Changed of them come to something else.
	Orders  int `json:"orders"`
	Charges int `json:"charges"`
	Changed int `json:"changed"`
	// Payees are as kind:id; Accounts are those of fees, taxes, discounts and costs; Totals are kinds of receivers.
	Payees   []RehearsedSum   `json:"payees"`
	Accounts []RehearsedSum   `json:"accounts"`
	Totals   []RehearsedSum   `json:"totals"`
	Largest  []RehearsedOrder `json:"largest"`
	// Failed are orders that could not be played again. They are in no sum.
	Failed []RehearsalFailure `json:"failed"`
}

// RehearsedSum is what a receiver got, and what it would have got. Amounts are signed, in its favour.
type RehearsedSum struct {
	Who        string         `json:"who"`
	Currency   money.Currency `json:"currency"`
	Orders     int            `json:"orders"`
	Now        string         `json:"now"`
	Proposed   string         `json:"proposed"`
	Difference string         `json:"difference"`
}

// RehearsedOrder is a payee's change by one order or charge.
type RehearsedOrder struct {
	Order      string         `json:"order,omitempty"`
	Charge     string         `json:"charge,omitempty"`
	Who        string         `json:"who"`
	Currency   money.Currency `json:"currency"`
	Now        string         `json:"now"`
	Proposed   string         `json:"proposed"`
	Difference string         `json:"difference"`
}

// RehearsalFailure is an order that could not be played again.
type RehearsalFailure struct {
	Order  string `json:"order"`
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// RehearseRules plays the orders placed from a moment on and before another again under a rule set, page by page. It posts
// nothing.
func (c *Client) RehearseRules(ctx context.Context, book string, document []byte, from, to time.Time) iter.Seq2[Rehearsal, error] {
	return func(yield func(Rehearsal, error) bool) {
		query := url.Values{"from": {from.UTC().Format(time.RFC3339Nano)}, "to": {to.UTC().Format(time.RFC3339Nano)}, "limit": {strconv.Itoa(rehearsalPage)}}
		for {
			var page struct {
				Rehearsal
				NextCursor *string `json:"next_cursor"`
			}
			if _, err := c.send(ctx, place("v1", "books", book, "rule_sets", "rehearsal"), query, document, &page); err != nil {
				yield(Rehearsal{}, err)
				return
			}
			if !yield(page.Rehearsal, nil) || page.NextCursor == nil {
				return
			}
			query.Set("cursor", *page.NextCursor)
		}
	}
}

// rehearsalPage is how many orders are asked for at a time: few enough for a service that has other things to do.
const rehearsalPage = 250
