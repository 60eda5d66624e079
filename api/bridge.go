package api

import (
	"net/http"
	"reflect"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// The bridge of a seller: from what buyers paid to what was paid out, for tax forms and for sellers who ask.

type bridgeQuery struct {
	Currency string `json:"currency,omitempty" pattern:"^[A-Z]{3}$" doc:"Left out, the book's first currency" example:"USD"`
	From     string `json:"from,omitempty" pattern:"^2[0-9]{3}-(0[1-9]|1[0-2])$" doc:"The first month; left out, January of the last one's year" example:"2026-01"`
	To       string `json:"to,omitempty" pattern:"^2[0-9]{3}-(0[1-9]|1[0-2])$" doc:"The last month; left out, this one" example:"2026-12"`
}

func bridgeOperations() []Operation {
	return []Operation{{
		Method: http.MethodGet, Path: "/v1/books/{book}/sellers/{seller}/bridge", ID: "get-seller-bridge", Group: "Balances", Summary: "Read a seller's bridge from gross to net",
		Description: "From what buyers paid for the seller's goods, over tax, refunds, fees and shipping, to what was paid out and what is carried forward, by accounting month. " +
			"Everything is added up from the entries of the transactions that touch the seller's accounts, so it leaves no difference.",
		Scope: access.BalancesRead, Own: "seller", Query: reflect.TypeFor[bridgeQuery](),
		Answers: []Answer{{Status: 200, Meaning: "The bridge.", Body: reflect.TypeFor[commerce.Bridge]()}},
		Errors:  []*fault.Error{commerce.ErrBridgeRange, ledger.ErrAccountNotOpened, ledger.ErrInvalid}, handle: getBridge,
	}}
}

func getBridge(c *call) (reply, error) {
	seller := c.param("seller")
	if !ledger.IsSegment(seller) {
		rule := patternRules[segmentPattern]
		return reply{}, ledger.ErrInvalid.With("There can be no such seller. Correct the id.").At("path:seller", rule.code, rule.message)
	}
	currency := c.query.currency()
	if currency == "" {
		currency = c.book.Currencies[0]
	}
	to := c.query.month("to", ledger.PeriodOf(c.service.now(), c.book.Location()))
	from := c.query.month("from", to/100*100+1)
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	bridge, err := c.service.commerce.Bridge(c.ctx, c.book, seller, money.Currency(currency), from, to)
	if err != nil {
		return reply{}, err
	}
	return encode(http.StatusOK, false, func(b []byte) []byte { return appendAnswer(b, bridge) }), nil
}
