package api

import (
	"net/http"
	"reflect"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/commerce/receipts"
	"mizan/ledger/fault"
)

// Orders: how an order stands, why a transaction's amounts are what they are, and the settlement of an order.

// NewSettlement is the body that settles an order.
type NewSettlement struct {
	Reference string      `json:"reference,omitempty" minLength:"1" maxLength:"255" pattern:"^[!-~]([ -~]{0,253}[!-~])?$" doc:"Your own name for it; left out, order.settled: and the order's id" example:"order-UK-1001-settled"`
	SettledAt time.Time   `json:"settled_at,omitempty" format:"date-time" doc:"When it settles, with its zone; left out, it is when it is recorded" example:"2026-11-29T09:00:00Z"`
	Reserve   *NewReserve `json:"reserve,omitempty" doc:"What is kept of the seller's share; left out, what the rules say"`
	IfDue     bool        `json:"if_due,omitempty" doc:"true: refuse an order whose clock has not run out"`
}

// NewReserve is what is kept of the seller's share, and for how long.
type NewReserve struct {
	Rate string `json:"rate,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"The part of the seller's share; left out, the rule set's" example:"0.10"`
	Days *int   `json:"days,omitempty" minimum:"0" maximum:"3650" doc:"Days until it is released; left out, the rule set's" example:"30"`
}

func orderOperations() []Operation {
	one := reflect.TypeFor[eventJSON]()
	return []Operation{
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/orders/{order}/settlement", ID: "settle-order", Group: "Orders", Summary: "Settle an order",
			Description: "What the order's payees earned becomes available to them, less the seller's reserve. An open case or dispute stands in the way. An order is settled once: again is answered with 200.",
			Scope:       access.SettlementsWrite, Body: reflect.TypeFor[NewSettlement](), BodyLimit: bodyLimit,
			Example: map[string]any{"reserve": map[string]any{"rate": "0.10", "days": 30}},
			Answers: []Answer{
				{Status: 201, Meaning: "Settled.", Body: one},
				{Status: 200, Meaning: "Settled before; this is what that posted.", Body: one, Replayed: true},
			},
			Errors: append([]*fault.Error{
				commerce.ErrOrderUnknown, commerce.ErrGated, commerce.ErrNotDue, commerce.ErrOrderState, commerce.ErrOrderEdited, commerce.ErrRuleMissing,
			}, postingErrors...),
			handle: settleOrder,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/orders/{order}", ID: "get-order", Group: "Orders", Summary: "Read an order",
			Description: "Its state, the rules frozen on it, and the money waterfall: from what the buyer paid to what each receiver got, over all its events, summing to zero to the minor unit.",
			Scope:       access.TransactionsRead,
			Answers:     []Answer{{Status: 200, Meaning: "The order as it stands.", Body: reflect.TypeFor[commerce.Order]()}},
			Errors:      []*fault.Error{commerce.ErrOrderUnknown, commerce.ErrOrderEdited, ledger.ErrInvalid}, handle: getOrder,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/transactions/{id}/explanation", ID: "explain-transaction", Group: "Transactions", Summary: "Explain a transaction",
			Description: "For each amount the rule and its version, the base, the exact value, how it was rounded and who bears the remainder.",
			Scope:       access.TransactionsRead,
			Answers:     []Answer{{Status: 200, Meaning: "Why its entries are what they are.", Body: reflect.TypeFor[commerce.Explanation]()}},
			Errors:      []*fault.Error{ledger.ErrTransactionUnknown, commerce.ErrOrderEdited}, handle: explainTransaction,
		},
	}
}

// order returns the order's id from the path.
func (c *call) order() (string, error) {
	id := c.param("order")
	if !ledger.IsSegment(id) {
		rule := patternRules[segmentPattern]
		return "", ledger.ErrInvalid.With("There can be no such order. Correct its id.").At("path:order", rule.code, rule.message)
	}
	return id, nil
}

func settleOrder(c *call) (reply, error) {
	order, err := c.order()
	if err != nil {
		return reply{}, err
	}
	if err := c.service.ledger.Congested(c.book); err != nil {
		return reply{}, err
	}
	body, err := decodeWith(c, func(d *decoder, n int32) (s NewSettlement) {
		d.object(n, &s)
		return s
	})
	if err != nil {
		return reply{}, err
	}
	return recorded(c.service.commerce.Settle(c.ctx, c.book, order, body.settlement()), http.StatusCreated)
}

// settlement returns what the body asks for; what it leaves out is for the rules.
func (s NewSettlement) settlement() commerce.Settlement {
	how := commerce.Settlement{Reference: s.Reference, At: s.SettledAt, IfDue: s.IfDue}
	if s.Reserve != nil {
		how.ReserveDays = s.Reserve.Days
		if s.Reserve.Rate != "" {
			how.ReserveRate = &s.Reserve.Rate
		}
	}
	return how
}

func getOrder(c *call) (reply, error) {
	id, err := c.order()
	if err != nil {
		return reply{}, err
	}
	order, err := c.service.commerce.Order(c.ctx, c.book, id)
	if err != nil {
		return reply{}, err
	}
	if order.Receipt, err = c.receiptOf(receipts.Order, id); err != nil {
		return reply{}, err
	}
	return encode(http.StatusOK, false, func(b []byte) []byte { return appendAnswer(b, order) }), nil
}

func explainTransaction(c *call) (reply, error) {
	sequence, err := ledger.ParseTransactionID(c.book.Code, c.param("id"))
	if err != nil {
		return reply{}, err
	}
	why, err := c.service.commerce.Explain(c.ctx, c.book, sequence)
	if err != nil {
		return reply{}, err
	}
	return encode(http.StatusOK, false, func(b []byte) []byte { return appendAnswer(b, why) }), nil
}
