package commerce

import "time"

// order.captured: the buyer's payment for an order, or for a part of it, was captured. Who is owed what follows from the
// rules in force when the order was placed; the seller gets what the others leave (domain 4.1 rule 4). Several captures
// of one order post the difference each makes to the whole (A-07, M-05).

// OrderCaptured is one capture of an order, with the lines of this capture only.
type OrderCaptured struct {
	Order    string    `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	Capture  int       `json:"capture,omitempty" minimum:"1" maximum:"1000" default:"1" doc:"1 for the first capture of the order, 2 for the next"`
	Currency string    `json:"currency" pattern:"^[A-Z]{3}$" doc:"The order's currency; every amount is in it" example:"GBP"`
	PlacedAt time.Time `json:"placed_at" format:"date-time" doc:"When the order was confirmed; the rules in force then serve it for ever" example:"2026-11-20T10:00:00Z"`
	Seller   string    `json:"seller" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The seller's id" example:"sel_uk"`
	// CategorySet chooses among the rates of categories.
	CategorySet       string         `json:"category_set,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Which set of category rates applies" example:"default"`
	LiveSession       string         `json:"live_session,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The live session that brought the sale about" example:"LS-12"`
	Channel           string         `json:"channel,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}(:[A-Za-z0-9_.-]{1,64})?$" doc:"app, web, embed:<partner>, simulcast:<brand>, shopify or import" example:"app"`
	Lines             []CapturedLine `json:"lines" nullable:"false" minItems:"1" maxItems:"200" doc:"The goods of this capture"`
	OrderDiscounts    []Discount     `json:"order_discounts,omitempty" nullable:"false" maxItems:"20" doc:"Discounts of the whole order, allocated over its lines"`
	Shipping          *Extra         `json:"shipping,omitempty" doc:"What the buyer pays for shipping"`
	GiftWrap          *Extra         `json:"gift_wrap,omitempty" doc:"What the buyer pays for gift wrap"`
	Duty              *Duty          `json:"duty,omitempty" doc:"Duty and import tax collected for customs"`
	Creators          []Creator      `json:"creators,omitempty" nullable:"false" maxItems:"50" doc:"Who brought the sale about, with their weights"`
	CommissionRate    string         `json:"commission_rate,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"Locked by the affiliate plan; left out, the rule set's" example:"0.15"`
	CommissionDeposit string         `json:"commission_deposit_rate,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"The highest tier of a tiered plan: it is withheld as a deposit instead of the commission, until commission.deposit_released" example:"0.15"`
	Partners          []Partner      `json:"partners,omitempty" nullable:"false" maxItems:"20" doc:"Partners with a share of the sale"`
	DonationRoundUp   *RoundUp       `json:"donation_round_up,omitempty" doc:"A donation the buyer added at the checkout"`
	Payments          []Payment      `json:"payments,omitempty" nullable:"false" maxItems:"20" doc:"How the buyer paid; the sum is what the lines say"`

	terms *captureTerms
}

// CapturedLine is one line of goods.
type CapturedLine struct {
	Line      int        `json:"line" minimum:"1" maximum:"100000" doc:"The line's number in the order"`
	SKU       string     `json:"sku" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The article" example:"SKU-9"`
	Category  string     `json:"category,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The category, where rates depend on it" example:"fashion"`
	Quantity  int        `json:"quantity" minimum:"1" maximum:"1000000" doc:"How many units"`
	UnitPrice string     `json:"unit_price" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The list price of one" example:"24.99"`
	Discounts []Discount `json:"discounts,omitempty" nullable:"false" maxItems:"20" doc:"Discounts of this line"`
	Tax       []LineTax  `json:"tax,omitempty" nullable:"false" maxItems:"10" doc:"The tax as the checkout computed it"`
}

// Discount is an amount off, with who pays for it.
type Discount struct {
	Funder        string `json:"funder" enum:"seller,platform,cofunded" doc:"Who pays for it"`
	Amount        string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What it takes off" example:"5.00"`
	PlatformShare string `json:"platform_share,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"The platform's part of a cofunded discount" example:"0.4"`
}

// LineTax is an amount of tax with who owes it.
type LineTax struct {
	Jurisdiction string `json:"jurisdiction" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Whose tax it is; a part of the account's name" example:"UK"`
	Kind         string `json:"kind" enum:"sales,vat,gst,sst" doc:"The kind of tax"`
	OwedBy       string `json:"owed_by" enum:"seller,platform" doc:"Who owes it to the authority; VAT that the platform owes, also at a rate of zero, says that the seller is a business abroad"`
	Amount       string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The tax" example:"0.00"`
	Included     bool   `json:"included,omitempty" doc:"The prices include it"`
}

// Extra is shipping or gift wrap: a line of its own.
type Extra struct {
	Amount string    `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"Its price" example:"2.99"`
	Tax    []LineTax `json:"tax,omitempty" nullable:"false" maxItems:"10" doc:"The tax on it"`
}

// Duty is duty and import tax collected at the checkout for customs or the carrier (M-14).
type Duty struct {
	Jurisdiction string `json:"jurisdiction" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Whose customs" example:"UK"`
	Amount       string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The duty" example:"12.00"`
}

// Creator is one creator of a sale.
type Creator struct {
	Creator string  `json:"creator" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The creator's id" example:"cre_amy"`
	Weight  string  `json:"weight,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" default:"1" doc:"The creator's weight among the creators"`
	Agency  *Agency `json:"agency,omitempty" doc:"The creator's agency, if there is one"`
}

// Agency is a creator's agency and its share of the creator's gross commission.
type Agency struct {
	ID     string `json:"id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The agency's id" example:"mcn_ldn"`
	Share  string `json:"share" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"Its part of the creator's gross commission" example:"0.30"`
	PaidBy string `json:"paid_by,omitempty" enum:"creator,seller,platform" default:"creator" doc:"creator: out of the commission; seller or platform: on top of it"`
}

// Partner is a partner of a sale, such as live technology or a publisher.
type Partner struct {
	Partner string `json:"partner" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The partner's id" example:"livetech"`
	Role    string `json:"role" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"What the partner does; the rules may have a rate for it" example:"live_tech"`
	Rate    string `json:"rate,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"Left out, the rule set's for the role" example:"0.03"`
}

// RoundUp is a donation rounded up at the checkout.
type RoundUp struct {
	Beneficiary string `json:"beneficiary" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Who it is for" example:"ngo_a"`
	Campaign    string `json:"campaign" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The campaign" example:"winter24"`
	Amount      string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The donation" example:"0.40"`
}

// Payment is one tender of the buyer's: a payment at a processor, a gift card or store credit.
type Payment struct {
	Processor   string `json:"processor,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	PaymentID   string `json:"payment_id,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The processor's id of the payment" example:"pi_1"`
	GiftCard    string `json:"gift_card,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The gift card that pays" example:"gc_1"`
	StoreCredit string `json:"store_credit,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The buyer whose store credit pays" example:"buyer_1"`
	Amount      string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What this payment paid" example:"44.97"`
}
