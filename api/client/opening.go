package client

// Opening: a book takes over balances and open orders in one signed document.

import (
	"context"
	"net/url"
)

// Opening is what an opening posted: the balances first, then each order that has anything open.
type Opening struct {
	Batch        string        `json:"batch"`
	Orders       int           `json:"orders"`
	Transactions []Transaction `json:"transactions"`
	// Replayed says that the document had been posted before and nothing was posted now.
	Replayed bool `json:"-"`
}

// OpenBook posts a signed opening that is written as JSON, as a whole or not at all; as a dry run it leaves nothing behind.
// The same document again returns what it posted, Replayed; another one under its id is ErrReferenceReused.
func (c *Client) OpenBook(ctx context.Context, book string, document []byte, dryRun bool) (Opening, error) {
	query := url.Values{}
	if dryRun {
		query.Set("dry_run", "true")
	}
	var opened Opening
	replayed, err := c.send(ctx, place("v1", "books", book, "openings"), query, document, &opened)
	opened.Replayed = replayed
	return opened, err
}
