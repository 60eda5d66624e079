package commerce

// The trust of a minor: moving the money that was set aside to an account of its own, handing it to a custodian outside, and
// giving it to the creator who is a minor no more. The first and the second exclude each other for the same money (W-10).

var minorTypes = []EventType{
	{Name: "minor_trust.deposited", Meaning: "Money set aside for a minor was moved to the minor's trust account.", New: func() EventData { return &TrustDeposited{} }},
	{Name: "minor_trust.disbursed", Meaning: "Money set aside for a minor is on its way to a custodian, who holds it from then on.", New: func() EventData { return &TrustDisbursed{} }},
	{Name: "minor_trust.released", Meaning: "The creator came of age, and what was set aside is the creator's.", New: func() EventData { return &TrustReleased{} }},
}

var minorParts = map[string]string{
	eventTrustReduced:      "The event took back a part of what was set aside for the minor.",
	eventTrustCashReturned: "The money of the minor's trust account came back to the processor.",
}

// TrustDeposited moves money to the trust account; what is owed to the minor stays owed.
type TrustDeposited struct {
	Deposit   string `json:"deposit" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The deposit's own id" example:"TD-1"`
	Creator   string `json:"creator" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The minor" example:"cre_minor"`
	Currency  string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount    string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"How much, at most what is set aside and not deposited" example:"195.00"`
	Processor string `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor that it comes from" example:"main"`
	Transfer  string `json:"transfer,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The bank's id of the transfer" example:"tr_1"`
}

// TrustDisbursed hands money to a custodian outside our books.
type TrustDisbursed struct {
	Disbursement string `json:"disbursement" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The disbursement's own id" example:"TP-1"`
	Creator      string `json:"creator" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The minor" example:"cre_minor"`
	Custodian    string `json:"custodian" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Who holds the trust; the money is on its way to this payee until the payout is recorded" example:"bank_trust"`
	Currency     string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount       string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"How much, at most what is set aside and not deposited" example:"195.00"`
}

// TrustReleased gives the creator all that is set aside in a currency.
type TrustReleased struct {
	Release   string `json:"release" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The release's own id" example:"TR-1"`
	Creator   string `json:"creator" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The creator, registered as no minor any more" example:"cre_minor"`
	Currency  string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Processor string `json:"processor,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor that deposited money comes back to; needed if any was deposited" example:"main"`
}
