package commerce

import "time"

// Imported orders: sales of other marketplaces and shops. Their cash is the merchant's and never passes our accounts; what
// is ours is the commission that the seller owes to creators and to us (S4). And imported settlements: what another
// marketplace says it paid, transaction by transaction (W-27).

var importTypes = []EventType{
	{Name: "import.order_paid", Meaning: "An order of a shop elsewhere was paid; the seller owes its creators' commission and our fee.",
		New: func() EventData { return &ImportedOrderPaid{} }, Stored: func() teller { return &importedSale{} }},
	{Name: "import.refund_created", Meaning: "Goods of such an order went back; commission and fee are computed again.",
		New: func() EventData { return &ImportedRefund{} }, Stored: func() teller { return &importedReturn{} }},
	{Name: "import.settlement_line", Meaning: "A marketplace settled one transaction, as its statement says.",
		New: func() EventData { return &ImportedSettlement{} }, Stored: func() teller { return &importedSettlement{} }},
}

var importOwnTypes = []EventType{
	{Name: eventImportReleased, Meaning: "What the creators of an imported order earned becomes available.", New: func() EventData { return &importReleased{} }},
}

var importParts map[string]string

const eventImportReleased = "import.released"

// When the creators' share of an imported order becomes available.
const (
	releaseOnWindow   = "on_window"
	releaseWhenFunded = "when_funded"
)

// ImportedOrderPaid says that an order of a shop elsewhere was paid to the merchant.
type ImportedOrderPaid struct {
	Order          string         `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id, unique among imported orders of the book" example:"shopify.1001"`
	Source         string         `json:"source" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Where it was sold" example:"shopify"`
	Seller         string         `json:"seller" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The seller who pays commission and fee" example:"sel_shopify"`
	Currency       string         `json:"currency" pattern:"^[A-Z]{3}$" doc:"The order's currency; every amount is in it" example:"USD"`
	PaidAt         time.Time      `json:"paid_at" format:"date-time" doc:"When it was paid; rates that are left out are those in force then" example:"2026-11-10T10:00:00Z"`
	Lines          []ImportedLine `json:"lines" nullable:"false" minItems:"1" maxItems:"500" doc:"What commission is computed on, line by line"`
	Creators       []Creator      `json:"creators,omitempty" nullable:"false" maxItems:"50" doc:"Who brought the sale about, with their weights"`
	CommissionRate string         `json:"commission_rate,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"Locked by the affiliate plan; left out, the rule set's" example:"0.08"`
	PlatformRate   string         `json:"platform_rate,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"Our fee by contract; left out, the rule set's referral fee" example:"0.02"`
	Release        string         `json:"release,omitempty" enum:"on_window,when_funded" default:"when_funded" doc:"on_window: the creators are released when the window ends; when_funded: not while the seller is below zero"`
	WindowDays     int            `json:"return_window_days,omitempty" minimum:"1" maximum:"365" doc:"Days after payment before which nothing is released; left out, whoever releases decides"`
	LiveSession    string         `json:"live_session,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The live session that brought the sale about" example:"LS-12"`

	sale importedSale
}

// ImportedLine is a line of an imported order.
type ImportedLine struct {
	Line   string `json:"line" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The line's id at the source" example:"1"`
	Amount string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"Goods after discounts, without shipping and tax" example:"63.00"`
}

// ImportedRefund says that goods of an imported order went back and the merchant gave the money back.
type ImportedRefund struct {
	Order  string         `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"shopify.1001"`
	Refund string         `json:"refund" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The refund's id, unique in the order" example:"R-1"`
	Lines  []ImportedLine `json:"lines" nullable:"false" minItems:"1" maxItems:"500" doc:"What went back of each line, in the same measure as the order's lines"`
}

// ImportedSettlement is one transaction of a marketplace's statement. Deductions are negative, as statements write them.
type ImportedSettlement struct {
	Statement    string          `json:"statement" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The statement's id" example:"ST-7"`
	Transaction  string          `json:"transaction" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The transaction's id, unique in the channel; an order has several" example:"T-1"`
	Role         string          `json:"role" enum:"platform,bookkeeper,attribution" doc:"platform: the marketplace is ours; bookkeeper: this is the seller's own book; attribution: a foreign marketplace's, kept as a fact that posts nothing"`
	Channel      string          `json:"channel" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The marketplace" example:"tiktok"`
	Seller       string          `json:"seller" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The seller it settles" example:"sel_toys"`
	Currency     string          `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Order        string          `json:"order,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The marketplace's order" example:"576"`
	Settlement   string          `json:"settlement_amount" pattern:"^-?(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What the transaction settles; the amounts that count must come to it" example:"81.00"`
	Amounts      []SettledAmount `json:"amounts" nullable:"false" minItems:"1" maxItems:"100" doc:"The statement's fields that are not zero"`
	Processor    string          `json:"processor,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"As platform: the account at the processor that collected the sale" example:"main"`
	Carrier      string          `json:"carrier,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"As platform: who carried it" example:"usps"`
	Creator      string          `json:"creator,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"As platform: who earned the affiliate commission" example:"cre_amy"`
	Agency       string          `json:"agency,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"As platform: who earned the partner commission" example:"mcn_ldn"`
	Jurisdiction string          `json:"jurisdiction,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Whose taxes they are; left out, the book's market" example:"US"`

	settled importedSettlement
}

// SettledAmount is one field of the statement.
type SettledAmount struct {
	Field  string `json:"field" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The field's name, as the handbook lists them" example:"platform_commission"`
	Amount string `json:"amount" pattern:"^-?(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"Its amount; a deduction is negative" example:"-6.00"`
}
