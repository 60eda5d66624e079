package commerce

import (
	"time"

	"mizan/ledger/fault"
)

// An open order that a book takes over (M-32): its terms as its capture would have had them, and what the system before had
// posted for it. What was posted is where the rules go on from, so that later refunds, disputes and settlements post
// differences and the order can end at zero.

// OpeningOrder is one open order of an opening.
type OpeningOrder struct {
	Terms       OrderCaptured   `json:"terms" doc:"The whole order as order.captured would have said it, as one capture"`
	Rules       string          `json:"rules,omitempty" pattern:"^[a-z][a-z0-9_]{0,31}-[1-9][0-9]{0,5}$" doc:"The rule set that serves the order; left out, the one in force when it was placed" example:"uk-1"`
	Posted      []OpeningPosted `json:"posted" nullable:"false" minItems:"1" maxItems:"200" doc:"What had been posted for each receiver by then, after the refunds listed here: payees, fees, discounts at the platform's cost and taxes"`
	DeliveredAt time.Time       `json:"delivered_at,omitempty" format:"date-time" doc:"When the last parcel arrived; left out, it has not" example:"2026-10-22T09:00:00Z"`
	SettledAt   time.Time       `json:"settled_at,omitempty" format:"date-time" doc:"When its money was released; left out, it waits" example:"2026-10-30T00:00:00Z"`
	Reserve     *OpeningReserve `json:"reserve,omitempty" doc:"What is still kept of the seller's share of a settled order"`
	Refunds     []OpeningRefund `json:"refunds,omitempty" nullable:"false" maxItems:"50" doc:"The refunds made by then"`
	Dispute     *DisputeOpened  `json:"dispute,omitempty" doc:"The dispute that is open, as dispute.opened would have said it"`
	DisputeHeld string          `json:"dispute_held,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What the dispute holds of the seller; left out, what the rules hold" example:"104.00"`
	// AcceptDifference keeps a difference between what was posted and the rules.
	AcceptDifference bool `json:"accept_difference,omitempty" doc:"true: what was posted stands although the rules give something else; the difference stays with the order for ever"`

	opened   *openedOrder
	document string // that holds it
}

// OpeningPosted is what a receiver had got of the order.
type OpeningPosted struct {
	Account   string `json:"account" maxLength:"255" pattern:"^[a-z_]+(:[A-Za-z0-9_.-]{1,64})+$" doc:"The account; a payee is named by any of its buckets" example:"liabilities:seller:pending:sel_uk"`
	Direction string `json:"direction" enum:"debit,credit" doc:"The side"`
	Amount    string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"All that was posted, in the order's currency" example:"89.00"`
	Open      string `json:"open,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"Of a tax, deposit, donation or carrier: what of it is owed still; left out, all" example:"0.00"`
}

// OpeningReserve is what a settled order still keeps of the seller's share.
type OpeningReserve struct {
	Amount    string    `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What is kept" example:"8.90"`
	ReleaseAt time.Time `json:"release_at" format:"date-time" doc:"When it is released" example:"2026-12-01T00:00:00Z"`
	Rate      string    `json:"rate,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"The part of the seller's share that it is; left out, the rule set's" example:"0.10"`
}

// OpeningRefund is a refund from before the opening.
type OpeningRefund struct {
	MadeAt time.Time  `json:"made_at" format:"date-time" doc:"When it was made" example:"2026-10-25T09:00:00Z"`
	Refund RefundMade `json:"refund" doc:"The refund as refund.made would have said it"`
}

var (
	// ErrOpeningDifference means that what was posted for an order is not what its rules give.
	ErrOpeningDifference = fault.New(fault.Invalid, "opening-difference",
		"What was posted for these orders is not what their rules give. Correct the terms or what was posted, or accept the difference order by order; nothing was posted.")
	// ErrOpeningTerms means that an order of an opening cannot be followed.
	ErrOpeningTerms = fault.New(fault.Invalid, "opening-terms",
		"The history of an order in the opening does not hold together. Correct the order; nothing was posted.")
)

// openedOrder is an open order in the form that is kept.
type openedOrder struct {
	Terms     *captureTerms  `json:"c"`
	Posted    []openedPart   `json:"p"`
	Opens     []openedPart   `json:"o"` // what its transaction posts
	Delivered int64          `json:"de,omitempty"`
	Settled   int64          `json:"se,omitempty"`
	Reserve   *openedReserve `json:"re,omitempty"`
	Refunds   []openedRefund `json:"rf,omitempty"`
	Dispute   *DisputeOpened `json:"di,omitempty"`
	Held      *cents         `json:"h,omitempty"`
	Document  string         `json:"d"`

	// differ is what was posted beyond what the rules give; opens are the buckets that begin with the opening.
	differ, opens positions
}

// openedPart is an amount in an account's favour.
type openedPart struct {
	Account string `json:"a"`
	Amount  cents  `json:"m"`
	Open    *cents `json:"o,omitempty"`
}

type openedReserve struct {
	Amount    cents  `json:"a"`
	Rate      string `json:"r,omitempty"`
	ReleaseAt int64  `json:"t"`
}

type openedRefund struct {
	At     int64       `json:"t"`
	Refund *RefundMade `json:"r"`
}
