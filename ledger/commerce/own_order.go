package commerce

import (
	"time"

	"mizan/ledger/money"
)

// An own order is an order as one of its payees may see it: from what the buyer paid to what each side got, by role; what of it
// is the payee's, how that was computed, and what keeps it from being paid out. It names no other payee, tells nothing of
// what the platform pays for itself, and nothing of banks.

// The sides of an order, as a payee is told them.
const (
	SideBuyer      = "buyer"       // what the buyer paid and did not get back
	SidePlatformIn = "platform_in" // discounts, bonuses and losses that the platform bears for this order
	SideYou        = "you"
	SideSeller     = "seller"
	SideCreators   = "creators" // other creators, taken together
	SideAgency     = "agency"   // the agency of the creator that looks
	SideAgencies   = "agencies" // other agencies
	SidePartners   = "partners"
	SideFees       = "fees" // what the platform takes
	SideTax        = "tax"
	SideRest       = "rest"     // everybody else together, for whoever is not the seller
	SideShipping   = "shipping" // carriers
	SideDeposit    = "deposit"  // commission that is withheld until its tier is known
	SideDonation   = "donation"
	SideOther      = "other"
)

// sideOrder is the order in which sides are told: who gives first.
var sideOrder = []string{SideBuyer, SidePlatformIn, SideYou, SideSeller, SideCreators, SideAgency, SideAgencies, SidePartners, SideFees, SideTax, SideRest, SideShipping,
	SideDeposit, SideDonation, SideOther}

// Why an order earns its payee nothing.
const (
	UnearnedSample    = "sample"    // nothing was to be paid for it
	UnearnedCancelled = "cancelled" // before it was shipped
	UnearnedRefused   = "refused"   // a parcel to be paid at the door came back
	UnearnedRefunded  = "refunded"  // everything went back to the buyer
	UnearnedDisputed  = "disputed"  // the buyer's bank took it back for good
	UnearnedMoved     = "moved"     // it was given to another creator, or nothing of it was agreed
)

// Where a share stands.
const (
	StandsEstimated = "estimated" // the order can still change it
	StandsHeld      = "held"      // a case, a dispute or a hold keeps a part of it
	StandsSettled   = "settled"   // it is the payee's
	StandsUnearned  = "unearned"  // nothing is left of it
)

// OwnOrder is what one payee has in one order. Amounts are in minor units of its currency, in the payee's favour.
type OwnOrder struct {
	Order    string
	Currency money.Currency
	// State is how far the order's money is, one of the words of Order.State; Stands says where the share is.
	State, Stands string
	// Unearned is why nothing is left, one of the Unearned words; empty if something is.
	Unearned string
	PlacedAt time.Time
	// DeliveredAt, DueAt and SettledAt are zero while nobody knows them. DueAt is when the order may settle: Days full days of the
	// book after it arrived, as the Tier agreed.
	DeliveredAt, DueAt, SettledAt time.Time
	Tier                          string
	Days                          int
	// Arrived says that the last parcel arrived.
	Arrived bool
	// RuleSet is the version of the rules that the order is frozen to.
	RuleSet string
	// Gates are the kinds of what keeps the order from settling: case, dispute, exchange, cod, edited. Each is named once.
	Gates []string
	// Paid is what the buyer paid, Returned what went back.
	Paid, Returned money.Minor
	// Sides sum to zero: what a side gave is below zero.
	Sides []OwnSide
	// Net is what the payee has by this order; Held says where the parts of it are, by the word of the bucket.
	Net  money.Minor
	Held []OwnBucket
	// ReserveUntil is when the reserve of the order ends; zero without one.
	ReserveUntil time.Time
	// Moves are what changed the share, oldest first, each with its lines, and what else became of the order. Whoever is not the seller
	// is told of that only how far the order is and what keeps it: the rest is about others. They are those of the newest 200
	// transactions; Earlier is how many came before.
	Moves   []OwnMove
	Earlier int
	// Credits is the sum of all credits of the payee's available account after the last of this order; 0 if none has come.
	Credits money.Minor
	// Goods are the order's lines, for whoever asks what a return of them would cost.
	Goods []OwnGoods
	// LastSequence is the order's last transaction.
	LastSequence int64
}

// OwnSide is what one side of an order gave or got.
type OwnSide struct {
	Side   string
	Amount money.Minor
}

// OwnBucket is a part of a share and where it is: pending, available, reserve, dispute_hold, blocked or minor_trust.
type OwnBucket struct {
	Bucket string
	Amount money.Minor
}

// OwnMove is what one transaction of the order did to a share.
type OwnMove struct {
	Sequence int64
	// Event is the transaction's event, or that of the fact which it records.
	Event      string
	OccurredAt time.Time
	RecordedAt time.Time
	// Net is what it changed the share by. Freed is what became available by it, Reserved what went into the reserve, and Frozen
	// what is held for a dispute or blocked since.
	Net, Freed, Reserved, Frozen money.Minor
	// Lines sum to Net.
	Lines []OwnLine
}

// OwnLine is one line of a share: what one rule changed it by.
type OwnLine struct {
	// Key says what it is: sale, platform_discount, tax, commission, deposit, agency, bonus, pledge, partner, fee, refund_fee, withheld,
	// beside, or other for what no rule computed.
	Key string
	// Title is the rule's own title, where rules name themselves; it is that of the contract and is not translated.
	Title string
	// Line tells several of a kind apart: the rule's id.
	Rule   string
	Amount money.Minor
	// How is how the value was computed that is reached; Before is what stood before. Both are in the payee's favour.
	How           []OwnStep
	After, Before money.Minor
}

// OwnStep is one step of a computation.
type OwnStep struct {
	// What is the step: the Key of a line, or split for one creator's part of a commission that has several. That one tells which part of
	// the base it comes to, and nothing of the others.
	What string
	Base []BaseAmount
	// Total is the base, Exact the value before rounding, and Amount what it came to.
	Total, Rate, Exact, Amount string
	Flat                       string
	Rounding                   string
	// Bound is the bound that decided: min, cap or base.
	Bound string
	// Tax is tax on a fee, in Amount or on top of it as TaxMode says.
	Tax, TaxMode string
	// Remainder is who bears what rounding leaves: seller, creator, creators, platform, buyer.
	Remainder string
	Parts     []StepPart
}

// OwnGoods is one line of an order.
type OwnGoods struct {
	Line     int
	SKU      string
	Quantity int
	Back     int
}
