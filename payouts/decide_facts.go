package payouts

import (
	"time"

	"mizan/ledger/money"
)

// The facts a decision rests on. They are stored with it, so that anybody can decide again and get the same. All amounts
// are in minor units of the payee's currency, decimal strings in JSON (decide_json.go), and instants are UTC.

// What started a run.
const (
	TriggerScheduled = "scheduled"
	TriggerManual    = "manual"
	TriggerOnDemand  = "on_demand"
	TriggerRetry     = "retry"
	TriggerClosing   = "closing"
)

// The states of a payee.
const (
	PayeeOpen    = "open"
	PayeeClosing = "closing"
	PayeeClosed  = "closed"
)

// The states of a destination.
const (
	DestinationPending  = "pending"
	DestinationActive   = "active"
	DestinationDisabled = "disabled"
)

// What the check of a destination's holder came to.
const (
	NameMatches  = "match"
	NameClose    = "close"
	NameMismatch = "mismatch"
	NameUnknown  = "unknown"
)

// How far a payee's identity is verified.
const (
	IdentityUnverified = "unverified"
	IdentityPending    = "pending"
	IdentityVerified   = "verified"
	IdentityRejected   = "rejected"
)

// The kinds of a hold.
const (
	// HoldPause stops payouts until a person ends it.
	HoldPause = "pause"
	// HoldBlock stops every use of the payee's money, by law or court.
	HoldBlock = "block"
)

// Inputs is everything that Decide looks at.
type Inputs struct {
	Run          RunFacts          `json:"run"`
	Payee        PayeeFacts        `json:"payee"`
	Balances     BalanceFacts      `json:"balances"`
	Next         NextFacts         `json:"next,omitzero"`
	Destination  *DestinationFacts `json:"destination,omitempty"`
	Guardian     *GuardianFacts    `json:"guardian,omitempty"`
	Verification VerifiedFacts     `json:"verification"`
	Holds        []HoldFacts       `json:"holds,omitempty"`
	Debt         DebtFacts         `json:"debt,omitzero"`
	RetryOf      *RetryFacts       `json:"retry_of,omitempty"`
	// Unit is the smallest step of an amount that can be paid out in the payee's currency.
	Unit money.Minor `json:"unit"`
}

// RunFacts says for which run the decision is made.
type RunFacts struct {
	ID      string `json:"id"`
	Trigger string `json:"trigger"`
	// ByHand is whether somebody of the staff asked for this payout: neither the payee, nor a program, nor the schedule.
	ByHand bool   `json:"by_hand,omitempty"`
	Method string `json:"method"`
	// Wanted is the amount asked for, without its fee; 0 asks for everything.
	Wanted money.Minor `json:"wanted,omitempty"`
	// CutoffAt is the instant before which money must have become available; DecidedAt is when the decision is made.
	CutoffAt  time.Time `json:"cutoff_at"`
	DecidedAt time.Time `json:"decided_at"`
	// LocalDate is the run's day in the policy's time zone, "2026-03-02".
	LocalDate string `json:"local_date"`
	// NextAt is the start of the payee's next run after this one, by Policy.NextRun. It is a fact and not computed here, so
	// that a later change of a zone's clocks does not change a decision that was made.
	NextAt time.Time `json:"next_at,omitzero"`
}

// PayeeFacts says who is to be paid.
type PayeeFacts struct {
	Kind     string         `json:"kind"`
	ID       string         `json:"id"`
	Currency money.Currency `json:"currency"`
	Country  string         `json:"country,omitempty"`
	// Registered is whether the payee is known at all; one that nobody registered earns all the same.
	Registered bool `json:"registered"`
	// SelfOwned is whether the payee is the platform itself, which never pays itself (bad input N08).
	SelfOwned bool   `json:"self_owned,omitempty"`
	State     string `json:"state"`
	Minor     bool   `json:"minor,omitempty"`
	// TaxForm is whether the tax form that its country asks for is on file.
	TaxForm bool `json:"tax_form,omitempty"`
}

// BalanceFacts is the payee's money by the bucket it is in.
type BalanceFacts struct {
	Pending money.Minor `json:"pending,omitempty"`
	// AvailableAtCutoff and AvailableNow may be below zero. The smaller of them can be paid.
	AvailableAtCutoff money.Minor `json:"available_at_cutoff,omitempty"`
	AvailableNow      money.Minor `json:"available_now,omitempty"`
	Reserve           money.Minor `json:"reserve,omitempty"`
	DisputeHold       money.Minor `json:"dispute_hold,omitempty"`
	Blocked           money.Minor `json:"blocked,omitempty"`
	MinorTrust        money.Minor `json:"minor_trust,omitempty"`
	InTransit         money.Minor `json:"in_transit,omitempty"`
}

// NextFacts is when waiting money is known to become available; zero is not known.
type NextFacts struct {
	SettlementAt time.Time `json:"settlement_at,omitzero"`
	ReleaseAt    time.Time `json:"release_at,omitzero"`
}

// DestinationFacts is where the money would go. It has nothing that identifies a bank account.
type DestinationFacts struct {
	ID         string           `json:"id"`
	State      string           `json:"state"`
	Rail       string           `json:"rail"`
	Currencies []money.Currency `json:"currencies,omitempty"`
	// ActiveSince is when it became usable, CoolingUntil the first instant after its cooling-off, by Policy.CoolingOffEnds.
	ActiveSince  time.Time `json:"active_since,omitzero"`
	CoolingUntil time.Time `json:"cooling_until,omitzero"`
	NameMatch    string    `json:"name_match"`
	// First is whether nothing was paid to it yet.
	First bool `json:"first,omitempty"`
	// DisabledFor is the code of the reason for which it is disabled.
	DisabledFor string `json:"disabled_for,omitempty"`
}

// GuardianFacts is the adult who is paid for a minor.
type GuardianFacts struct {
	ID           string            `json:"id"`
	Verification VerifiedFacts     `json:"verification"`
	Destination  *DestinationFacts `json:"destination,omitempty"`
}

// VerifiedFacts is how far an identity is verified, and the category of what is missing or was refused.
type VerifiedFacts struct {
	State    string `json:"state"`
	Category string `json:"category,omitempty"`
}

// HoldFacts is a flag that stops payouts. Category is all that may be told about it.
type HoldFacts struct {
	Kind     string    `json:"kind"`
	Category string    `json:"category"`
	Until    time.Time `json:"until,omitzero"`
}

// DebtFacts is what the payee owes in this book and currency, beyond what is in its balances (errata A-20).
type DebtFacts struct {
	Amount money.Minor `json:"amount,omitempty"`
	Since  time.Time   `json:"since,omitzero"`
}

// RetryFacts is the failed payout that this one tries again.
type RetryFacts struct {
	Payout string `json:"payout"`
	// Tries is how often it was tried again before.
	Tries    int       `json:"tries,omitempty"`
	Code     string    `json:"code"`
	FailedAt time.Time `json:"failed_at"`
	// NewDestination is whether the money would go to another destination, verified since. Then any code may be retried.
	NewDestination bool `json:"new_destination,omitempty"`
}

// The verdicts.
const (
	VerdictPay  = "pay"
	VerdictSkip = "skip"
)

// Decision is what was decided about one payee in one run.
type Decision struct {
	Run      string         `json:"run"`
	Payee    string         `json:"payee"`
	Currency money.Currency `json:"currency"`
	// Policy names the version that decided, with its override.
	Policy  string `json:"policy"`
	Verdict string `json:"verdict"`
	// Basis is what could be paid at most, fee included: what was available at the cut-off, or now if that is less.
	Basis money.Minor `json:"basis"`
	// Amount is what the payee gets, Fee what it costs the payee, Gross both: what leaves the payee's balance.
	Amount money.Minor `json:"amount"`
	Fee    money.Minor `json:"fee"`
	Gross  money.Minor `json:"gross"`
	Parts  []Part      `json:"parts,omitempty"`
	// Left is what stays of the basis after a payout.
	Left money.Minor `json:"left,omitempty"`
	// Destination is where the money goes; Rail is how.
	Destination string `json:"destination,omitempty"`
	Rail        string `json:"rail,omitempty"`
	// SecondPerson lists why a second person must agree; empty if nobody must.
	SecondPerson []string `json:"second_person,omitempty"`
	// Reasons are, of a skip, everything that stands in the way, most important first; of a payment, why something stays.
	Reasons []Reason `json:"reasons,omitempty"`
	// LookedAtAgain is when the payee is decided about again.
	LookedAtAgain time.Time `json:"looked_at_again,omitzero"`
	// NotBefore is the first instant at which the reasons with a date are over, and some of the money that waits has come; zero
	// if none has a date. What needs an act may keep the money longer.
	NotBefore time.Time `json:"not_before,omitzero"`
}

// Part is one payout of a decision. A sum above the policy's maximum has several, each with its own states (errata M-33).
type Part struct {
	Number int         `json:"number"`
	Amount money.Minor `json:"amount"`
	Fee    money.Minor `json:"fee"`
}

// Reason is one thing that stands in the way, as a code with what it is about. Its words are not stored: Text and Change
// say them, so that better words never change a stored decision.
type Reason struct {
	Code string `json:"code"`
	// Detail is a code of what exactly it is about: a category, a bucket, a state.
	Detail string `json:"detail,omitempty"`
	// Amount is what it is about, Limit what it is compared with.
	Amount money.Minor `json:"amount,omitempty"`
	Limit  money.Minor `json:"limit,omitempty"`
	// At is when it ends by itself, if that is known.
	At time.Time `json:"at,omitzero"`
	// Change is the code of what would change it.
	Change string `json:"change"`
}
