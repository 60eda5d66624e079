package client

// Order: how an order stands, and its settlement.

import (
	"context"
	"time"
)

// Order is an order as it stands. Amounts are decimal strings in its currency.
type Order struct {
	Order string `json:"order"`
	// State is how far the order's money is: placed, captured, delivered, settled, refunded or cancelled.
	State    string    `json:"state"`
	Currency string    `json:"currency,omitempty"`
	Seller   string    `json:"seller,omitempty"`
	PlacedAt time.Time `json:"placed_at,omitzero"`
	// RuleSet, CommissionRate and SettlementTier were frozen when the order was placed.
	RuleSet        string     `json:"rule_set,omitempty"`
	CommissionRate string     `json:"commission_rate,omitempty"`
	SettlementTier string     `json:"settlement_tier,omitempty"`
	DeliveredAt    *time.Time `json:"delivered_at,omitempty"`
	// DueAt is when the order's money may become available, once the last parcel is delivered.
	DueAt     *time.Time `json:"due_at,omitempty"`
	SettledAt *time.Time `json:"settled_at,omitempty"`
	// Gates are what keeps the order from settling now.
	Gates []string `json:"gates"`
	// Paid is what the buyer paid, Returned what went back by refunds and disputes, Refundable what may still be refunded.
	Paid       string         `json:"paid"`
	Returned   string         `json:"returned"`
	Refundable string         `json:"refundable"`
	Reserve    *OrderReserve  `json:"reserve,omitempty"`
	Disputes   []OrderDispute `json:"disputes"`
	// Waterfall is who gave and who got over all events, summing to zero.
	Waterfall []Receiver `json:"waterfall"`
	// Transactions are the order's, oldest first.
	Transactions []OrderTransaction `json:"transactions"`
	LastSequence int64              `json:"last_sequence"`
	// Receipt is the id of its public receipt, empty until it has one.
	Receipt string `json:"receipt,omitempty"`
}

// OrderReserve is what is kept of the seller's share, and until when.
type OrderReserve struct {
	Amount    string    `json:"amount"`
	Rate      string    `json:"rate"`
	ReleaseAt time.Time `json:"release_at"`
}

// OrderDispute is a dispute of the order. Its state is open, won or lost.
type OrderDispute struct {
	Dispute string `json:"dispute"`
	State   string `json:"state"`
	Amount  string `json:"amount"`
	Held    string `json:"held"`
	Liable  string `json:"liable,omitempty"`
}

// Receiver is one side of the waterfall. Net is what it got, negative where money came from it.
type Receiver struct {
	Who   string            `json:"who"`
	Net   string            `json:"net"`
	Parts []ReceiverAccount `json:"parts"`
}

// ReceiverAccount is a part of a receiver's net, signed in the receiver's favour.
type ReceiverAccount struct {
	Account string `json:"account"`
	Amount  string `json:"amount"`
}

// OrderTransaction is one transaction of an order in brief. Posted is false for a fact that moved no money.
type OrderTransaction struct {
	ID         string    `json:"id"`
	Event      string    `json:"event"`
	Reference  string    `json:"reference"`
	OccurredAt time.Time `json:"occurred_at"`
	Posted     bool      `json:"posted"`
}

// Order returns an order as it stands.
func (c *Client) Order(ctx context.Context, book, order string) (Order, error) {
	var o Order
	err := c.get(ctx, place("v1", "books", book, "orders", order), nil, &o)
	return o, err
}

// Settlement is what a settlement is asked with. The zero value settles now, by the rules.
type Settlement struct {
	// Reference is the caller's own name for it; "order.settled:" and the order's id if empty.
	Reference string `json:"reference,omitempty"`
	// SettledAt is when it settles; if zero, when it is recorded.
	SettledAt time.Time `json:"settled_at,omitzero"`
	// Reserve is what is kept of the seller's share; if nil, what the rules say.
	Reserve *Reserve `json:"reserve,omitempty"`
	// IfDue refuses an order whose clock has not run out.
	IfDue bool `json:"if_due,omitempty"`
}

// Reserve is a part of the seller's share, as a decimal string, and for how many days it is kept. What is left out is
// what the rules say.
type Reserve struct {
	Rate string `json:"rate,omitempty"`
	Days *int   `json:"days,omitempty"`
}

// SettleOrder makes what an order's payees earned available to them, once. Again it returns what that posted, Replayed.
func (c *Client) SettleOrder(ctx context.Context, book, order string, how Settlement) (Event, error) {
	if !how.SettledAt.IsZero() {
		how.SettledAt = how.SettledAt.UTC().Truncate(time.Microsecond)
	}
	var settled Event
	replayed, err := c.post(ctx, place("v1", "books", book, "orders", order, "settlement"), nil, how, &settled)
	settled.Replayed = replayed
	return settled, err
}
