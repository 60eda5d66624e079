package commerce

// Gifts: what viewers give to creators in coins, and what the platform keeps of it.

var giftTypes = []EventType{
	{Name: "appstore.fee_recorded", Meaning: "An app store took its fee for sales of coins.", New: func() EventData { return &StoreFeeRecorded{} }},
	{Name: "appstore.settled", Meaning: "An app store paid what it had collected for coins.", New: func() EventData { return &StoreSettled{} }},
	{Name: "coins.disputed", Meaning: "A payment for coins was taken back by the buyer's bank.", New: func() EventData { return &CoinsDisputed{} }, Stored: func() teller { return &coinsDisputed{} }},
	{Name: "coins.expired", Meaning: "Coins nobody used lapsed, where the law allows it.", New: func() EventData { return &CoinsExpired{} }},
	{Name: "coins.purchase_refunded", Meaning: "A purchase of coins was undone, with the gifts it paid for.", New: func() EventData { return &CoinsRefunded{} }, Stored: func() teller { return &coinsRefunded{} }},
	{Name: "coins.purchased", Meaning: "A viewer bought coins, in an app store or on the web.", New: func() EventData { return &CoinsPurchased{} }},
	{Name: "gift.reversed", Meaning: "A gift was undone; its coins are unspent again.", New: func() EventData { return &GiftReversed{} }},
	{Name: "gift.sent", Meaning: "A viewer gave coins to a creator.", New: func() EventData { return &GiftSent{} }, Stored: func() teller { return &giftSent{} }},
	{Name: "gift.trued_up", Meaning: "A creator earned a higher share of a gift than was estimated.", New: func() EventData { return &GiftTruedUp{} }, Stored: func() teller { return &giftTruedUp{} }},
	{Name: "subscription.charged", Meaning: "A viewer paid a subscription to a creator, for a month or a year.", New: func() EventData { return &SubscriptionCharged{} }, Stored: func() teller { return &subscriptionCharged{} }},
	{Name: "subscription.earned", Meaning: "A month of a yearly subscription has been served.", New: func() EventData { return &SubscriptionEarned{} }, Stored: func() teller { return &subscriptionEarned{} }},
	{Name: "subscription.refunded", Meaning: "A subscription, or what was left of a yearly one, went back to the viewer.", New: func() EventData { return &SubscriptionRefunded{} }},
	{Name: "tip.refunded", Meaning: "A tip went back to the viewer.", New: func() EventData { return &TipRefunded{} }},
	{Name: "tip.sent", Meaning: "A viewer gave a creator money.", New: func() EventData { return &TipSent{} }, Stored: func() teller { return &tipSent{} }},
}

var giftOwnTypes = []EventType{
	{Name: eventReleased, Meaning: "What a creator earned without an order is available.", New: func() EventData { return &released{} }, Stored: func() teller { return &releasedKept{} }},
	{Name: eventSplit, Meaning: "What a payee had available was divided by a standing order.", New: func() EventData { return &Split{} }, Stored: func() teller { return &Split{} }},
}

var giftParts = map[string]string{
	"appstore.fee_reversed":      "The app store gave its fee back.",
	"gift.agency_bonus":          "The platform paid the creator's agency a bonus for a gift.",
	eventReduced:                 "A part of a gift was undone, with the purchase that paid for it.",
	"gift.agency_bonus_reversed": "The agency's bonus for a gift was taken back.",
}

// GiftSent is a gift of coins to a creator, at the share of the moment.
type GiftSent struct {
	Gift        string      `json:"gift" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The gift's id" example:"G-1"`
	Creator     string      `json:"creator" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The creator who gets it" example:"cre_camp"`
	LiveSession string      `json:"live_session,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The live session it was given in" example:"LS-3"`
	Currency    string      `json:"currency" pattern:"^[A-Z]{3}$" doc:"The currency that the coins were bought in" example:"USD"`
	Amount      string      `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What the coins are worth" example:"106.00"`
	Share       string      `json:"share" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"The creator's share, rounded up in the creator's favour" example:"0.3116"`
	Agency      *GiftAgency `json:"agency,omitempty" doc:"The creator's agency"`
	Solicited   bool        `json:"solicited,omitempty" doc:"Whether the gift was asked for on behalf of people in need; no agency then takes a share"`
	HoldDays    int         `json:"hold_days,omitempty" minimum:"0" maximum:"365" default:"0" doc:"More than 0: the earnings wait until they are released"`
}

// GiftAgency is an agency's part in a gift.
type GiftAgency struct {
	ID     string `json:"id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The agency" example:"mcn_ldn"`
	Share  string `json:"share" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"Paid by the creator, of the creator's part; paid by the platform, of the gift's value" example:"0.05"`
	PaidBy string `json:"paid_by" enum:"creator,platform" doc:"Who pays it"`
}

// GiftTruedUp raises the share of a gift, once (M-21).
type GiftTruedUp struct {
	Gift  string `json:"gift" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The gift's id" example:"G-1"`
	Share string `json:"share" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"The share really earned" example:"0.53"`
}

// GiftReversed undoes a gift (W-04).
type GiftReversed struct {
	Gift     string `json:"gift" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The gift's id" example:"G-1"`
	Clawback string `json:"clawback,omitempty" enum:"creator,platform" default:"creator" doc:"creator: everybody gives back what the gift gave; platform: the platform bears it"`
}
