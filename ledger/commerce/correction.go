package commerce

// Corrections of events: the reversal of the last thing that happened to an order, and adjustments by hand with a reason.

// EntryReversed reverses one recorded transaction with all its lines, or withdraws a recorded fact. What came after it in
// the story of an order, a donation or a sale was computed from it, so only the last can be reversed, and of an event with
// several transactions the later ones first.
type EntryReversed struct {
	Transaction string `json:"transaction" pattern:"^[a-z][a-z0-9_]{0,31}-[1-9][0-9]{0,17}$" doc:"The id of the transaction" example:"uk-42"`
	Reason      string `json:"reason" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why, in your words" example:"captured_by_mistake"`

	about string // the subject of the transaction
}

// AdjustmentPosted moves an amount between a payee and the platform by hand, with a reason and a document.
type AdjustmentPosted struct {
	Adjustment string `json:"adjustment" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The adjustment's id" example:"ADJ-1"`
	Order      string `json:"order,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order it is about, if it is about one" example:"UK-1"`
	Kind       string `json:"kind" enum:"seller,creator,agency,partner" doc:"What the payee is"`
	Payee      string `json:"payee" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payee's id" example:"sel_uk"`
	Direction  string `json:"direction" enum:"credit,debit" doc:"credit: in the payee's favour"`
	Currency   string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"GBP"`
	Amount     string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What moves" example:"5.00"`
	Reason     string `json:"reason" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why, in your words" example:"fee_waived"`
	Document   string `json:"document" pattern:"^[!-~]([ -~]{0,126}[!-~])?$" doc:"The document that shows why" example:"TICKET-77"`
}
