package payouts

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
)

// A standing is what the house knows of a payee beside what the rules need: whether it is verified, whether the business
// goes on, and to whom it belongs. Nobody has one until somebody says so; then the payee is unverified and open.

// Standing is one version of it.
type Standing struct {
	Payee        string
	Version      int
	Verification string
	// Category is why it is not verified, in a word such as document_expired.
	Category string
	Business string
	// Owner is the legal owner's id, which payees of one owner share; SetOff the document in which the owner consents that
	// one shop pays another's debt, empty without consent.
	Owner, SetOff string
	Document      string
	RecordedAt    time.Time
}

// StandingChange changes a standing. What is nil stays.
type StandingChange struct {
	// Version is the one that the caller has seen, 0 for none.
	Version                                         int
	Verification, Category, Business, Owner, SetOff *string
	Document, Why                                   string
}

// Standing returns a payee's standing; of a payee without one, unverified and open at version 0.
func (s *Service) Standing(ctx context.Context, book ledger.Book, payee string) (Standing, error) {
	return Standing{}, errNotBuilt
}

// ChangeStandingTx changes it, and tells the trail. Closing a payee with money or with payouts on their way is refused.
func (s *Service) ChangeStandingTx(ctx context.Context, tx pgx.Tx, by guard.Deed, book ledger.Book, payee string, change StandingChange) (Standing, error) {
	return Standing{}, errNotBuilt
}
