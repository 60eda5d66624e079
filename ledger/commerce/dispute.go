package commerce

// Disputes: the buyer's bank took money back from us and asks for a reason. The seller's exposure is held until it is
// decided; whoever is liable bears a loss. What the buyer gets back by refunds and by disputes is one account: a refund
// above what is left is refused, and a loss takes from payees only what the order still gives them (A-17, A-18, M-17).

// DisputeOpened says that the processor withdrew a disputed payment's amount and its fee. Without an amount it is an
// inquiry: a fact that moves no money.
type DisputeOpened struct {
	Order     string `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"US-9"`
	Dispute   string `json:"dispute" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The dispute's id, unique in the book" example:"dp_1"`
	PaymentID string `json:"payment_id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payment that is disputed" example:"pi_9"`
	Amount    string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What the processor took; 0 for an inquiry, which moves no money" example:"16.50"`
	Fee       string `json:"fee,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What the processor charges for the dispute" example:"15.00"`
	Reason    string `json:"reason,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The bank's reason; the rules may make the platform liable for it" example:"not_received"`
}

// DisputeClosed says how a dispute ended. Won after it had been lost gives everything back (M-17).
type DisputeClosed struct {
	Dispute     string `json:"dispute" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The dispute's id" example:"dp_1"`
	Outcome     string `json:"outcome" enum:"won,lost" doc:"How it ended"`
	Liable      string `json:"liable,omitempty" enum:"seller,platform" doc:"Who bears a loss; left out, the rule set decides by the reason"`
	FeeReturned bool   `json:"fee_returned,omitempty" doc:"The processor gave the fee back"`

	order string // found by the dispute's account
}
