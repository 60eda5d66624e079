package client

// Search: what in a book is called so.

import (
	"context"
	"net/url"
	"time"
)

// Found is the answer to a search.
type Found struct {
	Query string      `json:"query"`
	Hits  []SearchHit `json:"hits"`
	// More says that there are more of a kind than are listed.
	More bool `json:"more"`
	// Since is from when on amounts were looked for; nil if the query is none.
	Since *time.Time `json:"amounts_since"`
	// Searched are the parts that were asked, NotShown those that the key may not read, Unread those that did not answer in time.
	Searched []string `json:"searched"`
	NotShown []string `json:"not_shown"`
	Unread   []string `json:"unread"`
}

// SearchHit is something that was found.
type SearchHit struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	// Source is that of a line of evidence, empty otherwise.
	Source string `json:"source"`
	// Currency and Amount are nil where it is about no one sum.
	Currency *string    `json:"currency"`
	Amount   *string    `json:"amount"`
	State    string     `json:"state"`
	About    string     `json:"about"`
	At       *time.Time `json:"at"`
	// See is the path of the operation that tells more.
	See string `json:"see"`
}

// Search finds what in a book is called so, or of which amount it is.
func (c *Client) Search(ctx context.Context, book, query string) (Found, error) {
	var f Found
	err := c.get(ctx, under(book, "search"), url.Values{"q": {query}}, &f)
	return f, err
}
