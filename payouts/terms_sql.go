package payouts

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/postgres"
)

// The terms under which a book pays: the policies of its market that are shipped, those that were activated for it, and
// exceptions for single payees. Nothing of them ever changes; each holds from a moment on.

const (
	policyColumns = `p.version, p.valid_from, p.document, p.recorded_at, p.approval`

	sqlPolicyAt  = `SELECT ` + policyColumns + ` FROM payout_policies p WHERE p.book_id = $1 AND p.valid_from <= $2 ORDER BY p.valid_from DESC LIMIT 1`
	sqlPolicyOf  = `SELECT ` + policyColumns + ` FROM payout_policies p WHERE p.book_id = $1 AND p.version = $2`
	sqlPolicies  = `SELECT ` + policyColumns + ` FROM payout_policies p WHERE p.book_id = $1 AND ($2 OR p.valid_from < $3) ORDER BY p.valid_from DESC LIMIT $4`
	sqlAddPolicy = `
INSERT INTO payout_policies (book_id, version, valid_from, document, digest, recorded_at, approval) VALUES ($1, $2, $3, $4, $5, $6, $7)`

	overrideColumns = `p.payee, p.version, p.valid_from, p.document, p.recorded_at, p.approval`

	sqlOverrideAt = `
SELECT ` + overrideColumns + ` FROM payout_overrides p
 WHERE p.book_id = $1 AND p.payee = $2 AND p.valid_from <= $3 ORDER BY p.version DESC LIMIT 1`
	sqlLastOverride = `SELECT ` + overrideColumns + ` FROM payout_overrides p WHERE p.book_id = $1 AND p.payee = $2 ORDER BY p.version DESC LIMIT 1`
	sqlOverrides    = `SELECT ` + overrideColumns + ` FROM payout_overrides p WHERE p.book_id = $1 AND p.payee = $2 ORDER BY p.version DESC LIMIT $3`
	sqlExceptions   = `
SELECT DISTINCT ON (p.payee) ` + overrideColumns + ` FROM payout_overrides p WHERE p.book_id = $1 AND p.payee > $2 ORDER BY p.payee, p.version DESC LIMIT $3`
	sqlAddOverride = `
INSERT INTO payout_overrides (book_id, payee, version, valid_from, document, recorded_at, approval) VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT DO NOTHING`

	sqlPolicyText = `SELECT t.document FROM payout_policy_texts t WHERE t.book_id = $1 AND t.policy = $2`
)

// PolicyAt returns the policy that holds in the book at the moment: the last that was activated for it and has begun, else
// the one shipped for its market. It returns ErrPolicyMissing.
func (s *Service) PolicyAt(ctx context.Context, book ledger.Book, at time.Time) (*Policy, error) {
	own, err := activatedOf(s.pool.QueryRow(ctx, sqlPolicyAt, book.ID, at))
	switch {
	case err == nil:
		return ParsePolicy(own.Document)
	case !errors.Is(err, pgx.ErrNoRows):
		return nil, err
	case book.Market == "":
		return nil, ErrPolicyMissing.With("The book has no market, so no shipped payout policy holds for it. Activate a policy for the book.")
	}
	return PolicyAt(ShippedPolicies(), book.Market, at)
}

// PolicyFor returns the policy for one payee at the moment: the book's, with what was agreed with the payee. An exception
// that does not fit the book's policy any more is an error, so that nobody is paid by terms that nobody agreed to.
func (s *Service) PolicyFor(ctx context.Context, book ledger.Book, payee string, at time.Time) (*Policy, error) {
	p, err := s.PolicyAt(ctx, book, at)
	if err != nil {
		return nil, err
	}
	o, err := s.OverrideAt(ctx, book, payee, at)
	if err != nil || o.ends() {
		return p, err
	}
	return p.withDocument(o.Document)
}

// withDocument is With, of an exception's document.
func (p *Policy) withDocument(document []byte) (*Policy, error) {
	o, err := ParseOverride(document)
	if err != nil {
		return nil, err
	}
	return p.With(o)
}

// Policies returns up to limit policies that were activated for the book, the latest first, beginning before a moment; the
// zero moment is no bound. Then come the shipped ones of its market. It says whether there are more activated ones.
func (s *Service) Policies(ctx context.Context, book ledger.Book, before time.Time, limit int) ([]Activated, bool, error) {
	limit = min(max(limit, 1), maxListed)
	bound := before
	if bound.IsZero() {
		bound = time.Unix(0, 0)
	}
	rows, err := s.pool.Query(ctx, sqlPolicies, book.ID, before.IsZero(), bound, limit+1)
	if err != nil {
		return nil, false, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Activated, error) { return activatedOf(row) })
	if err != nil {
		return nil, false, err
	}
	if len(list) > limit {
		return list[:limit], true, nil
	}
	for _, p := range ShippedPolicies() {
		if p.Market == book.Market {
			list = append(list, Activated{Version: p.Name(), ValidFrom: p.ValidFrom, Document: p.Canonical(), Shipped: true})
		}
	}
	return list, false, nil
}

// Policy returns one policy of the book by its version, such as us-1. It returns ErrPolicyUnknown.
func (s *Service) Policy(ctx context.Context, book ledger.Book, version string) (Activated, error) {
	own, err := activatedOf(s.pool.QueryRow(ctx, sqlPolicyOf, book.ID, version))
	if !errors.Is(err, pgx.ErrNoRows) {
		return own, err
	}
	for _, p := range ShippedPolicies() {
		if p.Market == book.Market && p.Name() == version {
			return Activated{Version: version, ValidFrom: p.ValidFrom, Document: p.Canonical(), Shipped: true}, nil
		}
	}
	return Activated{}, ErrPolicyUnknown
}

// OverrideAt returns the exception of a payee that is in force at the moment; version 0 if there is none.
func (s *Service) OverrideAt(ctx context.Context, book ledger.Book, payee string, at time.Time) (Agreed, error) {
	return agreedOf(s.pool.QueryRow(ctx, sqlOverrideAt, book.ID, payee, at))
}

// Overrides returns the last exceptions of a payee, at most 1,000, the latest first.
func (s *Service) Overrides(ctx context.Context, book ledger.Book, payee string) ([]Agreed, error) {
	rows, err := s.pool.Query(ctx, sqlOverrides, book.ID, payee, maxListed)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Agreed, error) { return agreedOf(row) })
}

// Exceptions returns what was agreed last with each payee of the book with whom anything was, after one of them by id, at most 1,000. One
// whose document is empty ended what was agreed before, and one may hold later only. It says whether there are more.
func (s *Service) Exceptions(ctx context.Context, book ledger.Book, after string, limit int) ([]Agreed, bool, error) {
	limit = min(max(limit, 1), maxListed)
	rows, err := s.pool.Query(ctx, sqlExceptions, book.ID, after, limit+1)
	if err != nil {
		return nil, false, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Agreed, error) { return agreedOf(row) })
	return list[:min(len(list), limit)], len(list) > limit, err
}

// PolicyText returns the policy that decisions of the book name, exceptions included. It returns ErrPolicyUnknown.
func (s *Service) PolicyText(ctx context.Context, book ledger.Book, name string) (*Policy, error) {
	var document string
	err := s.pool.QueryRow(ctx, sqlPolicyText, book.ID, name).Scan(&document)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrPolicyUnknown
	}
	if err != nil {
		return nil, err
	}
	return ParsePolicy([]byte(document))
}

// activatedOf reads a row of policyColumns.
func activatedOf(row pgx.Row) (a Activated, err error) {
	var document string
	err = row.Scan(&a.Version, &a.ValidFrom, &document, &a.RecordedAt, &a.Approval)
	a.ValidFrom, a.RecordedAt, a.Document = a.ValidFrom.UTC(), a.RecordedAt.UTC(), []byte(document)
	return a, err
}

// agreedOf reads a row of overrideColumns; no row is no exception.
func agreedOf(row pgx.Row) (a Agreed, err error) {
	var document string
	err = row.Scan(&a.Payee, &a.Version, &a.ValidFrom, &document, &a.RecordedAt, &a.Approval)
	if errors.Is(err, pgx.ErrNoRows) {
		return Agreed{}, nil
	}
	a.ValidFrom, a.RecordedAt, a.Document = a.ValidFrom.UTC(), a.RecordedAt.UTC(), []byte(document)
	return a, err
}

// activateTx stores a policy that was judged before, and tells the trail. What was stored with the same bytes is found.
func (s *Service) activateTx(ctx context.Context, tx pgx.Tx, by deed, book ledger.Book, p *Policy) (Activated, error) {
	ctx = postgres.Within(ctx, tx)
	if err := s.mayActivate(ctx, book, p); err != nil {
		return Activated{}, err
	}
	a := Activated{Version: p.Name(), ValidFrom: p.ValidFrom.UTC(), Document: p.Canonical(), RecordedAt: s.now(), Approval: by.Approval}
	digest := p.Digest()
	_, err := tx.Exec(ctx, sqlAddPolicy, book.ID, a.Version, a.ValidFrom, string(a.Document), digest[:], a.RecordedAt, a.Approval)
	if postgres.IsUnique(err, "payout_policies_pkey") || postgres.IsUnique(err, "payout_policies_date") {
		return Activated{}, ErrPolicyExists
	}
	if err != nil {
		return Activated{}, err
	}
	return a, s.tellTx(ctx, tx, by, book, "payout_policy.activated", "payout_policy:"+a.Version, nil, map[string]any{"valid_from": a.ValidFrom})
}

// mayActivate judges what of a policy depends on the book.
func (s *Service) mayActivate(ctx context.Context, book ledger.Book, p *Policy) error {
	switch {
	case p.Market != book.Market:
		return ErrPolicyInvalid.At("/market", "payout-policy-market", "The policy is for another market than the book's.")
	case p.TimeZone != book.TimeZone:
		return ErrPolicyClock.At("/time_zone", "payout-policy-clock", "The policy's zone is not the book's. Give the book's.")
	case p.Run != RunTime:
		return ErrPolicyClock.At("/run", "payout-policy-clock", "Runs start at 02:00. Give that time.")
	case p.Override != "":
		return ErrPolicyInvalid.At("/override", "unexpected", "A policy of a book is nobody's exception. Leave it out.")
	case len(p.Canonical()) > maxKeptDocument:
		return ErrPolicyInvalid.With("The payout policy is longer than 64 KiB. Shorten its texts.")
	case !p.ValidFrom.After(s.now()):
		return ErrPolicyInvalid.At("/valid_from", "payout-policy-past", "A policy begins in the future: what was decided before stays as it was decided. Give it a later moment.")
	}
	if _, err := s.Policy(ctx, book, p.Name()); err == nil {
		return ErrPolicyExists
	} else if !errors.Is(err, ErrPolicyUnknown) {
		return err
	}
	return nil
}

// agreeTx stores an exception that was judged before, as the payee's next version, and tells the trail.
func (s *Service) agreeTx(ctx context.Context, tx pgx.Tx, by deed, book ledger.Book, p overridePayload) (Agreed, error) {
	ctx = postgres.Within(ctx, tx)
	last, err := agreedOf(s.pool.QueryRow(ctx, sqlLastOverride, book.ID, p.Payee))
	if err != nil {
		return Agreed{}, err
	}
	if last.Version != p.After {
		return Agreed{}, ErrOverrideVersion
	}
	a := Agreed{Payee: p.Payee, Version: last.Version + 1, ValidFrom: p.ValidFrom.UTC(), Document: []byte(p.Document), RecordedAt: s.now(), Approval: by.Approval}
	tag, err := tx.Exec(ctx, sqlAddOverride, book.ID, a.Payee, a.Version, a.ValidFrom, p.Document, a.RecordedAt, a.Approval)
	if err != nil {
		return Agreed{}, err
	}
	if tag.RowsAffected() == 0 {
		return Agreed{}, ErrOverrideVersion
	}
	return a, s.tellTx(ctx, tx, by, book, "payout_override.changed", "payee:"+a.Payee, nil, map[string]any{"version": a.Version, "valid_from": a.ValidFrom, "ends": a.ends()})
}
