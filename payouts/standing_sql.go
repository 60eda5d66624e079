package payouts

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
)

// Where standings are kept: each version is a row that never changes.

const (
	standingColumns = `p.payee, p.version, p.verification, p.category, p.business, p.owner, p.set_off, p.document, p.recorded_at`

	sqlStanding        = `SELECT ` + standingColumns + ` FROM payout_standings p WHERE p.book_id = $1 AND p.payee = $2 ORDER BY p.version DESC LIMIT 1`
	sqlStandingVersion = `SELECT ` + standingColumns + ` FROM payout_standings p WHERE p.book_id = $1 AND p.payee = $2 AND p.version = $3`
	// Walks from one payee to the next along the key, and takes the last version of each.
	sqlStandings = `
WITH RECURSIVE listed AS (
    (SELECT a.payee, 1 AS place FROM payout_standings a WHERE a.book_id = $1 AND a.payee > $2 ORDER BY a.payee LIMIT 1)
    UNION ALL
    SELECT (SELECT a.payee FROM payout_standings a WHERE a.book_id = $1 AND a.payee > listed.payee ORDER BY a.payee LIMIT 1), listed.place + 1
      FROM listed WHERE listed.payee IS NOT NULL AND listed.place < $3
)
SELECT ` + standingColumns + `
  FROM listed CROSS JOIN LATERAL (
       SELECT * FROM payout_standings x WHERE x.book_id = $1 AND x.payee = listed.payee ORDER BY x.version DESC LIMIT 1) p
 WHERE listed.payee IS NOT NULL ORDER BY p.payee`
	sqlAddStanding = `
INSERT INTO payout_standings (book_id, payee, version, verification, category, business, owner, set_off, document, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT DO NOTHING`

	// A payee is empty if no account of it holds anything, nothing is under way, and nothing is held.
	sqlHasMoney = `
SELECT EXISTS (SELECT FROM unnest($2::text[]) AS wanted (address)
                CROSS JOIN LATERAL (SELECT a.id FROM accounts a WHERE a.book_id = $1 AND a.address = wanted.address LIMIT 200) a
                CROSS JOIN LATERAL (SELECT b.debits, b.credits FROM balances b WHERE b.book_id = $1 AND b.account_id = a.id LIMIT 1) b
                WHERE b.debits <> b.credits)`
	sqlHasPayouts = `
SELECT EXISTS (SELECT FROM payouts p WHERE p.book_id = $1 AND p.payee = $2
                  AND p.state IN ('created', 'sending', 'unknown', 'refused', 'submitted', 'at_account'))`
	sqlHasHold = `SELECT EXISTS (SELECT FROM payout_holds h WHERE h.book_id = $1 AND h.payee = $2 AND h.released_at IS NULL)`
)

// bucketsOfPayees are the chart's accounts that belong to one payee, without its id.
var bucketsOfPayees = []string{
	"liabilities:seller:pending:", "liabilities:seller:available:", "liabilities:seller:reserve:", "liabilities:seller:dispute_hold:", "liabilities:seller:blocked:",
	"liabilities:seller_deposit:", "liabilities:commission_deposit:",
	"liabilities:creator:pending:", "liabilities:creator:available:", "liabilities:creator:dispute_hold:", "liabilities:creator:blocked:", "liabilities:creator:minor_trust:",
	"liabilities:agency:pending:", "liabilities:agency:available:", "liabilities:agency:dispute_hold:", "liabilities:agency:blocked:",
	"liabilities:partner:pending:", "liabilities:partner:available:", "liabilities:partner:dispute_hold:", "liabilities:partner:blocked:",
	"liabilities:payout_in_transit:",
}

// Standing returns a payee's standing; of a payee without one, unverified and open at version 0.
func (s *Service) Standing(ctx context.Context, book ledger.Book, payee string) (Standing, error) {
	return standingOf(s.pool.QueryRow(ctx, sqlStanding, book.ID, payee), payee)
}

// Standings returns up to limit standings of payees after an id, in order of their ids, and whether there are more. Payees of
// whom nobody has said anything are not listed.
func (s *Service) Standings(ctx context.Context, book ledger.Book, after string, limit int) ([]Standing, bool, error) {
	limit = min(max(limit, 1), maxListed)
	rows, err := s.pool.Query(ctx, sqlStandings, book.ID, after, limit+1)
	if err != nil {
		return nil, false, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Standing, error) { return standingOf(row, "") })
	if len(list) > limit {
		return list[:limit], true, err
	}
	return list, false, err
}

// maxListed bounds a page.
const maxListed = 1000

// standingOf reads a row of standingColumns; no row is the first standing of the payee.
func standingOf(row pgx.Row, payee string) (s Standing, err error) {
	err = row.Scan(&s.Payee, &s.Version, &s.Verification, &s.Category, &s.Business, &s.Owner, &s.SetOff, &s.Document, &s.RecordedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return firstStanding(payee), nil
	}
	s.RecordedAt = s.RecordedAt.UTC()
	return s, err
}

// ChangeStanding changes it, and tells the trail who did. The same change again finds it made. It returns ErrStandingInvalid,
// ErrStandingVersion, ErrPayeeBusy or commerce.ErrPayeeUnknown.
func (s *Service) ChangeStanding(ctx context.Context, by guard.Actor, book ledger.Book, payee string, change StandingChange) (out Standing, err error) {
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		out, err = s.ChangeStandingTx(ctx, tx, guard.Deed{Actor: by, Why: change.Why}, book, payee, change)
		return err
	})
	if err != nil {
		return Standing{}, err
	}
	return out, nil
}

// ChangeStandingTx changes it, and tells the trail. Closing a payee with money or with payouts on their way is refused. Of the
// deed it takes the actor, the approval, and the reason if the change has none.
func (s *Service) ChangeStandingTx(ctx context.Context, tx pgx.Tx, by guard.Deed, book ledger.Book, payee string, change StandingChange) (Standing, error) {
	ctx = postgres.Within(ctx, tx)
	if change.Why != "" {
		by.Why = change.Why
	}
	if _, err := s.registered(ctx, book, payee); err != nil {
		return Standing{}, err
	}
	if change.Business != nil && *change.Business == PayeeClosed {
		// Whatever moves the payee's money takes the book's lock too, so nothing comes between the look and the commit.
		if err := s.ledger.LockTx(ctx, tx, book); err != nil {
			return Standing{}, err
		}
	}
	now, err := s.Standing(ctx, book, payee)
	if err != nil {
		return Standing{}, err
	}
	if change.Version != now.Version {
		return s.madeBefore(ctx, book, now, change)
	}
	next, err := now.next(change)
	if err != nil {
		return Standing{}, err
	}
	if next.Version--; next.says(now) {
		return now, nil
	}
	next.Version++
	if next.Business == PayeeClosed && now.Business != PayeeClosed {
		if err := s.mustBeEmpty(ctx, book, payee); err != nil {
			return Standing{}, err
		}
	}
	next.RecordedAt = s.now()
	tag, err := tx.Exec(ctx, sqlAddStanding, book.ID, next.Payee, next.Version, next.Verification, next.Category, next.Business, next.Owner, next.SetOff, next.Document, next.RecordedAt)
	if err != nil {
		return Standing{}, err
	}
	if tag.RowsAffected() == 0 {
		return Standing{}, ErrStandingVersion
	}
	var before any
	if now.Version > 0 {
		before = now.mark()
	}
	return next, s.tellTx(ctx, tx, by, book, "payee.standing_changed", "payee:"+payee, before, next.mark())
}

// madeBefore answers a change of an earlier version: it is found made if it made the present one.
func (s *Service) madeBefore(ctx context.Context, book ledger.Book, now Standing, change StandingChange) (Standing, error) {
	if change.Version+1 != now.Version {
		return Standing{}, ErrStandingVersion
	}
	before, err := standingOf(s.pool.QueryRow(ctx, sqlStandingVersion, book.ID, now.Payee, change.Version), now.Payee)
	if err != nil {
		return Standing{}, err
	}
	if again, err := before.next(change); err != nil || !again.says(now) {
		return Standing{}, ErrStandingVersion
	}
	return now, nil
}

// mustBeEmpty refuses to close a payee with anything left (bad input N16). It says what is left, and not how much.
func (s *Service) mustBeEmpty(ctx context.Context, book ledger.Book, payee string) error {
	addresses := make([]string, len(bucketsOfPayees))
	for i, bucket := range bucketsOfPayees {
		addresses[i] = bucket + payee
	}
	for _, look := range []struct {
		sql, left string
		with      any
	}{
		{sqlHasMoney, "It has money, or a debt, in one of its accounts.", addresses},
		{sqlHasPayouts, "A payout of it is on its way.", payee},
		{sqlHasHold, "A hold stands.", payee},
	} {
		var has bool
		if err := s.pool.QueryRow(ctx, look.sql, book.ID, look.with).Scan(&has); err != nil {
			return err
		}
		if has {
			return ErrPayeeBusy.At("/business", "payee-not-empty", look.left)
		}
	}
	return nil
}

// registered returns the payee as it stands in the book's register.
func (s *Service) registered(ctx context.Context, book ledger.Book, payee string) (commerce.Payee, error) {
	return s.events.Payee(ctx, book, payee)
}
