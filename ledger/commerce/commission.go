package commerce

// Commission beside the sale itself: bonuses, the release of a tiered plan's deposit, and commission without an order of
// ours.

// CreatorBonus is an extra for a creator of an order, paid by the platform, the seller or both (row 188, A-30).
type CreatorBonus struct {
	Order   string        `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	Bonus   string        `json:"bonus" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The bonus's own id, unique in the order" example:"B-1"`
	Creator string        `json:"creator" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The creator who gets it" example:"cre_amy"`
	Funders []BonusFunder `json:"funders" nullable:"false" minItems:"1" maxItems:"2" doc:"Who pays how much"`
}

// BonusFunder is a funder of a bonus: an amount, which only a full return takes back, or a rate of the commission's base,
// which is computed again with every refund.
type BonusFunder struct {
	Funder string `json:"funder" enum:"platform,seller" doc:"Who pays"`
	Amount string `json:"amount,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"A fixed amount" example:"3.00"`
	Rate   string `json:"rate,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"A rate of what the commission is computed on; either this or an amount" example:"0.02"`
}

// DepositReleased ends a tiered plan's deposit: the creators get their commission at the rate really reached, the seller
// the rest (W-25, A-27).
type DepositReleased struct {
	Order string `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	Rate  string `json:"rate" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"The rate of the tier reached" example:"0.10"`
}

// CommissionEarned is commission on a sale that is no order of ours, paid from what the seller has available.
type CommissionEarned struct {
	Commission string `json:"commission" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The commission's id" example:"A1"`
	Seller     string `json:"seller" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The seller who pays it" example:"sel_toys"`
	Creator    string `json:"creator" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The creator who gets it" example:"cre_jo"`
	Currency   string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount     string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The commission" example:"1000.00"`
}

// CommissionClawback takes a part of such commission back.
type CommissionClawback struct {
	Commission string `json:"commission" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The commission's id" example:"A1"`
	Amount     string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What is taken back" example:"33.33"`
}
