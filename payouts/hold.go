package payouts

import (
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A hold keeps a payee's money back, for a reason that somebody answers for: a pause stops payouts and moves nothing; a hold
// of an amount, or of everything, moves money to blocked, where it pays no debt, no fee and nobody else (C-13).

// The effects of a hold.
const (
	EffectPause      = "pause"
	EffectAmount     = "amount"
	EffectEverything = "everything"
)

var (
	// ErrHoldInvalid means that a hold cannot be as described; its fields name what is wrong.
	ErrHoldInvalid = fault.New(fault.Invalid, "hold-invalid", "The hold cannot be placed like that. Correct the fields named; nothing was changed.")
	// ErrHoldUnknown means that there is no such hold in the book.
	ErrHoldUnknown = fault.New(fault.NotFound, "hold-unknown", "The book has no such hold. List the holds to find its id.")
	// ErrHoldExists means that another hold has the id.
	ErrHoldExists = fault.New(fault.Conflict, "hold-exists", "A hold of this id stands with another content. Give the new one an id of its own.")
	// ErrHoldOver means that the hold was released before.
	ErrHoldOver = fault.New(fault.Conflict, "hold-released", "The hold was released before. Read it to see when and by whom.")
)

// Hold is one as it stands.
type Hold struct {
	ID string
	PayeeKey
	// Currency is empty for a pause of every currency.
	Currency money.Currency
	// Effect is one of the Effect words, Category kyc, sanctions, legal, fraud or review; Case is what it is about in the papers
	// of whoever asked for it, and never told to the payee.
	Effect, Category, Case string
	// Wanted is how much is to be blocked, 0 unless the effect is amount; Blocked is what was moved when it was placed.
	Wanted, Blocked      money.Minor
	PlacedAt, ReleasedAt time.Time
	// Approval and Document are those of the release.
	Approval, Document string
}
