package commerce

// Unclaimed money: balances whose owners cannot be reached, kept for them or for the state (M-26). It is never revenue.

// BalanceUnclaimed moves a balance to unclaimed money. It is a decision of ours that needs the notice sent to the owner.
type BalanceUnclaimed struct {
	Item         string `json:"item" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The item's own id" example:"U-1"`
	Kind         string `json:"kind" enum:"seller,creator,agency,partner,store_credit,gift_card,refund_due" doc:"Whose balance it is: a payee's, or a buyer's credit, card or refund"`
	Owner        string `json:"owner" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payee, buyer or card" example:"cre_amy"`
	Jurisdiction string `json:"jurisdiction" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Whose law applies" example:"US-CA"`
	Currency     string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount       string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What is moved" example:"7.15"`
	Notice       string `json:"notice" pattern:"^[!-~]([ -~]{0,126}[!-~])?$" doc:"The document of the notice that was sent before" example:"NOTICE-1"`
}

// UnclaimedReclaimed gives an item back to its owner, who was found.
type UnclaimedReclaimed struct {
	Item     string `json:"item" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The item" example:"U-1"`
	Document string `json:"document,omitempty" pattern:"^[!-~]([ -~]{0,126}[!-~])?$" doc:"How the owner was identified" example:"DOC-1"`
}

// UnclaimedRemitted pays an item to the state.
type UnclaimedRemitted struct {
	Item     string `json:"item" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The item" example:"U-1"`
	Bank     string `json:"bank" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The bank account" example:"main"`
	Document string `json:"document,omitempty" pattern:"^[!-~]([ -~]{0,126}[!-~])?$" doc:"The number of the report" example:"ESC-1"`
}

// RefundRepaid pays a refund that could not be delivered another way.
type RefundRepaid struct {
	Repayment string `json:"repayment" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The repayment's own id" example:"RP-1"`
	Buyer     string `json:"buyer" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The opaque reference to the buyer" example:"buyer_1"`
	Bank      string `json:"bank" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The bank account" example:"main"`
	Currency  string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount    string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What was paid" example:"113.00"`
	Document  string `json:"document,omitempty" pattern:"^[!-~]([ -~]{0,126}[!-~])?$" doc:"Where it is explained" example:"DOC-1"`
}

var unclaimedTypes = []EventType{
	{Name: "balance.unclaimed", Meaning: "A balance whose owner cannot be reached becomes unclaimed money.", New: func() EventData { return &BalanceUnclaimed{} }},
	{Name: "refund.repaid", Meaning: "A refund that could not be delivered was paid another way.", New: func() EventData { return &RefundRepaid{} }},
	{Name: "unclaimed.reclaimed", Meaning: "The owner of unclaimed money was found and gets it back.", New: func() EventData { return &UnclaimedReclaimed{} }},
	{Name: "unclaimed.remitted", Meaning: "Unclaimed money was paid to the state.", New: func() EventData { return &UnclaimedRemitted{} }},
}
