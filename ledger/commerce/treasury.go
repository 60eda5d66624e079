package commerce

import "slices"

// Our own cash: between processor and bank, and what it is for. What is kept for others may not leave with it.

// TreasurySwept sends money from the processor to a bank account of ours (M-01). It is a decision of ours, limited by coverage.
type TreasurySwept struct {
	Transfer  string `json:"transfer" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The transfer's own id" example:"T-1"`
	Purpose   string `json:"purpose" enum:"own,tax,carrier,client,safeguarded" doc:"What the money is for: our own, to pay taxes or carriers, or to keep for payees or donors"`
	Processor string `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	Bank      string `json:"bank" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The bank account" example:"main"`
	Currency  string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount    string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What is sent" example:"24.09"`
}

// TreasuryLanded says that a sweep arrived at the bank.
type TreasuryLanded struct {
	Transfer  string `json:"transfer" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The transfer that was swept" example:"T-1"`
	Reference string `json:"reference,omitempty" pattern:"^[!-~]([ -~]{0,126}[!-~])?$" doc:"What the bank's statement calls it; the transfer's id if that is not said" example:"PO-7781"`
}

// TreasuryFailed says that a sweep came back to the processor.
type TreasuryFailed struct {
	Transfer string `json:"transfer" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The transfer that was swept" example:"T-1"`
	Reason   string `json:"reason,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why, in your words" example:"account_closed"`
}

// ProcessorToppedUp sends our own money from the bank to the processor (M-02).
type ProcessorToppedUp struct {
	Transfer  string `json:"transfer" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The transfer's own id" example:"T-1"`
	Processor string `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	Bank      string `json:"bank" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The bank account" example:"main"`
	Currency  string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount    string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What is sent" example:"12.00"`
}

// TopupLanded says that a top-up arrived at the processor.
type TopupLanded struct {
	Transfer  string `json:"transfer" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The transfer that was sent" example:"T-1"`
	Reference string `json:"reference,omitempty" pattern:"^[!-~]([ -~]{0,126}[!-~])?$" doc:"What the processor calls it; the transfer's id if that is not said" example:"tu_7781"`
}

// TopupReversed says that the bank took a top-up back, before or after it arrived.
type TopupReversed struct {
	Transfer string `json:"transfer" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The transfer that was sent" example:"T-1"`
	Reason   string `json:"reason,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why, in your words" example:"recalled"`
}

var treasuryTypes = append([]EventType{
	{Name: "processor.topped_up", Meaning: "Our own money leaves the bank for the processor.", New: func() EventData { return &ProcessorToppedUp{} }},
	{Name: "processor.topup_landed", Meaning: "A top-up arrived at the processor.", New: func() EventData { return &TopupLanded{} }},
	{Name: "processor.topup_reversed", Meaning: "The bank took a top-up back.", New: func() EventData { return &TopupReversed{} }},
	{Name: "treasury.failed", Meaning: "A sweep came back to the processor.", New: func() EventData { return &TreasuryFailed{} }},
	{Name: "treasury.landed", Meaning: "A sweep arrived at the bank.", New: func() EventData { return &TreasuryLanded{} }},
	{Name: "treasury.swept", Meaning: "Money leaves the processor for a bank account of ours, as far as what is kept for others allows.", New: func() EventData { return &TreasurySwept{} }},
}, slices.Concat(processorBillTypes, outgoingTypes, unclaimedTypes, depositTypes)...)

var treasuryOwnTypes []EventType

var treasuryParts map[string]string
