package payouts

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
	"mizan/ledger/vault"
)

// Where destinations are kept. A change of destination is a new row, and the old one retires.

const (
	destinationColumns = `p.id, p.payee, p.rail, p.account, p.currencies, p.mode, p.state, p.name_match, p.disabled_code,
       p.created_at, p.active_since, p.cooling_until, p.changed_at, p.first_paid_at, p.approval, p.banks`

	sqlDestination     = `SELECT ` + destinationColumns + ` FROM payout_destinations p WHERE p.book_id = $1 AND p.id = $2`
	sqlLockDestination = `SELECT ` + destinationColumns + ` FROM payout_destinations p WHERE p.book_id = $1 AND p.id = $2 FOR NO KEY UPDATE`
	sqlDestinations    = `
SELECT ` + destinationColumns + ` FROM payout_destinations p WHERE p.book_id = $1 AND p.payee = $2
 ORDER BY (p.state = 'retired'), p.created_at DESC, p.id LIMIT $3`
	sqlStandingDestination = `
SELECT ` + destinationColumns + ` FROM payout_destinations p
 WHERE p.book_id = $1 AND p.payee = $2 AND p.rail = $3 AND p.state IN ('pending', 'active', 'disabled')`
	sqlLockStandingDestination = sqlStandingDestination + ` FOR NO KEY UPDATE`
	sqlRetireDestination       = `UPDATE payout_destinations SET state = 'retired', changed_at = $3 WHERE book_id = $1 AND id = $2`
	sqlAddDestination          = `
INSERT INTO payout_destinations (book_id, id, payee, rail, account, currencies, mode, state, name_match, created_at, active_since, cooling_until, changed_at, approval, banks)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $10, $13, $14)`
	sqlMoveDestination = `
UPDATE payout_destinations
   SET state = $3, name_match = $4, disabled_code = $5, active_since = $6, cooling_until = $7, changed_at = $8, banks = $9
 WHERE book_id = $1 AND id = $2`
	sqlFirstPaid = `UPDATE payout_destinations SET first_paid_at = $3 WHERE book_id = $1 AND id = $2 AND first_paid_at IS NULL`

	// Whose the account is in this book, and whether another book or another payee has it or had it.
	sqlAccountTaken = `
SELECT EXISTS (SELECT FROM payout_destinations d
                WHERE d.book_id = $1 AND d.rail = $2 AND d.account = $3 AND d.payee <> $4 AND d.state <> 'retired'),
       EXISTS (SELECT FROM payout_destinations d
                WHERE d.book_id = $1 AND d.rail = $2 AND d.account = $3 AND d.payee <> $4 AND d.state = 'retired'),
       EXISTS (SELECT FROM payout_destinations d
                WHERE d.book_id <> $1 AND d.rail = $2 AND d.account = $3 AND d.state <> 'retired')`
)

// destinationOf reads a row of destinationColumns.
func destinationOf(row pgx.Row) (d Destination, err error) {
	var currencies []string
	times := []struct {
		from *time.Time
		to   *time.Time
	}{{to: &d.ActiveSince}, {to: &d.CoolingUntil}, {to: &d.FirstPaidAt}}
	err = row.Scan(&d.ID, &d.Payee, &d.Rail, &d.Account, &currencies, &d.Mode, &d.State, &d.NameMatch, &d.DisabledCode,
		&d.CreatedAt, &times[0].from, &times[1].from, &d.ChangedAt, &times[2].from, &d.Approval, &d.banks)
	if errors.Is(err, pgx.ErrNoRows) {
		return Destination{}, ErrDestinationUnknown
	}
	for _, t := range times {
		if t.from != nil {
			*t.to = t.from.UTC()
		}
	}
	d.CreatedAt, d.ChangedAt = d.CreatedAt.UTC(), d.ChangedAt.UTC()
	for _, c := range currencies {
		d.Currencies = append(d.Currencies, money.Currency(c))
	}
	return d, err
}

// Destination returns one destination of the book, or ErrDestinationUnknown.
func (s *Service) Destination(ctx context.Context, book ledger.Book, id string) (Destination, error) {
	return destinationOf(s.pool.QueryRow(ctx, sqlDestination, book.ID, id))
}

// Destinations returns a payee's destinations, the standing ones first, the latest first, at most 1,000.
func (s *Service) Destinations(ctx context.Context, book ledger.Book, payee string) ([]Destination, error) {
	rows, err := s.pool.Query(ctx, sqlDestinations, book.ID, payee, maxListed)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Destination, error) { return destinationOf(row) })
}

// disableTx disables a destination for a reason of the rail, so that nothing more goes there until it is mended. One that
// retired stays retired. It returns ErrDestinationUnknown.
func (s *Service) disableTx(ctx context.Context, tx pgx.Tx, by guard.Deed, book ledger.Book, id, code string) error {
	d, err := destinationOf(tx.QueryRow(ctx, sqlLockDestination, book.ID, id))
	if err != nil || d.State == DestinationRetired || d.State == DestinationDisabled && d.DisabledCode == code {
		return err
	}
	next := d
	next.State, next.DisabledCode = DestinationDisabled, code
	return s.moveDestinationTx(ctx, tx, by, book, d, next)
}

// paidToTx notes the first payout that arrived at a destination, also at one that has retired since.
func (s *Service) paidToTx(ctx context.Context, tx pgx.Tx, book ledger.Book, id string) error {
	_, err := tx.Exec(ctx, sqlFirstPaid, book.ID, id, s.now())
	return err
}

// moveDestinationTx stores what became of a destination, and tells the trail.
func (s *Service) moveDestinationTx(ctx context.Context, tx pgx.Tx, by guard.Deed, book ledger.Book, before, after Destination) error {
	after.ChangedAt = s.now()
	_, err := tx.Exec(ctx, sqlMoveDestination, book.ID, after.ID, after.State, after.NameMatch, after.DisabledCode,
		orNull(after.ActiveSince), orNull(after.CoolingUntil), after.ChangedAt, after.banks)
	if err != nil {
		return err
	}
	return s.tellTx(ctx, tx, by, book, "payout_destination.changed", "payee:"+after.Payee, before.mark(), after.mark())
}

// orNull is nothing for the zero time.
func orNull(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// coolingUntil is when the cooling-off of a destination that changes now ends.
func (s *Service) coolingUntil(ctx context.Context, book ledger.Book, payee string, now time.Time) (time.Time, error) {
	p, err := s.PolicyFor(ctx, book, payee, now)
	switch {
	case fault.CodeOf(err) == ErrPolicyMissing.Code:
		return now.Add(defaultCoolingOff), nil
	case err != nil:
		return time.Time{}, err
	}
	return p.CoolingOffEnds(now), nil
}

// setDestinationTx makes the destination that was judged the standing one of its rail: another retires, and the cooling-off
// begins. It returns guard.ErrApprovalChanged if another one stands by now.
func (s *Service) setDestinationTx(ctx context.Context, tx pgx.Tx, by guard.Deed, book ledger.Book, p destinationPayload) (Destination, error) {
	ctx = postgres.Within(ctx, tx)
	payee, err := s.registered(ctx, book, p.Payee)
	switch {
	case err != nil:
		return Destination{}, err
	case payee.Minor:
		return Destination{}, ErrDestinationMinor
	}
	now := s.now()
	old, err := destinationOf(tx.QueryRow(ctx, sqlLockStandingDestination, book.ID, p.Payee, p.Rail))
	if err != nil && fault.CodeOf(err) != ErrDestinationUnknown.Code {
		return Destination{}, err
	}
	if old.ID != p.Found.Replaces {
		return Destination{}, guard.ErrApprovalChanged
	}
	d := Destination{ID: newID("dst"), Payee: p.Payee, Rail: p.Rail, Account: p.Account, Currencies: p.Currencies, Mode: p.Mode, State: DestinationActive,
		NameMatch: p.nameMatch(), CreatedAt: now, ActiveSince: now, ChangedAt: now, Approval: by.Approval, banks: p.Found.Banks}
	if p.Found.Code != "" {
		d.State, d.ActiveSince = DestinationPending, time.Time{}
	}
	if d.CoolingUntil, err = s.coolingUntil(ctx, book, p.Payee, now); err != nil {
		return Destination{}, err
	}
	var before any
	if old.ID != "" {
		before = old.mark()
		if _, err := tx.Exec(ctx, sqlRetireDestination, book.ID, old.ID, now); err != nil {
			return Destination{}, err
		}
	}
	_, err = tx.Exec(ctx, sqlAddDestination, book.ID, d.ID, d.Payee, d.Rail, d.Account, currencyCodes(d.Currencies), d.Mode, d.State, d.NameMatch,
		d.CreatedAt, orNull(d.ActiveSince), d.CoolingUntil, d.Approval, d.banks)
	switch {
	case postgres.IsUnique(err, "payout_destinations_account"):
		return Destination{}, ErrDestinationTaken
	case postgres.IsUnique(err, "payout_destinations_one"):
		return Destination{}, guard.ErrApprovalChanged
	case err != nil:
		return Destination{}, err
	}
	return d, s.tellTx(ctx, tx, by, book, "payout_destination.set", "payee:"+d.Payee, before, d.mark())
}

func currencyCodes(list []money.Currency) []string {
	codes := make([]string, len(list))
	for i, c := range list {
		codes[i] = string(c)
	}
	return codes
}

// bankOf returns the name on record of a payee, the holder of its bank account, and whether there is one. A vault that is
// closed, or a person that was erased, has no name.
func (s *Service) bankOf(ctx context.Context, book ledger.Book, payee string) (name, holder string, has bool, err error) {
	if s.vault == nil {
		return "", "", false, nil
	}
	var fields map[string]string
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) (err error) {
		fields, err = s.vault.GetTx(ctx, tx, vault.Owner{Book: int32(book.ID), Region: book.Region}, "payee:"+payee, []string{"name", "bank_account", "bank_holder"})
		return err
	})
	code := fault.CodeOf(err)
	if slices.Contains([]string{vault.ErrClosed.Code, vault.ErrErased.Code, vault.ErrRegion.Code}, code) {
		return "", "", false, nil
	}
	return fields["name"], fields["bank_holder"], fields["bank_account"] != "", err
}
