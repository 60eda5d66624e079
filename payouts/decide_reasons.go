package payouts

import (
	"slices"
	"time"

	"mizan/ledger/money"
)

// The reasons for which nothing, or not everything, is paid: their codes, the order of their importance, and their words.

// The codes of reasons. A code means the same for ever.
const (
	ReasonZero               = "zero"
	ReasonSelfOwned          = "self-owned"
	ReasonClosed             = "closed"
	ReasonBlocked            = "blocked"
	ReasonRejected           = "rejected"
	ReasonNotRegistered      = "not-registered"
	ReasonUnverified         = "unverified"
	ReasonGuardianMissing    = "guardian-missing"
	ReasonGuardianUnverified = "guardian-unverified"
	ReasonTaxForm            = "tax-form-missing"
	ReasonPaused             = "paused"
	ReasonDebt               = "debt"
	ReasonRetryForbidden     = "retry-not-transient"
	ReasonRetryExhausted     = "retry-exhausted"
	ReasonRetryEarly         = "retry-too-early"
	ReasonNoDestination      = "no-destination"
	ReasonDisabled           = "destination-disabled"
	ReasonDestinationPending = "destination-pending"
	ReasonNameMismatch       = "name-mismatch"
	ReasonCoolingOff         = "cooling-off"
	ReasonCurrency           = "currency-unsupported"
	ReasonRail               = "rail-unavailable"
	ReasonNotOnDemand        = "not-on-demand"
	ReasonNotScheduled       = "not-scheduled"
	ReasonNothing            = "nothing-available"
	ReasonWantedUnit         = "wanted-unit"
	ReasonOverMaximum        = "over-maximum"
	ReasonOverAvailable      = "over-available"
	ReasonBelowMinimum       = "below-minimum"
	ReasonFeeExceeds         = "fee-exceeds"
	ReasonDust               = "dust"
)

// What would change a reason.
const (
	ChangeNothing     = "nothing"
	ChangeRegister    = "register"
	ChangeVerify      = "verify"
	ChangeGuardian    = "guardian"
	ChangeTaxForm     = "tax-form"
	ChangeSupport     = "contact-support"
	ChangeRelease     = "release"
	ChangeEarnDebt    = "settle-debt"
	ChangeAdd         = "add-destination"
	ChangeReplace     = "replace-destination"
	ChangeConfirm     = "confirm-destination"
	ChangeName        = "correct-name"
	ChangeDestination = "other-currency"
	ChangeMethod      = "other-method"
	ChangeWait        = "wait"
	ChangeEarn        = "earn"
	ChangeAskLess     = "ask-less"
	ChangeAskWhole    = "ask-whole"
	ChangeAskParts    = "ask-parts"
)

// Why a payment needs a second person.
const (
	TwoFourEyes = "four-eyes-above"
	TwoFirst    = "first-to-destination"
	TwoManual   = "manual-payout"
)

// reasonWords is a code with its words. In them, {amount}, {limit} and {at} stand for what the reason is about.
type reasonWords struct{ code, text string }

// importance lists every code, most important first: what the law says, who the payee is, what it owes, where the money
// would go, when, and how much there is.
var importance = []reasonWords{
	{ReasonZero, "There is no money in any balance."},
	{ReasonSelfOwned, "The account belongs to the platform, which does not pay itself."},
	{ReasonClosed, "The account is closed."},
	{ReasonBlocked, "The money is blocked by law or by order of a court."},
	{ReasonRejected, "The identity check was not passed."},
	{ReasonNotRegistered, "The payee is not registered yet. The money waits."},
	{ReasonUnverified, "The identity check is not complete."},
	{ReasonGuardianMissing, "The payee is a minor, and no guardian is registered who can be paid."},
	{ReasonGuardianUnverified, "The payee is a minor, and the guardian's identity check is not complete."},
	{ReasonTaxForm, "A tax form is missing."},
	{ReasonPaused, "Payouts are paused."},
	{ReasonDebt, "{amount} is owed, and is taken from what comes in first."},
	{ReasonRetryForbidden, "The last payout failed for a reason that does not pass by itself."},
	{ReasonRetryExhausted, "The payout was tried as often as is allowed."},
	{ReasonRetryEarly, "The last payout failed. It is tried again from {at} on."},
	{ReasonNoDestination, "There is no account to pay to."},
	{ReasonDisabled, "The account to pay to cannot be used any more."},
	{ReasonDestinationPending, "The account to pay to is not confirmed yet."},
	{ReasonNameMismatch, "The holder of the account to pay to is not the payee by name."},
	{ReasonCoolingOff, "The account to pay to was changed. Nothing is paid to it before {at}."},
	{ReasonCurrency, "This currency cannot be paid out to that account."},
	{ReasonRail, "That account cannot be paid by this method."},
	{ReasonNotOnDemand, "Payouts on demand are not part of the agreement. The next run is at {at}."},
	{ReasonNotScheduled, "Today is not a payout day. The next run is at {at}."},
	{ReasonNothing, "{amount} is there and cannot be paid out yet."},
	{ReasonWantedUnit, "{amount} is not a whole number of units that can be paid out. The unit is {limit}."},
	{ReasonOverMaximum, "{amount} is above {limit}, the most that one run pays."},
	{ReasonOverAvailable, "{amount} with its fee is more than what is available: {limit}."},
	{ReasonBelowMinimum, "{amount} is below the minimum of {limit}. It is carried forward."},
	{ReasonFeeExceeds, "The fee would take all of the {amount} available."},
	{ReasonDust, "{amount} is less than the smallest unit that can be paid out. It stays in the balance."},
}

// changes is what would change a reason, in words.
var changes = map[string]string{
	ChangeNothing:     "Nothing needs to be done.",
	ChangeRegister:    "Register the payee.",
	ChangeVerify:      "Complete the identity check.",
	ChangeGuardian:    "Register a guardian and complete the guardian's identity check and account.",
	ChangeTaxForm:     "Hand in the tax form.",
	ChangeSupport:     "Ask support.",
	ChangeRelease:     "A person must release the money. Ask support.",
	ChangeEarnDebt:    "New earnings or a payment settle what is owed.",
	ChangeAdd:         "Add a bank account.",
	ChangeReplace:     "Add another bank account.",
	ChangeConfirm:     "Confirm the bank account.",
	ChangeName:        "Give a bank account in the payee's own name.",
	ChangeDestination: "Add a bank account that takes this currency.",
	ChangeMethod:      "Choose another method, or add another account.",
	ChangeWait:        "Wait. Nothing else needs to be done.",
	ChangeEarn:        "New earnings are added to it.",
	ChangeAskLess:     "Ask for less.",
	ChangeAskWhole:    "Ask for a whole number of units.",
	ChangeAskParts:    "Ask for less, and for the rest in a later run.",
}

// secondPerson says in words why a second person must agree.
var secondPerson = map[string]string{
	TwoFourEyes: "The sum is above the amount that one person may pay.",
	TwoFirst:    "It is the first payout to this account.",
	TwoManual:   "The payout was started by hand.",
}

// ReasonCodes returns every code, most important first.
func ReasonCodes() []string {
	codes := make([]string, len(importance))
	for i, w := range importance {
		codes[i] = w.code
	}
	return codes
}

// Text says the reason in a sentence for payees and finance people. It is empty for a code that this program does not know.
func (r Reason) Text(c money.Currency) string {
	i := rankOf(r.Code)
	if i == len(importance) {
		return ""
	}
	return r.filled(importance[i].text, c)
}

// ChangeText says in a sentence what would change the reason.
func (r Reason) ChangeText() string { return changes[r.Change] }

// SecondPersonText says in a sentence why a second person must agree.
func SecondPersonText(code string) string { return secondPerson[code] }

// filled puts the reason's particulars into its words. A known code without its particulars keeps a sentence that is true.
func (r Reason) filled(text string, c money.Currency) string {
	amount, limit, at := "Some money", "nothing", "a later day"
	if c.Known() && r.Amount != 0 {
		amount = string(c) + " " + r.Amount.Format(c)
	}
	if c.Known() && r.Limit != 0 {
		limit = string(c) + " " + r.Limit.Format(c)
	}
	if !r.At.IsZero() {
		at = r.At.UTC().Format("2006-01-02 15:04") + " UTC"
	}
	return replaceAll(text, "{amount}", amount, "{limit}", limit, "{at}", at)
}

// rankOf returns the place of a code in the order of importance; after all others for a code that is not known.
func rankOf(code string) int {
	if i := slices.IndexFunc(importance, func(w reasonWords) bool { return w.code == code }); i >= 0 {
		return i
	}
	return len(importance)
}

// reasons collects what stands in the way.
type reasons []Reason

func (r *reasons) add(reason Reason) { *r = append(*r, reason) }

// inOrder returns the reasons most important first; those of one code as they were found.
func (r reasons) inOrder() []Reason {
	slices.SortStableFunc(r, func(a, b Reason) int { return rankOf(a.Code) - rankOf(b.Code) })
	return r
}

// lastDate returns the latest instant at which one of the reasons ends by itself. Of money that waits in several places, the
// first that comes ends the wait.
func (r reasons) lastDate() time.Time {
	var last, first time.Time
	for _, reason := range r {
		switch at := reason.At; {
		case at.IsZero():
		case reason.Code != ReasonNothing:
			last = later(last, at)
		case first.IsZero() || at.Before(first):
			first = at
		}
	}
	return later(last, first)
}

// later returns the later of two instants.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
