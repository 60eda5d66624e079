package commerce

import "time"

// Cash on delivery (M-12): the carrier takes the buyer's cash at the door and hands it over later. Nothing is sold before
// the parcel arrives, and no payee of the order is released before the carrier has handed the cash over.

const (
	eventCODDelivered = "order.cod_delivered"
	eventRemitted     = "cod.remitted"
)

var codTypes = []EventType{
	{Name: eventRemitted, Meaning: "A carrier handed over cash that it took at the door.", New: func() EventData { return &CODRemitted{} }, Stored: func() teller { return &CODRemitted{} }},
	{Name: eventCODDelivered, Meaning: "A parcel arrived and the buyer paid the carrier in cash: the sale.", New: func() EventData { return &CODDelivered{} }},
	{Name: "order.cod_refused", Meaning: "The buyer refused a parcel to be paid at the door; it is freight both ways and no sale.", New: func() EventData { return &CODRefused{} }, Stored: func() teller { return &CODRefused{} }},
}

// CODDelivered is the sale of an order that is paid at the door, posted when the parcel arrives. It says what a capture
// says, and who took the cash instead of how the buyer paid.
type CODDelivered struct {
	Order             string         `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	Carrier           string         `json:"carrier" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Who took the cash" example:"ghn"`
	DeliveredAt       time.Time      `json:"delivered_at" format:"date-time" doc:"When the parcel arrived; the settlement clock starts with the last one" example:"2026-11-22T09:00:00Z"`
	MoreParcels       bool           `json:"more_parcels,omitempty" doc:"Whether more parcels of the order are to arrive"`
	Capture           int            `json:"capture,omitempty" minimum:"1" maximum:"1000" default:"1" doc:"1 for the first parcel or capture of the order, 2 for the next"`
	Currency          string         `json:"currency" pattern:"^[A-Z]{3}$" doc:"The order's currency; every amount is in it" example:"GBP"`
	PlacedAt          time.Time      `json:"placed_at" format:"date-time" doc:"When the order was confirmed; the rules in force then serve it for ever" example:"2026-11-20T10:00:00Z"`
	Seller            string         `json:"seller" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The seller's id" example:"sel_uk"`
	CategorySet       string         `json:"category_set,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Which set of category rates applies" example:"default"`
	LiveSession       string         `json:"live_session,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The live session that brought the sale about" example:"LS-12"`
	Channel           string         `json:"channel,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}(:[A-Za-z0-9_.-]{1,64})?$" doc:"app, web, embed:<partner>, simulcast:<brand>, shopify or import" example:"app"`
	Lines             []CapturedLine `json:"lines" nullable:"false" minItems:"1" maxItems:"200" doc:"The goods of this parcel"`
	OrderDiscounts    []Discount     `json:"order_discounts,omitempty" nullable:"false" maxItems:"20" doc:"Discounts of the whole order, allocated over its lines"`
	Shipping          *Extra         `json:"shipping,omitempty" doc:"What the buyer pays for shipping"`
	GiftWrap          *Extra         `json:"gift_wrap,omitempty" doc:"What the buyer pays for gift wrap"`
	Duty              *Duty          `json:"duty,omitempty" doc:"Duty and import tax collected for customs"`
	Creators          []Creator      `json:"creators,omitempty" nullable:"false" maxItems:"50" doc:"Who brought the sale about, with their weights"`
	CommissionRate    string         `json:"commission_rate,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"Locked by the affiliate plan; left out, the rule set's" example:"0.15"`
	CommissionDeposit string         `json:"commission_deposit_rate,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"The highest tier of a tiered plan: it is withheld as a deposit instead of the commission, until commission.deposit_released" example:"0.15"`
	Partners          []Partner      `json:"partners,omitempty" nullable:"false" maxItems:"20" doc:"Partners with a share of the sale"`
	DonationRoundUp   *RoundUp       `json:"donation_round_up,omitempty" doc:"A donation the buyer added at the checkout"`

	terms *captureTerms
}

// CODRemitted is a carrier's payment of cash that it took, with the orders it is for. What the carrier keeps for its
// service is charged to the seller of each order or borne by the platform.
type CODRemitted struct {
	Remittance  string          `json:"remittance" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payment's own id" example:"GHN-77"`
	Carrier     string          `json:"carrier" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The carrier" example:"ghn"`
	BankAccount string          `json:"bank_account" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The bank account it arrived at" example:"main"`
	Currency    string          `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency, the orders' own" example:"GBP"`
	FeePaidBy   string          `json:"fee_paid_by,omitempty" enum:"seller,platform" default:"seller" doc:"Who bears what the carrier kept"`
	Orders      []RemittedOrder `json:"orders" nullable:"false" minItems:"1" maxItems:"99" doc:"The orders it is for, each once; send a longer list as several remittances"`
}

// RemittedOrder is an order's part of a remittance.
type RemittedOrder struct {
	Order      string `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	Amount     string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"How much of what the carrier took it accounts for, with what the carrier kept" example:"44.97"`
	CarrierFee string `json:"carrier_fee,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What the carrier kept of it" example:"3.00"`
}

// CODRefused says that the buyer refused the parcel: it went out and came back, and nothing was sold.
type CODRefused struct {
	Order       string `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	Seller      string `json:"seller" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The seller, who bears the freight" example:"sel_uk"`
	Carrier     string `json:"carrier" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The carrier" example:"ghn"`
	Currency    string `json:"currency" pattern:"^[A-Z]{3}$" doc:"The freight's currency" example:"GBP"`
	FreightOut  string `json:"freight_out,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"Freight to the buyer" example:"6.00"`
	FreightBack string `json:"freight_back,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"Freight back to the seller" example:"6.00"`
	Reason      string `json:"reason,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why, in your words" example:"not_at_home"`
}
