package commerce

// charge.recorded: a service for a payee, such as shipping, storage or a return label, or its correction or
// reimbursement. With an order it is taken where the order's money of the payee sits (W-05), otherwise from what is
// available.

// ChargeRecorded is one charge. Its transaction's event is the kind.
type ChargeRecorded struct {
	Kind          string   `json:"kind" pattern:"^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)+$" doc:"What is charged" example:"warehouse.storage_charged"`
	Party         string   `json:"party" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The seller" example:"sel_wh"`
	Order         string   `json:"order,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order it belongs to, if it belongs to one" example:"W-1"`
	Currency      string   `json:"currency" pattern:"^[A-Z]{3}$" doc:"The charge's currency" example:"USD"`
	Amount        string   `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The charge, before tax that comes on top" example:"12.40"`
	Subsidy       string   `json:"subsidy,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What the platform pays of it" example:"5000"`
	Counterparty  string   `json:"counterparty,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The carrier" example:"ghn"`
	ServicePeriod []string `json:"service_period,omitempty" nullable:"false" minItems:"2" maxItems:"2" doc:"First and last day" example:"[\"2026-11-01\",\"2026-11-30\"]"`
	Document      string   `json:"document,omitempty" pattern:"^[!-~]([ -~]{0,126}[!-~])?$" doc:"The number of the invoice or credit note" example:"INV-7"`
	Reason        string   `json:"reason,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why, in your words" example:"reweighed"`
}
