package payouts

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// A destination is where a payee's money goes: a connected account at a processor, or the bank data in the vault. A change
// takes two people, and nothing goes to a new one before its cooling-off is over.

var errNotBuilt = fault.New(fault.Internal, "not-built", "This is not built.")

// Destination is one as it stands.
type Destination struct {
	ID, Payee, Rail, Account string
	Currencies               []money.Currency
	// Mode is automatic if the processor pays out by itself, manual if we order each payout.
	Mode string
	// State is pending, active, disabled or retired; NameMatch is unknown, match, close or mismatch.
	State, NameMatch                                             string
	DisabledCode                                                 string
	CreatedAt, ActiveSince, CoolingUntil, ChangedAt, FirstPaidAt time.Time
	Approval                                                     string
}

// Destinations returns a payee's destinations, the standing ones first.
func (s *Service) Destinations(ctx context.Context, book ledger.Book, payee string) ([]Destination, error) {
	return nil, errNotBuilt
}

// Refresh reads the destination's account at its rail and takes over what is found there: whether it can receive and pay
// out, and whether a bank was mended after a failure. It asks the rail outside of transactions.
func (s *Service) Refresh(ctx context.Context, book ledger.Book, id string) (Destination, error) {
	return Destination{}, errNotBuilt
}

// disableTx disables a destination for a reason of the rail, so that nothing more goes there until it is mended.
func (s *Service) disableTx(ctx context.Context, tx pgx.Tx, by guard.Deed, book ledger.Book, id, code string) error {
	return errNotBuilt
}

// paidToTx notes the first payout that arrived at a destination.
func (s *Service) paidToTx(ctx context.Context, tx pgx.Tx, book ledger.Book, id string) error {
	return errNotBuilt
}
