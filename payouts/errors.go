package payouts

import "mizan/ledger/fault"

// Refusals that several files share.
var (
	// ErrBalance means that a payout would take more than is available.
	ErrBalance = fault.New(fault.Invalid, "insufficient-funds", "Less is available than would be paid. Look at the payee's balance, and ask for at most that.")
	// ErrPayee means that the payee is not one that can be paid.
	ErrPayee = fault.New(fault.NotFound, "payout-payee-unknown", "The book has no such payee with a balance. Check the kind and the id.")
	// ErrRunUnknown, ErrPayoutUnknown and ErrDecisionUnknown mean that there is none of this id in the book.
	ErrRunUnknown      = fault.New(fault.NotFound, "payout-run-unknown", "The book has no such payout run. List the runs to find its id.")
	ErrPayoutUnknown   = fault.New(fault.NotFound, "payout-unknown", "The book has no such payout. List the payouts to find its id.")
	ErrDecisionUnknown = fault.New(fault.NotFound, "payout-decision-unknown", "This run did not decide about such a payee in this currency. List its decisions.")
	// ErrRunBusy means that a run of the book is being planned.
	ErrRunBusy = fault.New(fault.Conflict, "payout-run-busy", "A payout run of this book is being planned. Wait until it is over.")
	// ErrState means that the payout is in a state from which this does not follow.
	ErrState = fault.New(fault.Conflict, "payout-state", "The payout is in another state by now, and this cannot follow. Read it again.")
	// ErrRail means that no processor is connected that could carry this.
	ErrRail = fault.New(fault.Conflict, "payout-rail-missing", "No processor of this name is connected here. Check the configuration, or use another destination.")
)
