package client

import (
	"context"
	"net/url"

	"mizan/ledger/money"
)

// Coverage: whether the money that is kept for others is there.

// Coverage is the report of a book, at one sequence.
type Coverage struct {
	AtSequence int64              `json:"at_sequence"`
	Currencies []CurrencyCoverage `json:"currencies"`
}

// CurrencyCoverage is the report of one currency.
type CurrencyCoverage struct {
	Currency money.Currency  `json:"currency"`
	Cash     []CoverageLine  `json:"cash"`
	Owed     []CoverageLine  `json:"owed"`
	Debts    []CoverageLine  `json:"debts"`
	Totals   CoverageTotals  `json:"totals"`
	Checks   []CoverageCheck `json:"checks"`
}

// CoverageLine is a sum over the accounts of a kind.
type CoverageLine struct {
	Name   string `json:"name"`
	Amount string `json:"amount"`
}

// CoverageTotals are the sums of a currency. Sweepable is the most that may be swept as our own, ToFund what must be
// funded today.
type CoverageTotals struct {
	Cash      string `json:"cash"`
	Owed      string `json:"owed"`
	Surplus   string `json:"surplus"`
	Sweepable string `json:"sweepable"`
	ToFund    string `json:"to_fund"`
}

// CoverageCheck is one of the invariants that cash must keep: it holds, is broken, or something is open.
type CoverageCheck struct {
	Name   string `json:"name"`
	Result string `json:"result"`
	Amount string `json:"amount"`
	ToDo   string `json:"to_do"`
}

// Coverage returns the coverage of one currency or, if it is empty, of all of the book's.
func (c *Client) Coverage(ctx context.Context, book string, currency money.Currency) (Coverage, error) {
	query := url.Values{}
	set(query, "currency", string(currency))
	var report Coverage
	err := c.get(ctx, place("v1", "books", book, "coverage"), query, &report)
	return report, err
}
