package payouts

import (
	"crypto/sha256"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// A payout policy says when a market's payees are paid, from which amount on, by which methods, at which fee, and what needs
// a second person. It is data with a market, a version and the moment from which it holds; it never changes, and a correction
// is the next version. Every amount is explicit per currency: nothing is converted when a payout is decided.

// The kinds of payee that a policy has terms for.
const (
	KindSeller   = "seller"
	KindCreator  = "creator"
	KindAgency   = "agency"
	KindPartner  = "partner"
	KindCharity  = "charity"
	KindGuardian = "guardian"
)

// payeeKinds is every kind, in the order of the handbook.
var payeeKinds = []string{KindSeller, KindCreator, KindAgency, KindPartner, KindCharity, KindGuardian}

// How often payees are paid.
const (
	CadenceDaily   = "daily"
	CadenceWeekly  = "weekly"
	CadenceMonthly = "monthly"
)

// The methods of a payout, as processors name them.
const (
	MethodStandard = "standard"
	MethodInstant  = "instant"
)

// The rails that money travels by.
const (
	// RailConnected is an account of the payee's at the processor, which pays its bank.
	RailConnected = "connected"
	// RailBank is a bank account that the platform's own bank pays.
	RailBank = "bank"
	// RailWallet is an account at a wallet provider.
	RailWallet = "wallet"
)

// How exactly the holder of a destination must be the payee.
const (
	NameStrict  = "strict"
	NameLenient = "lenient"
	NameOff     = "off"
)

// What becomes of the fee of a payout that the bank returns.
const (
	FeeKeep   = "keep"
	FeeReturn = "return"
)

// What is done about a payee without the tax form that its country asks for.
const (
	NoFormPay  = "pay"
	NoFormHold = "hold"
)

// The ways in which a debt is recovered (errata W-22).
const (
	RecoverReserveOfOrder = "reserve-of-order"
	RecoverNextCredits    = "next-credits"
	RecoverOtherReserve   = "other-reserve"
	RecoverDeposit        = "deposit"
	RecoverOtherShops     = "other-shops"
	RecoverCard           = "card"
	RecoverWriteOff       = "write-off"
)

// recoveryWays is every way, in the order of W-22.
var recoveryWays = []string{RecoverReserveOfOrder, RecoverNextCredits, RecoverOtherReserve, RecoverDeposit, RecoverOtherShops, RecoverCard, RecoverWriteOff}

// Policy is one version of a market's policy, or such a version with what was agreed with one payee. It must not be changed.
type Policy struct {
	// Policy names the document, Version counts its versions: together "us-1".
	Policy  string `json:"policy"`
	Version int    `json:"version"`
	// Override names what was agreed with one payee, if this is the policy for that payee; otherwise it is empty.
	Override string `json:"override,omitempty"`
	Market   string `json:"market"`
	// ValidFrom is the first instant at which the version holds.
	ValidFrom time.Time `json:"valid_from"`
	Title     string    `json:"title"`
	// TimeZone is the IANA zone in which days begin, the cut-off lies and runs start.
	TimeZone string `json:"time_zone"`
	// Cutoff is the local time of a run's day before which money must be available; Run is when the run starts ("02:00").
	Cutoff string `json:"cutoff"`
	Run    string `json:"run"`
	// Currencies are those in which the market pays. Every table of amounts has each of them.
	Currencies []money.Currency `json:"currencies"`
	Kinds      map[string]Terms `json:"kinds"`
	// Maximum is the most that one part of a payout has. More is paid in several parts.
	Maximum Amounts `json:"maximum"`
	// FourEyesAbove is the sum above which a payout needs a second person.
	FourEyesAbove Amounts `json:"four_eyes_above"`
	// FirstNeedsTwo and ManualNeedsTwo are whether the first payout to a destination, and one started by hand, need one too.
	FirstNeedsTwo  bool `json:"first_to_destination_needs_two"`
	ManualNeedsTwo bool `json:"manual_needs_two"`
	// CoolingOffHours is how long nothing is paid to a destination after it was changed.
	CoolingOffHours int    `json:"cooling_off_hours"`
	NameMatch       string `json:"name_match"`
	FeeOnReturn     string `json:"fee_on_return"`
	Retry           Retry  `json:"retry"`
	Debt            Debts  `json:"debt"`
	// Withholding lists what must be known for tax before a payee of a country is paid.
	Withholding []Withholding `json:"withholding,omitempty"`
	RunTotal    RunTotal      `json:"run_total"`
	// Sources says of each parameter where its value comes from, by the name of the parameter.
	Sources map[string]commerce.Source `json:"sources"`
}

// Terms are what holds for one kind of payee.
type Terms struct {
	Cadence Cadence `json:"cadence"`
	// OnDemand is whether the payee may ask for its money between runs.
	OnDemand bool `json:"on_demand"`
	// Minimum is what must be available for a payout, before its fee. Less is carried forward.
	Minimum Amounts `json:"minimum"`
	// Methods are tried in their order: the first one of the method asked for and of the destination's rail holds.
	Methods []Method `json:"methods"`
}

// Cadence says on which local days payees are paid.
type Cadence struct {
	Every string `json:"every"`
	// Weekday is 1 for Monday to 7 for Sunday, of a weekly cadence only.
	Weekday int `json:"weekday,omitempty"`
	// Day is the day of the month, of a monthly cadence only. A shorter month is paid on its last day.
	Day int `json:"day,omitempty"`
}

// Method is a way to be paid, with its fee: the rate of the amount, rounded half to even, but at least the minimum and at
// most the cap, plus the flat part.
type Method struct {
	Method string     `json:"method"`
	Rail   string     `json:"rail"`
	Rate   money.Rate `json:"rate,omitzero"`
	Flat   Amounts    `json:"flat,omitempty"`
	Min    Amounts    `json:"min,omitempty"`
	Cap    Amounts    `json:"cap,omitempty"`
}

// Retry says which failed payouts are tried again without a person, and when.
type Retry struct {
	// Transient are the failure codes that may pass by themselves.
	Transient []string `json:"transient,omitempty"`
	// AfterDays are the days of 24 hours from each failure to the next try; there are as many tries.
	AfterDays []int `json:"after_days,omitempty"`
}

// Debts says what a payee's debt leads to.
type Debts struct {
	// StopPerksAbove, FreezeAbove and CloseAbove are the debts above which perks stop, nothing is paid out, and the shop closes.
	StopPerksAbove Amounts `json:"stop_perks_above"`
	FreezeAbove    Amounts `json:"freeze_above"`
	CloseAbove     Amounts `json:"close_above"`
	// RecoveryOrder is where a debt is taken from, first to last.
	RecoveryOrder []string `json:"recovery_order"`
	// WriteOffDays is the age in days from which two people may write a debt off.
	WriteOffDays int `json:"write_off_days"`
}

// Withholding is a tax on payees of a country without a form on file. NoForm is what is done meanwhile: "pay" in full, or
// "hold" everything. It does not take the rate off a payout: the tax is due on reportable gross payments, which a payout is
// not (errata C-08).
type Withholding struct {
	Tax     string     `json:"tax"`
	Country string     `json:"country"`
	Rate    money.Rate `json:"rate"`
	NoForm  string     `json:"no_form"`
}

// RunTotal says when a whole run needs a second person: its total is above Factor times the average of the last Runs runs.
type RunTotal struct {
	Factor int `json:"factor"`
	Runs   int `json:"runs"`
}

// Override is what was agreed with one payee. What is absent stays as the policy has it.
type Override struct {
	// ID names it, and stands in the version of every decision that rests on it.
	ID string `json:"id"`
	// Kind is the payee's kind: the terms that are replaced.
	Kind     string   `json:"kind"`
	Cadence  *Cadence `json:"cadence,omitempty"`
	OnDemand *bool    `json:"on_demand,omitempty"`
	// Minimum and Maximum replace the amounts of the currencies that they name.
	Minimum Amounts  `json:"minimum,omitempty"`
	Maximum Amounts  `json:"maximum,omitempty"`
	Methods []Method `json:"methods,omitempty"`
	// CoolingOffHours can only be longer than the policy's.
	CoolingOffHours int `json:"cooling_off_hours,omitempty"`
	// Reserve is what is kept of each order of a seller when it settles, instead of what the order's rules say.
	Reserve *ReserveTerms `json:"reserve,omitempty"`
}

// ReserveTerms are the part of an order that is kept when it settles, and for how many days from its delivery.
type ReserveTerms struct {
	Rate money.Rate `json:"rate"`
	Days int        `json:"days"`
}

// Name returns what names the version in decisions: "us-1", or "us-1+sel_x-2" with an override.
func (p *Policy) Name() string {
	name := p.Policy + "-" + strconv.Itoa(p.Version)
	if p.Override != "" {
		name += "+" + p.Override
	}
	return name
}

// Canonical returns the policy's bytes: the same for the same policy, and ParsePolicy reads them back.
func (p *Policy) Canonical() []byte {
	content, err := json.Marshal(p)
	if err != nil {
		panic("payouts: a checked policy cannot be written: " + err.Error())
	}
	return content
}

// Digest is the SHA-256 of the canonical bytes.
func (p *Policy) Digest() [sha256.Size]byte { return sha256.Sum256(p.Canonical()) }

// With returns the policy for one payee. It returns ErrPolicyInvalid if the policy has an override already, or with each
// field of the override that cannot stand.
func (p *Policy) With(o Override) (*Policy, error) {
	if p.Override != "" {
		return nil, ErrPolicyInvalid.With("The policy has an override already. Begin with the market's own policy.")
	}
	if fields := o.check(p); len(fields) > 0 {
		return nil, ErrPolicyInvalid.WithFields(fields[:min(len(fields), maxPolicyFields)]...)
	}
	next := *p
	next.Override = o.ID
	next.Kinds = maps.Clone(p.Kinds)
	terms := next.Kinds[o.Kind]
	if o.Cadence != nil {
		terms.Cadence = *o.Cadence
	}
	if o.OnDemand != nil {
		terms.OnDemand = *o.OnDemand
	}
	if len(o.Methods) > 0 {
		terms.Methods = slices.Clone(o.Methods)
	}
	terms.Minimum = terms.Minimum.over(o.Minimum)
	next.Kinds[o.Kind] = terms
	next.Maximum = p.Maximum.over(o.Maximum)
	if o.CoolingOffHours > 0 {
		next.CoolingOffHours = o.CoolingOffHours
	}
	if fields := next.Check(); len(fields) > 0 {
		return nil, ErrPolicyInvalid.WithFields(fields[:min(len(fields), maxPolicyFields)]...)
	}
	return &next, nil
}

// PolicyAt returns the policy of the market that holds at the instant: the one that began last, its first instant included.
// It returns ErrPolicyMissing if none has begun.
func PolicyAt(policies []*Policy, market string, at time.Time) (*Policy, error) {
	var best *Policy
	for _, p := range policies {
		if p.Market != market || p.ValidFrom.After(at) {
			continue
		}
		if best == nil || laterPolicy(p, best) {
			best = p
		}
	}
	if best == nil {
		return nil, ErrPolicyMissing
	}
	return best, nil
}

// laterPolicy orders policies of one market; the result does not depend on the order in which they are listed.
func laterPolicy(a, b *Policy) bool {
	if c := a.ValidFrom.Compare(b.ValidFrom); c != 0 {
		return c > 0
	}
	if a.Version != b.Version {
		return a.Version > b.Version
	}
	return strings.Compare(a.Policy, b.Policy) > 0
}
