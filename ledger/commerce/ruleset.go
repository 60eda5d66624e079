package commerce

import (
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A rule set is everything that Mizan decides about money in one market from one moment on: fees, commissions, shares and
// withholding as rules, and the policies of settlement, disputes and failed payments. It is data (domain facts 0.4), dated
// and versioned, and never changes once it is in force: a correction is the next version.

// RuleSet is one version of a market's rules. A parsed one has passed Check and must not be changed.
type RuleSet struct {
	// Set and Version name it for ever; ID joins them.
	Set     string `json:"set"`
	Version int    `json:"version"`
	// Market is the country code of the books it serves.
	Market string `json:"market"`
	// ValidFrom is the first instant at which it is in force, until the next version's.
	ValidFrom time.Time `json:"valid_from"`
	Title     string    `json:"title"`
	// Researched says that its values come from the sources named. A set that is not must be signed to be used.
	Researched bool       `json:"researched"`
	Signature  *Signature `json:"signature,omitempty"`
	// Sources explains the source marks of the rules.
	Sources  []Source `json:"sources,omitempty"`
	Rules    []Rule   `json:"rules"`
	Policies Policies `json:"policies"`
}

// Signature names who answers for a set's values.
type Signature struct {
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	Document string    `json:"document"`
}

// Source is where a value was found.
type Source struct {
	ID string `json:"id"`
	// Trust is O (official), P (press or professional), T (third party) or A (an assumption).
	Trust string `json:"trust"`
	Text  string `json:"text"`
}

// RuleKind says what part a rule plays in the calculation sheet.
type RuleKind string

// The kinds of rules, in the order of the calculation sheet (errata part 4).
const (
	// RuleFee is a fee of the platform's that the seller pays.
	RuleFee RuleKind = "fee"
	// RuleCommission is the gross commission of the creators; the order's own locked rate takes precedence.
	RuleCommission RuleKind = "commission"
	// RuleAgency bounds and rounds the agencies' shares of a creator's gross commission; the share is the order's.
	RuleAgency RuleKind = "agency"
	// RulePartner is what a partner in a role (live technology, publisher) gets; the order may name another rate.
	RulePartner RuleKind = "partner"
	// RuleWithholding is tax withheld from a seller or creator.
	RuleWithholding RuleKind = "withholding"
	// RuleRefundFee is charged to the seller on what a fee rule gives back.
	RuleRefundFee RuleKind = "refund_fee"
	// RuleCharge gives the tax treatment of a recorded charge, such as storage.
	RuleCharge RuleKind = "charge"
)

// Component is a part of what an order's lines are made of.
type Component uint8

// The components of a base. Donations, tips, deposits and stored value are not among them: they are never in a base.
const (
	GoodsList Component = iota
	SellerDiscount
	PlatformDiscount
	Shipping
	GiftWrap
	TaxAdded
	TaxIncluded
	components // how many there are
)

// Term is a component with its sign: "goods_list", "-seller_discount".
type Term struct {
	Component Component
	Negative  bool
}

// Base is what a rate applies to.
type Base struct {
	Components []Term `json:"components,omitempty"`
	// Tax is exclude (the default: tax inside the prices is taken out, W-24) or include (tax inside stays, tax on top is
	// added), for the parts that are in the base.
	Tax string `json:"tax,omitempty"`
	// Of names another rule's value instead of components: before_agency or after_agency for a creator's withholding
	// a fee's id for a refund fee.
	Of string `json:"of,omitempty"`
}

// Amounts are amounts of money by currency.
type Amounts map[money.Currency]money.Minor

// CategoryRate is the rate of one category of goods, of one category set if Set is not empty.
type CategoryRate struct {
	Set      string     `json:"category_set,omitempty"`
	Category string     `json:"category"`
	Rate     money.Rate `json:"rate"`
}

// Tax is how a fee and the tax on it belong together (W-23, M-15).
type Tax struct {
	// Mode is inclusive (the tax is inside the fee), exclusive (on top), reverse_charge or out_of_scope.
	Mode string         `json:"mode"`
	Rate money.Rate     `json:"rate"`
	To   ledger.Address `json:"to,omitempty"`
	// Rounding rounds the tax; the net is the remainder.
	Rounding money.Rounding `json:"rounding"`
	// ReverseChargeWhen is "deemed_supplier" if sales for which the platform owes the VAT bear no tax on fees, because
	// their seller is a business abroad (M-15, S6); otherwise empty.
	ReverseChargeWhen string `json:"reverse_charge_when,omitempty"`
}

// Rule is one rule of a set. Which fields it uses depends on its kind.
type Rule struct {
	// ID is unique in the set and stable across versions.
	ID    string   `json:"id"`
	Kind  RuleKind `json:"kind"`
	Title string   `json:"title"`
	// To is the account that receives the value of a fee, withholding or refund fee.
	To ledger.Address `json:"to,omitempty"`
	// Party is who a withholding is taken from: seller or creator.
	Party string `json:"party,omitempty"`
	// Role is the partner's role.
	Role string `json:"role,omitempty"`
	// Event is the kind of the charge.
	Event string     `json:"event,omitempty"`
	Base  Base       `json:"base,omitzero"`
	Rate  money.Rate `json:"rate,omitzero"`
	// Rates are the rates of categories that differ from Rate.
	Rates []CategoryRate `json:"rates,omitempty"`
	// Flat is charged once per order. Min and Cap bound the rounded value.
	Flat Amounts `json:"flat,omitempty"`
	Min  Amounts `json:"min,omitempty"`
	Cap  Amounts `json:"cap,omitempty"`
	// Granularity is order (the default) or line: where the value is rounded.
	Granularity string         `json:"granularity,omitempty"`
	Rounding    money.Rounding `json:"rounding"`
	Tax         *Tax           `json:"tax,omitempty"`
	// OnRefund is recompute, keep or charge. Empty means recompute, and keep for a rule with a flat amount only.
	OnRefund string `json:"on_refund,omitempty"`
	// MaxShare is the largest share an agency may have of a creator's gross commission.
	MaxShare money.Rate `json:"max_share,omitzero"`
	// Moment is when a withholding is taken: capture.
	Moment string `json:"moment,omitempty"`
	// Remainder says who bears what rounding leaves; for readers.
	Remainder string `json:"remainder,omitempty"`
	// Source is the id of a source of the set.
	Source string `json:"source"`
}

// Policies are the parameters of a market beside its rules (domain 6).
type Policies struct {
	Settlement     SettlementPolicy `json:"settlement"`
	Dispute        DisputePolicy    `json:"dispute"`
	PaymentFailure FailurePolicy    `json:"payment_failure"`
}

// SettlementPolicy says when an order's money becomes available and how much is kept in reserve.
type SettlementPolicy struct {
	// Tiers are days from delivery by the tier's name; one day is added (DD+N+1).
	Tiers map[string]int `json:"tiers"`
	// Tier is the one that orders get unless their seller has another.
	Tier string `json:"tier"`
	// ReserveRate and ReserveDays are the seller's rolling reserve; zero for none.
	ReserveRate money.Rate `json:"reserve_rate"`
	ReserveDays int        `json:"reserve_days"`
}

// DisputePolicy says who bears a lost dispute (domain 6, W-26, A-17, A-18).
type DisputePolicy struct {
	// PlatformReasons are the reasons for which the platform is liable; for all others the seller is.
	PlatformReasons []string `json:"platform_reasons"`
	// NoTaxRelief says that a lost dispute does not reduce the tax owed, so that the seller bears it.
	NoTaxRelief bool `json:"no_tax_relief"`
	// FeeRecovery is net (credits the dispute fees) or gross (credits handling revenue).
	FeeRecovery string `json:"fee_recovery"`
	// HoldCreators says that creators, agencies and partners are held too while a settled order is disputed.
	HoldCreators bool `json:"hold_creators"`
	// DoublePayment is who bears what the buyer got twice: platform or seller.
	DoublePayment string `json:"double_payment"`
}

// FailurePolicy says who bears a payment that failed after shipment (M-06): platform or seller.
type FailurePolicy struct {
	Liability string `json:"liability"`
}
