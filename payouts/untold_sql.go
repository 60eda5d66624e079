package payouts

import (
	"context"

	"mizan/ledger"
	"mizan/ledger/guard"
)

// What decides where money goes, and the acts that the trail must tell of: destinations, holds that ended, who is verified, what was
// agreed, and runs that a second person released.

const (
	claimDestinations guard.Claims = `
SELECT d.id, 'payee:' || d.payee, 'payout_destination.set', '"id":"' || d.id || '"' FROM payout_destinations d
 WHERE d.book_id = $1 AND d.id > $2 ORDER BY d.id LIMIT $3`
	claimHolds guard.Claims = `
SELECT h.id, 'payee:' || h.payee, 'payout_hold.released', '"id":"' || h.id || '"' FROM payout_holds h
 WHERE h.book_id = $1 AND h.id > $2 AND h.released_at IS NOT NULL ORDER BY h.id LIMIT $3`
	// Every version counts and not the newest alone, of exceptions too: money may have gone by one that another came after.
	claimStandings guard.Claims = `
SELECT s.payee || '/' || s.version, 'payee:' || s.payee, 'payee.standing_changed', '"version":' || s.version || ',' FROM payout_standings s
 WHERE s.book_id = $1 AND (s.payee, s.version) > (split_part($2, '/', 1), coalesce(nullif(split_part($2, '/', 2), ''), '0')::int) ORDER BY s.payee, s.version LIMIT $3`
	claimPolicies guard.Claims = `
SELECT p.version, 'payout_policy:' || p.version, 'payout_policy.activated', '' FROM payout_policies p
 WHERE p.book_id = $1 AND p.version > $2 ORDER BY p.version LIMIT $3`
	claimOverrides guard.Claims = `
SELECT o.payee || '/' || o.version, 'payee:' || o.payee, 'payout_override.changed', '"version":' || o.version || '}' FROM payout_overrides o
 WHERE o.book_id = $1 AND (o.payee, o.version) > (split_part($2, '/', 1), coalesce(nullif(split_part($2, '/', 2), ''), '0')::int) ORDER BY o.payee, o.version LIMIT $3`
	// A run by hand that pays somebody is always released by a person, so that one which went on without is claimed as well.
	claimReleasedRuns guard.Claims = `
SELECT r.id, 'run:' || r.id, 'payout_run.release', '' FROM payout_runs r
 WHERE r.book_id = $1 AND r.id > $2 AND (r.state = 'released' OR r.trigger = 'manual' AND r.paid > 0 AND (r.state = 'done' OR r.state = 'waiting' AND r.needs = '{}'))
 ORDER BY r.id LIMIT $3`
	// A payout that needed a person is released with its run, also where the run itself needed none. Those that wait are passed by, so
	// that a page never reads more rows than it has.
	claimReleasedPayouts guard.Claims = `
SELECT p.run_id || '/' || p.id, CASE WHEN p.released_at IS NOT NULL THEN 'run:' || p.run_id ELSE '' END, 'payout_run.release', '' FROM payouts p
 WHERE p.book_id = $1 AND (p.run_id, p.id) > (split_part($2, '/', 1), split_part($2, '/', 2)) AND p.needs_person ORDER BY p.run_id, p.id LIMIT $3`
)

// Told compares what decides where a book's money goes with the acts that its trail tells of.
func (s *Service) Told(ctx context.Context, book ledger.Book) (guard.Told, error) {
	return s.trail.Compare(ctx, guardBook(book), claimDestinations, claimHolds, claimStandings, claimPolicies, claimOverrides, claimReleasedRuns, claimReleasedPayouts)
}
