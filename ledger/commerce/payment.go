package commerce

import "mizan/ledger/money"

// What the processor says about payments: its fees, funds that became available, payments that failed or came twice.
// Their subject is the payment where there is one, so that an order finds them by its payments.

// FeeRecorded is a fee the processor took for a payment.
type FeeRecorded struct {
	Processor string `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	Kind      string `json:"kind,omitempty" enum:"fee" default:"fee" doc:"The kind of fee"`
	PaymentID string `json:"payment_id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payment it was taken for" example:"pi_1"`
	Amount    string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The fee" example:"0.87"`
	Currency  string `json:"currency" pattern:"^[A-Z]{3}$" doc:"The fee's currency" example:"GBP"`
	Cash      string `json:"cash,omitempty" enum:"pending,available" default:"pending" doc:"Which of our balances at the processor it was taken from"`
}

// FundsAvailable moves money from pending to available at the processor.
type FundsAvailable struct {
	Processor  string   `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	Amount     string   `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What became available" example:"44.10"`
	Currency   string   `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"GBP"`
	PaymentIDs []string `json:"payment_ids,omitempty" nullable:"false" maxItems:"200" doc:"The payments it comes from" example:"[\"pi_1\"]"`
}

// PaymentFailed says that a captured payment failed afterwards, as a bank debit can (M-06).
type PaymentFailed struct {
	Order     string `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	PaymentID string `json:"payment_id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payment that failed" example:"pi_1"`
	Fee       string `json:"fee,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What the processor charges for the failure" example:"4.00"`
	Shipped   bool   `json:"shipped,omitempty" doc:"Whether the goods had been shipped"`
	Liable    string `json:"liable,omitempty" enum:"seller,platform" doc:"Who bears a failure after shipment; left out, the rule set's"`

	// what the failure took, what of it the buyer had got before, and where the payment was made
	lost, double money.Minor
	processor    string
}

// DuplicateReceived says that a paid order was paid once more; the money is owed to the buyer (M-07).
type DuplicateReceived struct {
	Order     string `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	Processor string `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	PaymentID string `json:"payment_id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The second payment" example:"pi_2"`
	Currency  string `json:"currency" pattern:"^[A-Z]{3}$" doc:"The order's currency" example:"GBP"`
	Amount    string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What was paid once more" example:"44.97"`
	Buyer     string `json:"buyer,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"An opaque reference to the buyer; left out, the order's id" example:"buyer_1"`
}

// DuplicateRefunded says that such a payment went back to the buyer.
type DuplicateRefunded struct {
	Order           string `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	PaymentID       string `json:"payment_id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The second payment" example:"pi_2"`
	PaymentRefundID string `json:"payment_refund_id,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The processor's id of the refund" example:"re_2"`
}
