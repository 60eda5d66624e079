package client

import "context"

// Simulcast: a sale at a brand's own checkout.

// Simulcast is such a sale as it stands. Amounts are decimal strings in its currency.
type Simulcast struct {
	Sale        string `json:"sale"`
	Brand       string `json:"brand"`
	Currency    string `json:"currency"`
	LiveSession string `json:"live_session,omitempty"`
	RuleSet     string `json:"rule_set,omitempty"`
	// Reported is what the goods cost, Returned what of them came back.
	Reported string `json:"reported"`
	Returned string `json:"returned"`
	// Due is what the brand owes for what remains; Open is that less Paid and WrittenOff.
	Due        string `json:"due"`
	Paid       string `json:"paid"`
	WrittenOff string `json:"written_off"`
	Open       string `json:"open"`
	Fee        string `json:"fee"`
	// Payees are who earned by it.
	Payees []SimulcastPayee `json:"payees"`
}

// SimulcastPayee is a payee's share: what became available of it, and what waits for the brand's money.
type SimulcastPayee struct {
	Payee    string `json:"payee"`
	Share    string `json:"share"`
	Released string `json:"released"`
	Waiting  string `json:"waiting"`
}

// Simulcast returns a sale at a brand's own checkout as it stands.
func (c *Client) Simulcast(ctx context.Context, book, sale string) (Simulcast, error) {
	var s Simulcast
	err := c.get(ctx, place("v1", "books", book, "simulcasts", sale), nil, &s)
	return s, err
}
