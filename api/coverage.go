package api

import (
	"net/http"
	"reflect"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
)

// Coverage: whether the money that is kept for others is there, and how much of it is our own.

type coverageQuery struct {
	Currency string `json:"currency,omitempty" pattern:"^[A-Z]{3}$" doc:"Left out, all currencies of the book" example:"GBP"`
}

func coverageOperations() []Operation {
	return []Operation{{
		Method: http.MethodGet, Path: "/v1/books/{book}/coverage", ID: "get-coverage", Group: "Balances", Summary: "Read the coverage of what is owed",
		Description: "Per currency the cash that is kept for others, by where it is, and what is owed, by to whom; what of it is our own and may be swept, or what must be funded today. " +
			"A balance below zero does not lower it: nobody's debt covers what is owed to somebody else.",
		Scope: access.BalancesRead, Query: reflect.TypeFor[coverageQuery](),
		Answers: []Answer{{Status: 200, Meaning: "The coverage as it stands.", Body: reflect.TypeFor[commerce.Coverage]()}},
		Errors:  []*fault.Error{ledger.ErrHoldingTooLarge, ledger.ErrInvalid}, handle: getCoverage,
	}}
}

func getCoverage(c *call) (reply, error) {
	currency := c.query.currency()
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	report, err := c.service.commerce.Coverage(c.ctx, c.book, currency)
	if err != nil {
		return reply{}, err
	}
	return encode(http.StatusOK, false, func(b []byte) []byte { return appendAnswer(b, report) }), nil
}
