package commerce

import "time"

// An order as it stands: its state, the rules frozen on it, and the money waterfall from what the buyer paid to what each
// receiver got, over all its events. Every transaction balances, so the waterfall sums to zero to the minor unit.

// Order is an order as people look at it.
type Order struct {
	Order    string    `json:"order" example:"UK-1"`
	State    string    `json:"state" enum:"placed,captured,delivered,settled,refunded,cancelled,refused" doc:"How far the order's money is"`
	Currency string    `json:"currency,omitempty" example:"GBP"`
	Seller   string    `json:"seller,omitempty" example:"sel_uk"`
	PlacedAt time.Time `json:"placed_at,omitzero"`
	RuleSet  string    `json:"rule_set,omitempty" example:"uk-1"`
	// CommissionRate and SettlementTier are frozen too.
	CommissionRate string     `json:"commission_rate,omitempty" example:"0.15"`
	SettlementTier string     `json:"settlement_tier,omitempty" example:"standard"`
	DeliveredAt    *time.Time `json:"delivered_at,omitempty"`
	// DueAt is when the order's money may become available, once the last parcel is delivered.
	DueAt     *time.Time `json:"due_at,omitempty"`
	SettledAt *time.Time `json:"settled_at,omitempty"`
	// Gates are what keeps the order from settling now.
	Gates []string `json:"gates" nullable:"false" example:"[\"case:RMA-7\"]"`
	// Paid is what the buyer paid, Returned what went back by refunds and disputes, Refundable what may still be refunded.
	Paid       string         `json:"paid" example:"44.97"`
	Returned   string         `json:"returned" example:"20.99"`
	Refundable string         `json:"refundable" example:"23.98"`
	Reserve    *OrderReserve  `json:"reserve,omitempty"`
	Disputes   []OrderDispute `json:"disputes" nullable:"false"`
	Waterfall  []Receiver     `json:"waterfall" nullable:"false" doc:"Who gave and who got, summing to zero"`
	// Transactions are the order's, oldest first, with those of its payments.
	Transactions []OrderTransaction `json:"transactions" nullable:"false"`
	LastSequence int64              `json:"last_sequence"`
	// Receipt is the id of its public receipt, once it has one.
	Receipt string `json:"receipt,omitempty" example:"uk-k5w3pz7vq2c4n6m3abdefghijk"`
}

// OrderReserve is what is kept of the seller's share, and until when.
type OrderReserve struct {
	Amount    string    `json:"amount" example:"8.90"`
	Rate      string    `json:"rate" example:"0.10"`
	ReleaseAt time.Time `json:"release_at"`
}

// OrderDispute is a dispute of the order.
type OrderDispute struct {
	Dispute string `json:"dispute" example:"dp_1"`
	State   string `json:"state" enum:"open,won,lost"`
	Amount  string `json:"amount" example:"113.00"`
	Held    string `json:"held" example:"104.00"`
	Liable  string `json:"liable,omitempty" enum:"seller,platform"`
}

// Receiver is one side of the waterfall. Given is money that came from it, Got what it received; Net is Got less Given.
type Receiver struct {
	// Who is buyer, platform, processor, bank, seller:<id>, creator:<id>, agency:<id>, partner:<id>, carrier:<id>, tax:<jurisdiction>…
	Who   string            `json:"who" example:"creator:cre_amy"`
	Net   string            `json:"net" doc:"Signed; negative is money that came from it" example:"4.41"`
	Parts []ReceiverAccount `json:"parts" nullable:"false"`
}

// ReceiverAccount is what a receiver's net is made of.
type ReceiverAccount struct {
	Account string `json:"account" example:"liabilities:creator:available:cre_amy"`
	Amount  string `json:"amount" doc:"Signed, in the receiver's favour" example:"4.41"`
}

// OrderTransaction is one transaction of an order in brief.
type OrderTransaction struct {
	ID         string    `json:"id" example:"uk-42"`
	Event      string    `json:"event" example:"order.captured"`
	Reference  string    `json:"reference"`
	OccurredAt time.Time `json:"occurred_at"`
	Posted     bool      `json:"posted" doc:"false for a fact that moved no money"`
}
