package client

// Bridge: from what buyers paid for a seller's goods to what the seller was paid out.

import (
	"context"
	"net/url"
)

// Bridge is a seller's bridge over some months in one currency. Amounts are decimal strings; what lowers the payout is
// negative.
type Bridge struct {
	Seller   string `json:"seller"`
	Currency string `json:"currency"`
	From     string `json:"from"`
	To       string `json:"to"`
	// Gross is what buyers paid, tax and shipping included, and Payments how many captures are behind it.
	Gross string `json:"gross"`
	// GrossWithoutTax leaves out the tax that the platform owes to the authority.
	GrossWithoutTax string          `json:"gross_without_tax"`
	Payments        int64           `json:"payments"`
	Months          []BridgeMonth   `json:"months"`
	Quarters        []BridgeQuarter `json:"quarters"`
	Lines           []BridgeLine    `json:"lines"`
	// Payouts is what was paid out, negative; Carried is what the seller's accounts hold more than before.
	Payouts string          `json:"payouts"`
	Carried []BridgeCarried `json:"carried"`
}

// BridgeMonth is the gross of a month.
type BridgeMonth struct {
	Month string `json:"month"`
	Gross string `json:"gross"`
	// GrossWithoutTax leaves out the tax that the platform owes to the authority.
	GrossWithoutTax string `json:"gross_without_tax"`
	Payments        int64  `json:"payments"`
}

// BridgeQuarter is a quarter as DAC7 asks for it.
type BridgeQuarter struct {
	Quarter       string `json:"quarter"`
	Consideration string `json:"consideration"`
	Payments      int64  `json:"payments"`
	Fees          string `json:"fees"`
	TaxWithheld   string `json:"tax_withheld"`
	TaxCollected  string `json:"tax_collected"`
}

// BridgeLine is one step: what was taken and what came back.
type BridgeLine struct {
	Step    string `json:"step"`
	Account string `json:"account"`
	Taken   string `json:"taken"`
	Given   string `json:"given"`
	Net     string `json:"net"`
}

// BridgeCarried is the change of one of the seller's accounts.
type BridgeCarried struct {
	Bucket string `json:"bucket"`
	Change string `json:"change"`
}

// BridgeQuery chooses the currency and the months; what is empty is the book's first currency and this year so far.
type BridgeQuery struct{ Currency, From, To string }

// Bridge returns a seller's bridge.
func (c *Client) Bridge(ctx context.Context, book, seller string, q BridgeQuery) (Bridge, error) {
	values := url.Values{}
	for name, value := range map[string]string{"currency": q.Currency, "from": q.From, "to": q.To} {
		if value != "" {
			values.Set(name, value)
		}
	}
	var bridge Bridge
	err := c.get(ctx, place("v1", "books", book, "sellers", seller, "bridge"), values, &bridge)
	return bridge, err
}
