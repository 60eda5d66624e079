package payouts

import (
	"context"
	"time"

	"mizan/ledger"
)

// Facts are what a decision needs to know of a payee beside its money. They are read for many payees at once.

// facts are those of one payee.
type facts struct {
	// Registered says that the payee stands in the book's register, with its country, currency, and guardian.
	Registered        bool
	Country, Currency string
	Minor             bool
	Guardian          string
	Standing          Standing
	// GuardianStanding is the guardian's, for a minor.
	GuardianStanding Standing
	// Destination is the standing one, the guardian's for a minor; its ID is empty if there is none.
	Destination Destination
	// Pauses are the categories of pauses that stand; Frozen says that a hold of everything stands.
	Pauses []string
	Frozen bool
	// Override is the document of the payee's exception that is in force, nil for none, with its version.
	Override        []byte
	OverrideVersion int
}

// factsOf reads the facts of payees at a moment, all in a few statements. A payee of whom nothing is known has the zero
// facts.
func (s *Service) factsOf(ctx context.Context, book ledger.Book, payees []PayeeKey, at time.Time) (map[PayeeKey]facts, error) {
	return nil, errNotBuilt
}
