package commerce

// The processor's own bills and bookings that belong to no payment of a buyer (M-03, M-04).

// ProcessorInvoiced is a bill that the processor took from our balance, with the tax that we get back.
type ProcessorInvoiced struct {
	Invoice      string `json:"invoice" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The invoice's own id" example:"PI-2026-11"`
	Processor    string `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	Currency     string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Net          string `json:"net" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The bill without tax" example:"12.00"`
	InputVAT     string `json:"input_vat,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The tax on it that we may deduct" example:"2.40"`
	Jurisdiction string `json:"jurisdiction,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Where that tax is deducted; needed with input_vat" example:"UK"`
	Document     string `json:"document,omitempty" pattern:"^[!-~]([ -~]{0,126}[!-~])?$" doc:"The invoice's number" example:"INV-7"`
}

// PayoutCost is what the processor took for a payout.
type PayoutCost struct {
	Payout    string `json:"payout" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payout" example:"P-1"`
	Processor string `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	Currency  string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount    string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The cost" example:"2.00"`
	Reference string `json:"processor_reference,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The processor's id of the booking" example:"txn_1"`
}

// RefundCost is what the processor took for a refund.
type RefundCost struct {
	PaymentRefundID string `json:"payment_refund_id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The processor's id of the refund" example:"re_1"`
	Processor       string `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	Currency        string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount          string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The cost" example:"0.30"`
}

// ProcessorReserveHeld says that the processor holds money of ours back.
type ProcessorReserveHeld struct {
	Hold      string `json:"hold" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The hold's own id" example:"H-1"`
	Processor string `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	Currency  string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount    string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What is held" example:"500.00"`
}

// ProcessorReserveReleased gives all or a part of such a hold back.
type ProcessorReserveReleased struct {
	Hold   string `json:"hold" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The hold" example:"H-1"`
	Amount string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What is given back" example:"500.00"`
}

// ProcessorAdjusted is any other booking of the processor. A fee is our expense; anything else waits in suspense until it is understood.
type ProcessorAdjusted struct {
	Adjustment string `json:"adjustment" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The booking's own id" example:"txn_9"`
	Processor  string `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	Direction  string `json:"direction" enum:"credit,debit" doc:"credit: we got money; debit: it was taken"`
	Reason     string `json:"reason" enum:"fee,other" doc:"What it is for"`
	Currency   string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount     string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The amount" example:"0.50"`
	Document   string `json:"document,omitempty" pattern:"^[!-~]([ -~]{0,126}[!-~])?$" doc:"Where it is explained" example:"DOC-1"`
}

var processorBillTypes = []EventType{
	{Name: "processor.adjusted", Meaning: "The processor booked something else into or out of our balance.", New: func() EventData { return &ProcessorAdjusted{} }},
	{Name: "processor.invoiced", Meaning: "The processor took its bill from our balance.", New: func() EventData { return &ProcessorInvoiced{} }},
	{Name: "processor.payout_cost", Meaning: "The processor took what a payout cost us.", New: func() EventData { return &PayoutCost{} }},
	{Name: "processor.refund_cost", Meaning: "The processor took what a refund cost us.", New: func() EventData { return &RefundCost{} }},
	{Name: "processor.reserve_held", Meaning: "The processor holds money of ours back.", New: func() EventData { return &ProcessorReserveHeld{} }},
	{Name: "processor.reserve_released", Meaning: "The processor gave held money back.", New: func() EventData { return &ProcessorReserveReleased{} }},
}
