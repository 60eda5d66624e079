package console

import (
	"strconv"
	"strings"
	"time"

	"mizan/ledger/locale"
	"mizan/payouts/reconcile"
)

// What reconciliation says, in words for people who keep books. Codes are those of the API; what it says of one break or of one item in
// a sentence is shown in English as it stands, and in other languages by what its code means.

// sourceWord names a source for people; without one it is the book itself. The name is made plain before it comes into the sentence, whose
// own signs of direction must stay.
func (t teller) sourceWord(kind reconcile.Kind, name string) string {
	if name == "" {
		return t.say("recon.source.itself")
	}
	return t.say("recon.source."+string(kind), "name", plain(name))
}

// matches are the four matches, in the order in which they are offered.
var matches = []reconcile.Match{reconcile.R1, reconcile.R2, reconcile.R3, reconcile.R4}

func (t teller) matchWord(m reconcile.Match) string {
	return t.say("recon.match.r" + strconv.Itoa(int(m)))
}

// ago says how long ago something was.
func (t teller) ago(at, now time.Time) string {
	if at.IsZero() {
		return ""
	}
	switch h := int(now.Sub(at) / time.Hour); {
	case h < 1:
		return t.say("recon.ago.hour")
	case h < 48:
		return t.say("recon.ago.hours", "count", h)
	default:
		return t.say("recon.ago.days", "count", h/24)
	}
}

// classWord is a class of breaks: its name, what happened, and what to do.
type classWord struct{ Name, Means, Next string }

// classOrder is the order in which classes of breaks are offered. It has all that are known.
var classOrder = []reconcile.Class{reconcile.MissingInLedger, reconcile.MissingAtProcessor, reconcile.MissingAtBank, reconcile.UnknownReceipt, reconcile.AmountDiffers,
	reconcile.FeeDiffers, reconcile.CurrencyDiffers, reconcile.FxDiffers, reconcile.SignDiffers, reconcile.Duplicate, reconcile.Timing, reconcile.PeriodCut, reconcile.Split,
	reconcile.Merged, reconcile.Ambiguous, reconcile.StaleInTransit, reconcile.PayoutReturned, reconcile.PayoutLinesDiffer, reconcile.MatchNotFunded, reconcile.Unclassified, reconcile.EvidenceChanged,
	reconcile.EvidenceIncomplete, reconcile.BalanceDiffers, reconcile.UnknownField}

// classWord names a class; one that is not known keeps its own word.
func (t teller) classWord(class reconcile.Class) classWord {
	key := "break.class." + string(class)
	if !phrases().Has(key) {
		return classWord{Name: strings.ReplaceAll(string(class), "_", " ")}
	}
	return classWord{t.say(key), t.say(key + ".means"), t.say(key + ".next")}
}

// breakLooks are the states of breaks with the kinds of their colours.
var breakLooks = map[reconcile.State]string{reconcile.Open: "open", reconcile.Explained: "running", reconcile.Fixed: "done", reconcile.WrittenOff: "refused", reconcile.Cleared: "done"}

// breakStates are the states of breaks in the order of their lives.
var breakStates = []reconcile.State{reconcile.Open, reconcile.Explained, reconcile.Fixed, reconcile.WrittenOff, reconcile.Cleared}

// breakEnd is how a break stands. One that people accepted is not put right: nothing was posted because of it.
func (t teller) breakEnd(b reconcile.Break) stateWord {
	if b.Accepted {
		return stateWord{t.say("break.state.accepted"), "done"}
	}
	return t.breakState(b.State)
}

func (t teller) breakState(state reconcile.State) stateWord {
	look, known := breakLooks[state]
	if !known {
		return stateWord{Word: string(state)}
	}
	return stateWord{t.say("break.state." + string(state)), look}
}

// breakDetail says what a run found.
func (t teller) breakDetail(b reconcile.Break) string {
	if means := t.classWord(b.Class).Means; b.Detail == "" || t.Language != locale.English && means != "" {
		return means
	}
	return b.Detail
}

// breakHeld says why nothing was posted because of a break; nothing if no run has left it to people.
func (t teller) breakHeld(b reconcile.Break) string {
	if b.Held == "" || t.Language == locale.English {
		return b.Held
	}
	return t.say("break.left.why")
}

// breakStepLooks are the steps of a break with the kinds of their colours.
var breakStepLooks = map[string]string{reconcile.StepFound: "open", reconcile.StepChanged: "", reconcile.StepAssigned: "", reconcile.StepExplained: "", reconcile.StepSuspended: "open", reconcile.StepFixed: "done",
	reconcile.StepWrittenOff: "refused", reconcile.StepCleared: "done", reconcile.StepReopened: "open", reconcile.StepNoted: ""}

func (t teller) breakStep(act string) stateWord {
	look, known := breakStepLooks[act]
	if !known {
		return stateWord{Word: strings.ReplaceAll(act, "_", " ")}
	}
	return stateWord{t.say("break.step." + act), look}
}

// itemLooks are the states of items of a checklist with the kinds of their colours.
var itemLooks = map[reconcile.ItemState]string{reconcile.ItemDone: "done", reconcile.ItemWaiting: "open", reconcile.ItemBlocked: "failed", reconcile.ItemNotApplicable: ""}

// itemState says how an item of a checklist stands.
func (t teller) itemState(state reconcile.ItemState) stateWord {
	return stateWord{t.say("close.item.state." + string(state)), itemLooks[state]}
}

// itemTold is what an item of a checklist is about, and what is to be done.
func (t teller) itemTold(i reconcile.ChecklistItem) (title, detail string) {
	key := "close.item." + i.Code
	if t.Language == locale.English || !phrases().Has(key) {
		return i.Title, i.Detail
	}
	detail = "close.says." + string(i.State)
	if own := key + "." + string(i.State); phrases().Has(own) {
		detail = own
	}
	return t.say(key), t.say(detail)
}

// itemAmount names an amount that an item of a checklist is about: a class of breaks, an account, or what it is for.
func (t teller) itemAmount(item, name string) string {
	if _, class, ok := strings.Cut(name, " "); ok && item == "suspense" {
		return t.classWord(reconcile.Class(class)).Name
	}
	if key := "close.amount." + strings.ReplaceAll(name, " ", "_"); phrases().Has(key) {
		return t.say(key)
	}
	return name
}

// gap says what evidence is missing.
func (t teller) gap(g reconcile.Gap) string {
	if key := "recon.gap." + string(g.Kind); t.Language != locale.English && phrases().Has(key) {
		return t.say(key)
	}
	return g.Detail()
}

// categoryOrder is how a run's movements are listed; others follow by their names. Fees of all lines stand under "fees".
var categoryOrder = []string{"charge", "fees", "refund", "dispute", "dispute_reversal", "transfer", "transfer_reversal", "payout", "payout_reversal", "topup", "adjustment", "fee"}

// category names a kind of movements.
func (t teller) category(name string) string {
	if key := "recon.kind." + name; phrases().Has(key) {
		return t.say(key)
	}
	return plain(name)
}
