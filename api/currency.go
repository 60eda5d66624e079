package api

import (
	"errors"
	"net/http"
	"reflect"
	"strings"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// Open currency, and what the books of one group owe each other.

// intercompanyJSON compares what a book owes others with what they expect.
type intercompanyJSON struct {
	Pairs []intercompanyPair `json:"pairs" nullable:"false" doc:"Each other book and currency with which something stands in this book"`
	More  bool               `json:"more,omitempty" doc:"true: more stands in the book than is listed"`
}

// intercompanyPair is one other book in one currency. A positive amount is owed to the other book.
type intercompanyPair struct {
	Book       string `json:"book" example:"us"`
	Currency   string `json:"currency" example:"USD"`
	Ours       string `json:"ours" doc:"What this book owes the other; negative if the other owes it" example:"8.00"`
	Theirs     string `json:"theirs,omitempty" doc:"What the other book expects; left out if there is no such book, or your key may not see it" example:"8.00"`
	Difference string `json:"difference,omitempty" doc:"ours less theirs; zero when both books agree" example:"0.00"`
}

// maxPairs bounds the accounts between books that are compared.
const maxPairs = 200

func currencyOperations() []Operation {
	return []Operation{
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/fx_position", ID: "get-fx-position", Group: "Balances", Summary: "Read the open currency position",
			Description: "What conversions have promised and nobody has exchanged yet: the balance of assets:fx_position in each currency, and the conversions that are open, with their rates. " +
				"Executions cover the oldest conversions first.",
			Scope:   access.BalancesRead,
			Answers: []Answer{{Status: 200, Meaning: "The position as it stands.", Body: reflect.TypeFor[commerce.FXPosition]()}},
			handle:  getFXPosition,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/intercompany", ID: "get-intercompany", Group: "Balances", Summary: "Compare what books owe each other",
			Description: "What this book owes each other book of ours, and what the other book expects. The two are equal when both have recorded the same transfers.",
			Scope:       access.BalancesRead,
			Answers:     []Answer{{Status: 200, Meaning: "Each other book and currency.", Body: reflect.TypeFor[intercompanyJSON]()}},
			handle:      getIntercompany,
		},
	}
}

func getFXPosition(c *call) (reply, error) {
	position, err := c.service.commerce.FXPosition(c.ctx, c.book)
	if err != nil {
		return reply{}, err
	}
	return encode(http.StatusOK, false, func(b []byte) []byte { return appendAnswer(b, position) }), nil
}

func getIntercompany(c *call) (reply, error) {
	ours, more, err := c.owed(c.book, "")
	if err != nil {
		return reply{}, err
	}
	out := intercompanyJSON{Pairs: []intercompanyPair{}, More: more}
	for _, o := range ours {
		pair := intercompanyPair{Book: o.book, Currency: string(o.currency), Ours: o.amount.Format(o.currency)}
		if c.principal.Sees(o.book) {
			other, err := c.service.ledger.Book(c.ctx, o.book)
			if err != nil && !errors.Is(err, ledger.ErrBookUnknown) {
				return reply{}, err
			}
			if err == nil {
				theirs := money.Minor(0)
				list, _, err := c.owed(other, c.book.Code)
				if err != nil {
					return reply{}, err
				}
				for _, t := range list {
					if t.currency == o.currency {
						theirs = -t.amount
					}
				}
				pair.Theirs, pair.Difference = theirs.Format(o.currency), (o.amount - theirs).Format(o.currency)
			}
		}
		out.Pairs = append(out.Pairs, pair)
	}
	return encode(http.StatusOK, false, func(b []byte) []byte { return appendAnswer(b, &out) }), nil
}

// debt is what a book owes another in a currency.
type debt struct {
	book     string
	currency money.Currency
	amount   money.Minor
}

// owed lists what a book owes others, or one other.
func (c *call) owed(book ledger.Book, other string) (list []debt, more bool, err error) {
	for _, prefix := range []string{"assets:due_from:", "liabilities:due_to:"} {
		page, err := c.service.ledger.Balances(c.ctx, book, ledger.BalanceQuery{Prefix: prefix + other, Limit: maxPairs})
		if err != nil {
			return nil, false, err
		}
		more = more || page.More
		for _, b := range page.Balances {
			name := strings.TrimPrefix(string(b.Account), prefix)
			if other != "" && name != other {
				continue
			}
			amount := money.Minor(b.Credits - b.Debits)
			known := false
			for i := range list {
				if list[i].book == name && list[i].currency == b.Currency {
					list[i].amount += amount
					known = true
				}
			}
			if !known {
				list = append(list, debt{name, b.Currency, amount})
			}
		}
	}
	return list, more, nil
}
