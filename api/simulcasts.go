package api

import (
	"net/http"
	"reflect"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
)

// Simulcasts: how a sale at a brand's own checkout stands.

func simulcastOperations() []Operation {
	return []Operation{{
		Method: http.MethodGet, Path: "/v1/books/{book}/simulcasts/{sale}", ID: "get-simulcast", Group: "Orders", Summary: "Read a sale at a brand's own checkout",
		Description: "What the brand reported, what came back, what it paid, and what of each payee's share that made available.",
		Scope:       access.TransactionsRead,
		Answers:     []Answer{{Status: 200, Meaning: "The sale as it stands.", Body: reflect.TypeFor[commerce.Simulcast]()}},
		Errors:      []*fault.Error{commerce.ErrSaleUnknown, commerce.ErrStoryTooLong, ledger.ErrInvalid}, handle: getSimulcast,
	}}
}

func getSimulcast(c *call) (reply, error) {
	id := c.param("sale")
	if !ledger.IsSegment(id) {
		rule := patternRules[segmentPattern]
		return reply{}, ledger.ErrInvalid.With("There can be no such sale. Correct its id.").At("path:sale", rule.code, rule.message)
	}
	sale, err := c.service.commerce.Simulcast(c.ctx, c.book, id)
	if err != nil {
		return reply{}, err
	}
	return encode(http.StatusOK, false, func(b []byte) []byte { return appendAnswer(b, sale) }), nil
}
