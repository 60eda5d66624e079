package payouts

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// Refreshing a destination: what the rail says of the account now. A bank that changed behind the account is a changed
// destination, whoever changed it there, so its cooling-off begins again.

// Refresh reads the destination's account at its rail and takes over what is found there: whether it can receive and pay
// out, and whether a bank was mended after a failure. It asks the rail outside of transactions. Of one that retired nothing
// is read. It returns ErrDestinationUnknown, ErrRail, or that the rail cannot be read.
func (s *Service) Refresh(ctx context.Context, book ledger.Book, id string) (Destination, error) {
	return s.RefreshBy(ctx, guard.Actor{Kind: guard.System, ID: "payouts"}, book, id, "The account was read at the processor.")
}

// RefreshBy is Refresh, asked for by somebody with a reason, which the trail has also where nothing was found to have changed,
// where somebody else changed it meanwhile, and of one that retired.
func (s *Service) RefreshBy(ctx context.Context, by guard.Actor, book ledger.Book, id, why string) (out Destination, err error) {
	seen, err := s.Destination(ctx, book, id)
	checked := func(tx pgx.Tx, d Destination) error {
		if by.Kind == guard.System {
			return nil
		}
		return s.tellTx(ctx, tx, guard.Deed{Actor: by, Why: why}, book, "payout_destination.checked", "payee:"+d.Payee, nil, d.mark())
	}
	switch {
	case err != nil:
		return seen, err
	case seen.State == DestinationRetired && by.Kind != guard.System:
		return seen, s.pool.TxRetry(ctx, func(tx pgx.Tx) error { return checked(tx, seen) })
	case seen.State == DestinationRetired:
		return seen, nil
	}
	f, err := s.findAccount(ctx, book, seen.Payee, seen.Rail, seen.Account, seen.Currencies)
	switch {
	case fault.CodeOf(err) == ErrDestinationInvalid.Code:
		f = found{Code: CodeAccountAbsent, NameMatch: seen.NameMatch, Banks: seen.banks, manual: seen.Mode == ModeManual}
	case err != nil:
		return Destination{}, err
	}
	if f.Code == "" && f.manual != (seen.Mode == ModeManual) {
		f.Code = CodeModeChanged
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		now, err := destinationOf(tx.QueryRow(ctx, sqlLockDestination, book.ID, id))
		if err != nil {
			return err
		}
		// What was read is older than what somebody has written meanwhile: that stands, and the next refresh looks again.
		if now.State == DestinationRetired || !now.ChangedAt.Equal(seen.ChangedAt) {
			out = now
			return checked(tx, now)
		}
		if out, err = s.refreshed(within(ctx, tx), book, now, f, s.now()); err != nil {
			return err
		}
		if same(out, now) {
			return checked(tx, now)
		}
		if err := s.moveDestinationTx(ctx, tx, guard.Deed{Actor: by, Why: why}, book, now, out); err != nil {
			return err
		}
		out, err = destinationOf(tx.QueryRow(ctx, sqlDestination, book.ID, id))
		return err
	})
	if err != nil {
		return Destination{}, err
	}
	return out, nil
}

// refreshed is the destination after what was found.
func (s *Service) refreshed(ctx context.Context, book ledger.Book, d Destination, f found, now time.Time) (Destination, error) {
	otherBanks := f.Banks != "" && f.Banks != d.banks
	if otherBanks {
		until, err := s.coolingUntil(ctx, book, d.Payee, now)
		if err != nil {
			return d, err
		}
		d.banks = f.Banks
		if until.After(d.CoolingUntil) {
			d.CoolingUntil = until
		}
	}
	// A name that a document confirmed stays confirmed as long as the bank is the same.
	if otherBanks || d.NameMatch == NameUnknown {
		d.NameMatch = f.NameMatch
	}
	mended := d.State != DestinationDisabled || otherBanks || slices.Contains(passingCodes, d.DisabledCode)
	switch {
	case f.Code == "" && mended:
		d.State, d.DisabledCode = DestinationActive, ""
		if d.ActiveSince.IsZero() {
			d.ActiveSince = now
		}
	case f.Code != "" && d.State == DestinationActive, f.Code != "" && mended && d.State == DestinationDisabled:
		d.State, d.DisabledCode = DestinationDisabled, f.Code
	}
	return d, nil
}

// same reports whether nothing of a destination has changed that can change.
func same(a, b Destination) bool {
	return a.State == b.State && a.NameMatch == b.NameMatch && a.DisabledCode == b.DisabledCode && a.banks == b.banks &&
		a.ActiveSince.Equal(b.ActiveSince) && a.CoolingUntil.Equal(b.CoolingUntil)
}
