package commerce

// Coins: what viewers buy to give. Unspent coins are owed to the viewers; a store collects for them and keeps its fee.

// CoinsPurchased is a purchase of coins, net of tax that the store collects (C-06).
type CoinsPurchased struct {
	Purchase  string `json:"purchase" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The purchase's id" example:"CP-1"`
	Store     string `json:"store,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The app store; either this or a processor" example:"apple"`
	Processor string `json:"processor,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"For coins bought on the web: the account at the processor" example:"main"`
	PaymentID string `json:"payment_id,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The processor's payment" example:"pi_c1"`
	Currency  string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount    string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The price without tax that the store collects" example:"106.00"`
	StoreFee  string `json:"store_fee,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The store's fee, if it is known; otherwise send appstore.fee_recorded" example:"31.80"`
}

// StoreFeeRecorded is a store's fee that came apart from the purchases.
type StoreFeeRecorded struct {
	Store    string `json:"store" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The app store" example:"apple"`
	Purchase string `json:"purchase,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The purchase that it is for; left out, for many" example:"CP-1"`
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" doc:"The fee's currency" example:"USD"`
	Amount   string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The fee" example:"31.80"`
	Document string `json:"document,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The store's statement" example:"AP-2026-11"`
}

// StoreSettled is a store's transfer to our bank.
type StoreSettled struct {
	Store       string `json:"store" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The app store" example:"apple"`
	BankAccount string `json:"bank_account" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The bank account it reached" example:"main"`
	Currency    string `json:"currency" pattern:"^[A-Z]{3}$" doc:"The transfer's currency" example:"USD"`
	Amount      string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What arrived" example:"74.20"`
	Document    string `json:"document,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The store's statement" example:"AP-2026-11"`
}

// CoinsExpired lets coins lapse that nobody used.
type CoinsExpired struct {
	Expiry   string `json:"expiry" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The expiry's id" example:"EX-1"`
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" doc:"The currency that the coins were bought in" example:"USD"`
	Amount   string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What the coins are worth" example:"4.00"`
}

// CoinsRefunded undoes a purchase of coins, first the gifts that it paid for (W-04, A-29).
type CoinsRefunded struct {
	Purchase        string   `json:"purchase" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The purchase's id" example:"CP-1"`
	Gifts           []string `json:"gifts,omitempty" nullable:"false" maxItems:"50" doc:"The gifts that it paid for, as a check; left out, they are found" example:"[\"G-1\"]"`
	Clawback        string   `json:"clawback,omitempty" enum:"creator,platform" default:"creator" doc:"Who bears the gifts: everybody who got something of them, or the platform"`
	PaymentRefundID string   `json:"payment_refund_id,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The processor's id of the refund" example:"re_c1"`
}

// CoinsDisputed says that the buyer's bank took the payment for coins bought on the web back (M-17).
type CoinsDisputed struct {
	Purchase string   `json:"purchase" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The purchase's id" example:"CP-1"`
	Dispute  string   `json:"dispute" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The processor's id of the dispute" example:"dp_c1"`
	Fee      string   `json:"fee,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What the processor charges for it" example:"15.00"`
	Gifts    []string `json:"gifts,omitempty" nullable:"false" maxItems:"50" doc:"The gifts that the purchase paid for, as a check; left out, they are found" example:"[\"G-1\"]"`
	Clawback string   `json:"clawback,omitempty" enum:"creator,platform" default:"creator" doc:"Who bears the gifts: everybody who got something of them, or the platform"`
}
