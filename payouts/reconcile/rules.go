package reconcile

import (
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Rules are the tolerances, times and limits by which a book is reconciled. They are dated versions; a run names the one that it
// went by.

// ErrRulesInvalid means that rules do not hold together.
var ErrRulesInvalid = fault.New(fault.Invalid, "recon-rules-invalid", "These rules of reconciliation cannot be used.")

// Rules is a version of the rules.
type Rules struct {
	// Version is 0 for the rules that are shipped.
	Version   int       `json:"-"`
	ValidFrom time.Time `json:"-"`
	// FeeTrueUp is the most by which a processor's fee may differ from its estimate and be corrected by itself, by currency in
	// minor units; the currency "" stands for all others. 0 is never.
	FeeTrueUp map[money.Currency]money.Minor `json:"fee_true_up"`
	// TrueUpLimit bounds what one run corrects by itself in a currency; what is above waits for people.
	TrueUpLimit map[money.Currency]money.Minor `json:"true_up_limit"`
	// FxTolerance is the most minor units by which a converted amount may differ and be the rate's rounding.
	FxTolerance money.Minor `json:"fx_tolerance"`
	// Suspend says whether what a processor or a bank shows and the books do not have is put into suspense by the run that finds it.
	Suspend bool `json:"suspend"`
	// SuspendLimit bounds what one run puts into suspense in a currency.
	SuspendLimit map[money.Currency]money.Minor `json:"suspend_limit"`
	// Land says whether own money that a bank statement shows as arrived is booked as landed by itself.
	Land bool `json:"land"`
	// WindowDays is how many days a bank's line and an entry may lie apart when they are matched by amount.
	WindowDays int `json:"window_days"`
	// MostParts bounds the members of a sum that is looked for.
	MostParts int `json:"most_parts"`
	// ProcessorDays, BankDays and ChannelDays are the days within which the other side is expected to show what the books have.
	ProcessorDays int `json:"processor_days"`
	BankDays      int `json:"bank_days"`
	ChannelDays   int `json:"channel_days"`
	// LedgerDays is how long the books may take to have what the other side shows, before it is a break that waits in suspense; 0
	// is the run that finds it.
	LedgerDays int `json:"ledger_days"`
	// TransitDays is after how many banking days an unconfirmed payout is stale.
	TransitDays int `json:"transit_days"`
	// Ageing are the upper ends of the age classes in days; what is older is in the last one.
	Ageing []int `json:"ageing"`
	// SuspenseBlocksAfter is the age in days from which suspense keeps a month from closing.
	SuspenseBlocksAfter int `json:"suspense_blocks_after"`
	// Owners names the team that a class of breaks belongs to when it is found; the class "" stands for all others.
	Owners map[Class]string `json:"owners"`
}

// Shipped are the rules of a book that has activated none.
func Shipped() Rules {
	return Rules{
		FeeTrueUp: map[money.Currency]money.Minor{"": 2}, TrueUpLimit: map[money.Currency]money.Minor{"": 10_000},
		FxTolerance: 1, Suspend: true, SuspendLimit: map[money.Currency]money.Minor{"": 100_000_00}, Land: true,
		WindowDays: 3, MostParts: 8, ProcessorDays: 1, BankDays: 3, ChannelDays: 30, LedgerDays: 0, TransitDays: 5,
		Ageing: []int{1, 7, 30}, SuspenseBlocksAfter: 30,
		Owners: map[Class]string{"": "finance", FeeDiffers: "payments", UnknownReceipt: "treasury", StaleInTransit: "payouts", PayoutReturned: "payouts"},
	}
}
