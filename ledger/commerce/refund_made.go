package commerce

import "mizan/ledger"

// refund.made: money went back to the buyer, for the whole order, for units, or as an amount. Who bears what follows from
// the rules' on_refund: every rule is computed again on what remains, and the difference is posted.

// RefundMade is one refund of an order.
type RefundMade struct {
	Order           string         `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	Refund          string         `json:"refund" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The refund's own id, unique in the order" example:"RF-1"`
	Full            bool           `json:"full,omitempty" doc:"Everything that is left, shipping too unless it is kept"`
	Lines           []RefundedLine `json:"lines,omitempty" nullable:"false" maxItems:"200" doc:"Units that came back; the last ones first"`
	Amount          string         `json:"amount,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"Money back without units, tax included" example:"5.00"`
	Shipping        string         `json:"shipping,omitempty" enum:"keep,refund" doc:"Left out: refunded with a full refund, kept otherwise"`
	Fault           string         `json:"fault,omitempty" enum:"seller,buyer,platform,carrier" doc:"Whose fault the refund is"`
	RestockingFee   string         `json:"restocking_fee,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"Kept back from the buyer for the seller" example:"0.00"`
	LabelFee        string         `json:"label_fee,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"Kept back from the buyer for the return label's carrier" example:"0.00"`
	Carrier         string         `json:"carrier,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The carrier of the return label" example:"evri"`
	To              string         `json:"to,omitempty" pattern:"^(original|store_credit:[A-Za-z0-9_.-]{1,64})$" default:"original" doc:"original, or store_credit:<buyer>"`
	PaymentRefundID string         `json:"payment_refund_id,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The processor's id of the refund; one that waits in suspense is cleared" example:"re_1"`
	Cash            string         `json:"cash,omitempty" enum:"pending,available" default:"available" doc:"Which of our balances at the processor it was taken from"`
	Goodwill        bool           `json:"goodwill,omitempty" doc:"An amount at the platform's own cost"`
	Shipped         *bool          `json:"shipped,omitempty" doc:"Whether the goods had been shipped; left out, whether a delivery is known"`

	// happened says that the money left already and waits in suspense.
	happened bool
	// from is the cash account that it left, as the processor's line says; the draft turns it into suspense.
	from ledger.Address
	// released says that a donation rounded up at the checkout went on to its beneficiary, so that it stays (W-11).
	released bool
}

// RefundedLine is a number of units of a line.
type RefundedLine struct {
	Line     int `json:"line" minimum:"1" maximum:"100000" doc:"The line's number in the order"`
	Quantity int `json:"quantity" minimum:"1" maximum:"1000000" doc:"How many units came back"`
}

// RefundFailed says that the processor could not give the money to the buyer: it came back and is owed still.
type RefundFailed struct {
	Order  string `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	Refund string `json:"refund" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The refund's id" example:"RF-1"`
	Buyer  string `json:"buyer,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"An opaque reference to the buyer; left out, the order's id" example:"buyer_1"`
}
