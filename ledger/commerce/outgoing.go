package commerce

// Outgoing payments from the bank to carriers and tax offices, and what carriers pay us for what they lost.

// CarrierInvoicePaid is the payment of a carrier's bill from the bank.
type CarrierInvoicePaid struct {
	Invoice    string `json:"invoice" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The invoice's own id" example:"CI-7"`
	Carrier    string `json:"carrier" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The carrier" example:"usps"`
	Bank       string `json:"bank" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The bank account" example:"main"`
	Currency   string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount     string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What was paid" example:"6.00"`
	Prepayment bool   `json:"prepayment,omitempty" doc:"true: more than is owed is paid on purpose"`
	Document   string `json:"document,omitempty" pattern:"^[!-~]([ -~]{0,126}[!-~])?$" doc:"The invoice's number" example:"INV-7"`
}

// CarrierClaimPaid is what a carrier paid for a lost parcel, passed on to the seller.
type CarrierClaimPaid struct {
	Claim    string `json:"claim" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The claim's own id" example:"CL-1"`
	Seller   string `json:"seller" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The seller who gets it" example:"sel_wh"`
	Order    string `json:"order,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order of the parcel, if it is known" example:"W-1"`
	Bank     string `json:"bank" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The bank account" example:"main"`
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount   string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What was paid" example:"12.34"`
}

// TaxRemitted is a payment to a tax office, with the tax on our own costs set off (M-15).
type TaxRemitted struct {
	Remittance   string `json:"remittance" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The remittance's own id" example:"TR-2026-11"`
	Kind         string `json:"kind" enum:"sales,vat,customs" doc:"The kind of tax"`
	Jurisdiction string `json:"jurisdiction" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Where it is paid" example:"US-TX"`
	TaxKind      string `json:"tax_kind,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Which tax of the jurisdiction; needed for vat" example:"on-fees"`
	Bank         string `json:"bank" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The bank account" example:"main"`
	Currency     string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount       string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The tax that is settled" example:"12.38"`
	InputVAT     string `json:"input_vat,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What of it is settled with tax on our own costs" example:"2.40"`
	Prepayment   bool   `json:"prepayment,omitempty" doc:"true: more than is owed is paid on purpose"`
	Document     string `json:"document,omitempty" pattern:"^[!-~]([ -~]{0,126}[!-~])?$" doc:"The number of the return" example:"RET-11"`
}

// WithholdingRemitted is the payment of tax that was withheld from payees.
type WithholdingRemitted struct {
	Remittance   string                   `json:"remittance" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The remittance's own id" example:"WR-2026-11"`
	Jurisdiction string                   `json:"jurisdiction" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Where it is paid" example:"VN"`
	TaxKind      string                   `json:"tax_kind" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Which tax of the jurisdiction" example:"PIT-seller"`
	Bank         string                   `json:"bank" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The bank account" example:"main"`
	Currency     string                   `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount       string                   `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What was paid" example:"1.50"`
	Certificates []WithholdingCertificate `json:"certificates" nullable:"false" minItems:"1" maxItems:"200" doc:"The certificate of each payee; their amounts sum to what was paid"`
	Prepayment   bool                     `json:"prepayment,omitempty" doc:"true: more than is owed is paid on purpose"`
	Document     string                   `json:"document,omitempty" pattern:"^[!-~]([ -~]{0,126}[!-~])?$" doc:"The number of the return" example:"RET-11"`
}

// WithholdingCertificate is what was paid for one payee.
type WithholdingCertificate struct {
	Kind        string `json:"kind" enum:"seller,creator,agency,partner" doc:"The kind of payee"`
	Payee       string `json:"payee" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payee" example:"sel_vn"`
	Certificate string `json:"certificate" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The certificate's id" example:"CERT-1"`
	Amount      string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What was paid for the payee" example:"1.50"`
}

var outgoingTypes = []EventType{
	{Name: "carrier.claim_paid", Meaning: "A carrier paid for a lost parcel; the seller gets it.", New: func() EventData { return &CarrierClaimPaid{} }},
	{Name: "carrier.invoice_paid", Meaning: "A carrier's bill was paid from the bank.", New: func() EventData { return &CarrierInvoicePaid{} }},
	{Name: "tax.remitted", Meaning: "Tax was paid to a tax office.", New: func() EventData { return &TaxRemitted{} }, Stored: func() teller { return &remittedTax{} }},
	{Name: "tax.withholding_remitted", Meaning: "Tax withheld from payees was paid to a tax office.", New: func() EventData { return &WithholdingRemitted{} }},
}
