package console

import (
	"strings"

	"mizan/payouts/reconcile"
)

// What reconciliation says, in words for people who keep books.

// classWord is a class of breaks: its name, what happened, and what to do.
type classWord struct{ Name, Means, Next string }

var classWords = map[reconcile.Class]classWord{
	reconcile.MissingInLedger: {"Missing in the books", "The other side shows money that the books do not have.",
		"Find the event that should have recorded it and post it: what waits in suspense leaves by itself. If there is none, say where it belongs, with a second person."},
	reconcile.MissingAtProcessor: {"Missing at the processor", "The books have an entry that the processor does not show, and its time is over.",
		"Ask the processor. If it never happened, reverse the entry and name the reversal."},
	reconcile.MissingAtBank: {"Missing at the bank", "The books have an entry that the bank does not show, and its time is over.",
		"Check that the last statement was brought, then ask the bank. If it never happened, reverse the entry and name the reversal."},
	reconcile.AmountDiffers:     {"Amount differs", "Both sides have the same thing with another amount.", "Find out which side is right. If the books are wrong, say where the difference belongs."},
	reconcile.FeeDiffers:        {"Fee differs", "The amount agrees, and the fee does not.", "Small differences are corrected by themselves. Check this one against the processor's price list."},
	reconcile.CurrencyDiffers:   {"Currency differs", "Both sides have the same thing in another currency.", "Reverse the entry, post it in the right currency, and name it."},
	reconcile.FxDiffers:         {"Rounding of a rate", "A converted amount differs by no more than the rounding of its rate.", "Say where the rounding belongs, or write it off."},
	reconcile.SignDiffers:       {"Opposite direction", "Both sides have the same amount the other way around.", "One side took a debit for a credit. If it is the books, reverse the entry and name the reversal."},
	reconcile.Duplicate:         {"Duplicate", "One side has it once, and the other more often.", "If the books have it twice, reverse one entry and name the reversal. If the other side does, claim the money back."},
	reconcile.Timing:            {"Matter of time", "One side has it, and the other is expected to have it soon.", "Nothing yet. It ends by itself when the other side shows it."},
	reconcile.PeriodCut:         {"Different months", "Both sides have it, in different months.", "Explain it, so that whoever closes the month knows."},
	reconcile.Split:             {"One line, several entries", "One line of the other side could be several entries of the books.", "Confirm the suggestion if it is right."},
	reconcile.Merged:            {"Several lines, one entry", "Several lines of the other side could be one entry of the books.", "Confirm the suggestion if it is right."},
	reconcile.Ambiguous:         {"Several could be it", "Several could be the counterpart, and nothing tells them apart.", "Look at both sides and confirm the one that is right."},
	reconcile.UnknownReceipt:    {"Unknown money", "Money came to a bank account, and nobody knows what for.", "Ask who sent it. Then say where it belongs, with a second person."},
	reconcile.PayoutLinesDiffer: {"Payout and its lines differ", "The lines that a payout of the processor consists of do not come to what it paid out.", "Pull the processor's lines again, and ask it which line is missing."},
	reconcile.StaleInTransit:    {"Stuck on its way", "A payout left, and nobody confirmed its arrival within its banking days.", "Look at the payout, and ask the bank or the processor."},
	reconcile.PayoutReturned:    {"Payout came back", "A payout came back to us.", "Look at the payout and mend the payee's destination."},
	reconcile.MatchNotFunded:    {"Not paid in", "A donation match was given, and its sponsor has not paid it in.", "Ask the sponsor."},
	reconcile.Unclassified:      {"Unknown word", "The processor uses a word that nobody here knows.", "Find out what it means, and report it. Until then say where the money belongs."},
	reconcile.EvidenceChanged:   {"Evidence changed", "The source says something else now of a line that was known.", "Ask the source why. Explain it when you know."},
	reconcile.EvidenceIncomplete: {"Evidence incomplete", "The lines do not come to the balance, or a statement is missing.",
		"Bring the missing statement, or pull again."},
	reconcile.BalanceDiffers: {"Balance differs", "A balance of the books is not what it must be.", "Read what was found. It names what to do."},
	reconcile.UnknownField:   {"Unknown amount", "A settlement has an amount under a name that nobody here knows.", "Find out what it means, and report it."},
}

// wordOfClass names a class; one that is not known keeps its own word.
func wordOfClass(class reconcile.Class) classWord {
	if w, ok := classWords[class]; ok {
		return w
	}
	return classWord{Name: strings.ReplaceAll(string(class), "_", " ")}
}

// breakStates are the states of breaks in the order of their lives.
var breakStates = []struct {
	state reconcile.State
	stateWord
}{
	{reconcile.Open, stateWord{"open", "open"}}, {reconcile.Explained, stateWord{"explained", "running"}}, {reconcile.Fixed, stateWord{"put right", "done"}},
	{reconcile.WrittenOff, stateWord{"written off", "refused"}}, {reconcile.Cleared, stateWord{"agrees by now", "done"}},
}

// wordOfEnd is how a break stands. One that people accepted is not put right: nothing was posted because of it.
func wordOfEnd(b reconcile.Break) stateWord {
	if b.Accepted {
		return stateWord{"accepted as it is", "done"}
	}
	return wordOfBreak(b.State)
}

func wordOfBreak(s reconcile.State) stateWord {
	for _, w := range breakStates {
		if w.state == s {
			return w.stateWord
		}
	}
	return stateWord{Word: string(s)}
}

var breakStepWords = map[string]stateWord{
	reconcile.StepFound: {"found by a run", "open"}, reconcile.StepChanged: {"changed", ""}, reconcile.StepAssigned: {"given to somebody", ""},
	reconcile.StepExplained: {"explained", ""}, reconcile.StepSuspended: {"put into suspense", "open"}, reconcile.StepFixed: {"ended by two people", "done"},
	reconcile.StepWrittenOff: {"written off by two people", "refused"}, reconcile.StepCleared: {"both sides agree", "done"}, reconcile.StepReopened: {"opened again", "open"},
	reconcile.StepNoted: {"remark", ""},
}

var itemWords = map[reconcile.ItemState]stateWord{
	reconcile.ItemDone: {"done", "done"}, reconcile.ItemWaiting: {"waits", "open"}, reconcile.ItemBlocked: {"blocks the close", "failed"}, reconcile.ItemNotApplicable: {"not applicable", ""},
}

// categoryWords are kinds of movements; fees of all lines stand under "fees".
var categoryWords = map[string]string{"charge": "Charges", "fees": "Fees", "fee": "Other fees", "refund": "Refunds", "payout": "Payouts", "dispute": "Disputes",
	"dispute_reversal": "Disputes won", "adjustment": "Adjustments", "transfer": "Transfers", "topup": "Top-ups", "received": "Received", "paid": "Paid", "transfer_reversal": "Transfers back", "payout_reversal": "Payouts back"}

// categoryOrder is how a run's movements are listed; others follow by their names.
var categoryOrder = []string{"charge", "fees", "refund", "dispute", "dispute_reversal", "transfer", "transfer_reversal", "payout", "payout_reversal", "topup", "adjustment", "fee"}

func wordOfCategory(name string) string {
	if w, ok := categoryWords[name]; ok {
		return w
	}
	return plain(name)
}
