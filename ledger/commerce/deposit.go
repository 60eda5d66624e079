package commerce

// Deposits of sellers, and debts that are recovered from a card, another shop or after they were written off.

// DepositReceived is a deposit that a seller paid by card.
type DepositReceived struct {
	Deposit   string `json:"deposit" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The deposit's own id" example:"D-1"`
	Seller    string `json:"seller" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The seller" example:"sel_wh"`
	Processor string `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	PaymentID string `json:"payment_id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payment" example:"pi_1"`
	Currency  string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount    string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The deposit" example:"500.00"`
}

// DepositApplied uses a deposit for the seller's debt, at most the debt.
type DepositApplied struct {
	Application string `json:"application" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Its own id" example:"DA-1"`
	Seller      string `json:"seller" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The seller" example:"sel_wh"`
	Currency    string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount      string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What is used" example:"80.00"`
	Reason      string `json:"reason" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why, in your words" example:"debt"`
}

// DepositRefunded gives a deposit back by a payout.
type DepositRefunded struct {
	Payout   string `json:"payout" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payout that carries it" example:"P-9"`
	Seller   string `json:"seller" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The seller" example:"sel_wh"`
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount   string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What is given back" example:"420.00"`
}

// DebtCardRecovered is a debt that the payee paid by card.
type DebtCardRecovered struct {
	Recovery  string `json:"recovery" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The recovery's own id" example:"R-1"`
	Kind      string `json:"kind" enum:"seller,creator,agency,partner" doc:"The kind of payee"`
	Payee     string `json:"payee" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payee" example:"sel_wh"`
	Processor string `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	PaymentID string `json:"payment_id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payment" example:"pi_1"`
	Currency  string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount    string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What was charged" example:"90.00"`
}

// DebtRecoveredElsewhere takes a debt of one shop from another of the same owner, who agreed to it.
type DebtRecoveredElsewhere struct {
	Recovery string `json:"recovery" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The recovery's own id" example:"R-2"`
	From     string `json:"from" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The shop that pays" example:"sel_b"`
	To       string `json:"to" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The shop that is in debt" example:"sel_a"`
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount   string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What is moved" example:"40.00"`
	Consent  string `json:"consent" pattern:"^[!-~]([ -~]{0,126}[!-~])?$" doc:"The document in which the owner agreed" example:"CONSENT-1"`
}

// DebtWrittenOff gives up what a payee owes. It needs a second person.
type DebtWrittenOff struct {
	WriteOff string `json:"write_off" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The write-off's own id" example:"WO-1"`
	Kind     string `json:"kind" enum:"seller,creator,agency,partner" doc:"The kind of payee"`
	Payee    string `json:"payee" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payee" example:"sel_wh"`
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" doc:"The currency of the debt" example:"USD"`
	Amount   string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What is given up, at most the debt" example:"60.00"`
	Reason   string `json:"reason" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why, in your words" example:"unpaid_for_180_days"`
	Document string `json:"document" pattern:"^[!-~]([ -~]{0,126}[!-~])?$" doc:"The document that shows what was tried" example:"WRITE-OFF-7"`
}

// WrittenOffRecovered is money for a debt that was written off before (M-29).
type WrittenOffRecovered struct {
	Recovery  string `json:"recovery" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The recovery's own id" example:"R-3"`
	Kind      string `json:"kind" enum:"seller,creator,agency,partner" doc:"The kind of payee"`
	Payee     string `json:"payee" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payee" example:"sel_wh"`
	Way       string `json:"way" enum:"card,hold" doc:"card: paid by card; hold: from blocked money that is released"`
	Processor string `json:"processor,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor; needed for a card" example:"main"`
	PaymentID string `json:"payment_id,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payment; needed for a card" example:"pi_1"`
	Currency  string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount    string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What came in" example:"120.00"`
	Recovered string `json:"recovered,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What of it pays the written-off debt, at most what is not recovered yet; left out, all of it. The rest becomes available to the payee" example:"60.00"`
}

var depositTypes = []EventType{
	{Name: "debt.card_recovered", Meaning: "A payee paid a debt by card.", New: func() EventData { return &DebtCardRecovered{} }},
	{Name: "debt.recovered_after_write_off", Meaning: "Money came in for a debt that was written off.", New: func() EventData { return &WrittenOffRecovered{} }},
	{Name: "debt.recovered_from_other_shop", Meaning: "A debt of one shop is taken from another of the same owner.", New: func() EventData { return &DebtRecoveredElsewhere{} }},
	{Name: "debt.written_off", Meaning: "A payee's debt is given up; what comes in for it later is a recovery.", New: func() EventData { return &DebtWrittenOff{} }, SecondPerson: true},
	{Name: "seller_deposit.applied", Meaning: "A seller's deposit is used for his debt.", New: func() EventData { return &DepositApplied{} }},
	{Name: "seller_deposit.received", Meaning: "A seller paid a deposit by card.", New: func() EventData { return &DepositReceived{} }},
	{Name: "seller_deposit.refunded", Meaning: "A seller's deposit is given back by a payout.", New: func() EventData { return &DepositRefunded{} }},
}
