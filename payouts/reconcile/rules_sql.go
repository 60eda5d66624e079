package reconcile

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// Versions of the rules. Version 0 is shipped and stands nowhere; the others are dated and never change.

// ErrRulesUnknown means that a book has no such version of the rules.
var ErrRulesUnknown = fault.New(fault.NotFound, "recon-rules-unknown", "The book has no such version of the rules of reconciliation. List the versions.")

const (
	sqlRulesAt = `
SELECT version, valid_from, document, recorded_at, approval
  FROM recon_rules
 WHERE book_id = $1 AND valid_from <= $2
 ORDER BY valid_from DESC
 LIMIT 1`

	sqlRulesVersion = `SELECT version, valid_from, document, recorded_at, approval FROM recon_rules WHERE book_id = $1 AND version = $2`

	sqlRulesVersions = `
SELECT version, valid_from, document, recorded_at, approval
  FROM recon_rules
 WHERE book_id = $1 AND version < $2
 ORDER BY version DESC
 LIMIT $3`

	sqlLastRules = `
SELECT coalesce(max(version), 0), coalesce(max(valid_from), '0001-01-01 00:00:00+00'::timestamptz) FROM recon_rules WHERE book_id = $1`

	sqlAddRules = `INSERT INTO recon_rules (book_id, version, valid_from, document, recorded_at, approval) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`
)

// RulesRecord is a version of the rules as it is kept.
type RulesRecord struct {
	Rules
	RecordedAt time.Time
	// Approval is the approval by which two people activated it.
	Approval string
}

func scanRules(row pgx.CollectableRow) (r RulesRecord, err error) {
	var version int
	var from time.Time
	var document string
	if err := row.Scan(&version, &from, &document, &r.RecordedAt, &r.Approval); err != nil {
		return r, err
	}
	if r.Rules, err = ParseRules([]byte(document)); err != nil {
		return r, err
	}
	r.Version, r.ValidFrom, r.RecordedAt = version, from.UTC(), r.RecordedAt.UTC()
	return r, nil
}

// oneRules reads one version, or the shipped ones if there is none.
func oneRules(ctx context.Context, from asker, sql string, args ...any) (r RulesRecord, found bool, err error) {
	rows, err := from.Query(ctx, sql, args...)
	if err != nil {
		return r, false, err
	}
	r, err = pgx.CollectExactlyOneRow(rows, scanRules)
	if errors.Is(err, pgx.ErrNoRows) {
		return RulesRecord{Rules: Shipped()}, false, nil
	}
	return r, err == nil, err
}

// RulesAt are the rules of a book that are in force at a moment.
func (s *Service) RulesAt(ctx context.Context, book ledger.Book, at time.Time) (Rules, error) {
	r, _, err := oneRules(ctx, s.pool, sqlRulesAt, book.ID, at)
	return r.Rules, err
}

// rulesVersion are the rules of a version; 0 is the shipped ones.
func rulesVersion(ctx context.Context, from asker, book ledger.Book, version int) (Rules, error) {
	if version == 0 {
		return Shipped(), nil
	}
	r, found, err := oneRules(ctx, from, sqlRulesVersion, book.ID, version)
	if err == nil && !found {
		err = ErrRulesUnknown
	}
	return r.Rules, err
}

// RulesVersion are the rules of a version, 0 for those that are shipped. It returns ErrRulesUnknown.
func (s *Service) RulesVersion(ctx context.Context, book ledger.Book, version int) (Rules, error) {
	return rulesVersion(ctx, s.pool, book, version)
}

// RulesVersions are up to limit versions before one, at most 1,000, the newest first; before 0 is from the newest on. The shipped
// ones are not among them.
func (s *Service) RulesVersions(ctx context.Context, book ledger.Book, before, limit int) ([]RulesRecord, error) {
	if before <= 0 {
		before = 1 << 30
	}
	rows, err := s.pool.Query(ctx, sqlRulesVersions, book.ID, before, min(max(limit, 1), 1000))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanRules)
}

// mayActivateRules judges the date of new rules: what was reconciled goes by what was in force then, so new rules begin in the
// future and after all that there are.
func (s *Service) mayActivateRules(ctx context.Context, from asker, book ledger.Book, validFrom time.Time) (next int, err error) {
	if !validFrom.After(s.now()) {
		return 0, ErrRulesInvalid.At("/valid_from", "recon-rules-past", "Rules begin in the future: what was reconciled stays as it was. Give them a later moment.")
	}
	rows, err := from.Query(ctx, sqlLastRules, book.ID)
	if err != nil {
		return 0, err
	}
	var last time.Time
	for rows.Next() {
		if err := rows.Scan(&next, &last); err != nil {
			return 0, err
		}
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	if !validFrom.After(last) {
		return 0, ErrRulesInvalid.At("/valid_from", "recon-rules-order", "Rules that begin then or later are activated already. Give these a later moment.")
	}
	return next + 1, nil
}

// addRulesTx records the next version of the rules.
func (s *Service) addRulesTx(ctx context.Context, tx pgx.Tx, book ledger.Book, r Rules, approval string) (Rules, error) {
	next, err := s.mayActivateRules(ctx, tx, book, r.ValidFrom)
	if err != nil {
		return Rules{}, err
	}
	done, err := tx.Exec(ctx, sqlAddRules, book.ID, next, r.ValidFrom, string(r.Canonical()), s.now(), approval)
	if err != nil {
		return Rules{}, err
	}
	if done.RowsAffected() == 0 {
		return Rules{}, ErrRulesInvalid.At("/valid_from", "recon-rules-order", "Other rules were activated meanwhile. Look at them, and ask again.")
	}
	r.Version = next
	return r, nil
}
