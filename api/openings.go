package api

import (
	"net/http"
	"reflect"
	"strconv"

	"mizan/api/access"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// Openings: a book takes over balances and open orders from elsewhere in one signed document.

// openingJSON is what an opening posted.
type openingJSON struct {
	Batch        string            `json:"batch" doc:"The document's id" example:"MIG-2026-11"`
	Orders       int               `json:"orders" doc:"How many open orders it holds" example:"1"`
	Transactions []transactionJSON `json:"transactions" nullable:"false" doc:"The balances first, then each order that has anything open"`
}

func openingOperations() []Operation {
	one := reflect.TypeFor[openingJSON]()
	return []Operation{{
		Method: http.MethodPost, Path: "/v1/books/{book}/openings", ID: "open-book", Group: "Books", Summary: "Take over balances and open orders",
		Description: "One document that two people signed: balances, and open orders with their terms and with what the system before had posted for them. It is posted as a whole or not at all, " +
			"each order as a transaction of its own, with equity:opening as the balancing line. Totals that do not tie are refused with the difference, and so is an order of which something else was posted than its rules give. " +
			"The same document again is answered as the first time; another one under its id is refused. Anybody may try it out; to post it, ask for an approval of the act opening.post.",
		Scope: access.TransactionsWrite, SecondPerson: "opening.post", Query: reflect.TypeFor[postEventQuery](),
		Body: reflect.TypeFor[commerce.OpeningBatch](), BodyLimit: batchBodyLimit, Example: openingExample(),
		Answers: []Answer{
			{Status: 201, Meaning: "Posted.", Body: one},
			{Status: 200, Meaning: "Posted before; or, for a dry run, what would be posted now.", Body: one, Replayed: true},
		},
		Errors: append([]*fault.Error{
			commerce.ErrOpeningTotals, commerce.ErrOpeningDifference, commerce.ErrOpeningTerms, commerce.ErrRepeated, commerce.ErrOrderState, commerce.ErrOrderEdited,
			commerce.ErrRuleMissing, commerce.ErrRulesMissing, commerce.ErrRulesUnsigned, commerce.ErrRuleSetUnknown, commerce.ErrStoryTooLong,
		}, postingErrors...),
		handle: openBook,
	}}
}

// openingExample is a document with one balance and one open order.
func openingExample() any {
	return map[string]any{
		"batch": "MIG-2026-11", "signed_by": []any{"u_17", "u_23"}, "document": "DOC-88", "as_of": "2026-11-20T00:00:00Z",
		"totals":   []any{map[string]any{"currency": "GBP", "debits": "40.00", "credits": "37.00"}},
		"balances": []any{map[string]any{"account": "assets:processor:available:main", "direction": "debit", "amount": "40.00", "currency": "GBP"}},
		"orders": []any{map[string]any{
			"terms": map[string]any{
				"order": "UK-900", "currency": "GBP", "placed_at": "2026-11-18T10:00:00Z", "seller": "sel_uk",
				"lines":    []any{map[string]any{"line": 1, "sku": "SKU-9", "quantity": 1, "unit_price": "40.00"}},
				"creators": []any{map[string]any{"creator": "cre_amy"}}, "commission_rate": "0.10",
				"payments": []any{map[string]any{"processor": "main", "payment_id": "pi_900", "amount": "40.00"}},
			},
			"posted": []any{
				map[string]any{"account": "liabilities:seller:pending:sel_uk", "direction": "credit", "amount": "32.40"},
				map[string]any{"account": "liabilities:creator:pending:cre_amy", "direction": "credit", "amount": "4.00"},
				map[string]any{"account": "revenue:referral_fee", "direction": "credit", "amount": "3.00"},
				map[string]any{"account": "liabilities:tax:vat:UK:on-fees", "direction": "credit", "amount": "0.60"},
			},
		}},
	}
}

func openBook(c *call) (reply, error) {
	dry, err := c.readyToPost()
	if err != nil {
		return reply{}, err
	}
	document, err := decodeUpTo(c, maxBatchNodes, func(d *decoder, n int32) (body commerce.OpeningBatch) {
		d.object(n, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	if !dry && !c.principal.Alone {
		return reply{}, guard.ErrApprovalRequired
	}
	results, err := c.service.commerce.Open(c.ctx, c.book, &document, dry)
	if err != nil {
		return reply{}, err
	}
	replayed := results[0].Replayed
	return encode(createdStatus(dry || replayed), replayed, func(b []byte) []byte { return appendOpening(b, results) }), nil
}

// appendOpening appends an openingJSON.
func appendOpening(b []byte, results []commerce.Result) []byte {
	document, _ := results[0].Event.Data.(*commerce.OpeningBatch)
	b = appendText(append(b, `{"batch":`...), document.Batch)
	b = strconv.AppendInt(append(b, `,"orders":`...), int64(len(document.Orders)), 10)
	b = append(b, `,"transactions":[`...)
	first := true
	for i := range results {
		for j := range results[i].Transactions {
			x := &results[i].Transactions[j]
			if len(x.Entries) == 0 {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = appendTransaction(b, x)
		}
	}
	return append(b, "]}"...)
}
