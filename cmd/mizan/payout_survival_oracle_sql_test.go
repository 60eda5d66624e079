package main

// The oracle of a payout survival campaign: it holds the books against what the processor has counted.

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/processor"
)

const (
	sqlSurvivalPayee = `
INSERT INTO payees (book_id, id, version, kind, country, currency, minor, recorded_at) VALUES ($1, $2, 1, 'seller', 'US', 'USD', false, $3)`
	// The database's own clock cannot be moved: what a process that is gone still holds is over now.
	sqlEndPeriods = `UPDATE job_periods SET lease_until = clock_timestamp() - interval '1 second' WHERE book_id >= 0 AND state = 'running'`
	sqlEndClaims  = `UPDATE payouts SET lease_until = clock_timestamp() - interval '1 second' WHERE book_id = $1 AND lease_until IS NOT NULL`
	sqlEndOffers  = `UPDATE job_lines SET offered_until = '-infinity' WHERE book_id >= 0`

	sqlDuePeriods = `
SELECT p.kind || ' ' || p.state FROM job_periods p
 WHERE p.book_id >= 0 AND (p.state = 'running' OR p.state = 'waiting' AND p.next_attempt <= $1) ORDER BY 1 LIMIT 10`

	sqlWritten = `
SELECT 'payout ' || (to_jsonb(p) - 'claimed_by' - 'lease_until' - 'fence')::text FROM payouts p WHERE p.book_id = $1
 UNION ALL SELECT 'step ' || x::text FROM payout_steps x WHERE x.book_id = $1
 UNION ALL SELECT 'attempt ' || x::text FROM payout_attempts x WHERE x.book_id = $1
 UNION ALL SELECT 'run ' || x::text FROM payout_runs x WHERE x.book_id = $1
 UNION ALL SELECT 'decision ' || d.run_id || ' ' || d.payee FROM payout_decisions d WHERE d.book_id = $1
 UNION ALL SELECT 'transaction ' || t.sequence FROM transactions t WHERE t.book_id = $1
 UNION ALL SELECT 'notice ' || n.number || ' ' || n.outcome FROM processor_notices n /* book_id: of all */
 UNION ALL SELECT 'run of a job ' || a::text FROM job_attempts a WHERE a.book_id >= 0 AND a.ending <> 'done'`

	sqlSurvivalPayouts = `
SELECT p.id, p.amount, p.pulled_back, p.state, p.returned_at IS NOT NULL, p.code, p.transfer, p.look_at FROM payouts p WHERE p.book_id = $1 ORDER BY p.id`

	// A work whose every attempt fell together with a fault is parked for people; what a later period of it has done is not missing.
	//
	// What happened twice that happens once: a payout sent, paid, or back by two transactions; two transactions of one step of it; a
	// period that was done twice; a notice that was kept twice.
	sqlTwice = `
SELECT 'payout ' || s.payout || ' is ' || s.state || ' by ' || count(*) || ' transactions' FROM payout_steps s
 WHERE s.book_id = $1 AND s.sequence > 0 AND s.state IN ('created', 'submitted', 'failed', 'cancelled') GROUP BY s.payout, s.state HAVING count(*) > 1
 UNION ALL
SELECT 'transaction ' || s.sequence || ' is of ' || count(*) || ' steps' FROM payout_steps s
 WHERE s.book_id = $1 AND s.sequence > 0 AND s.state <> 'created' GROUP BY s.sequence HAVING count(*) > 1
 UNION ALL
SELECT 'period ' || a.kind || ' ' || a.period || ' was done ' || count(*) || ' times' FROM job_attempts a
 WHERE a.book_id >= 0 AND a.ending = 'done' GROUP BY a.kind, a.book_id, a.period HAVING count(*) > 1
 UNION ALL
SELECT 'period ' || p.kind || ' ' || p.period || ' is ' || p.state || ' ' || p.error_code FROM job_periods p
 WHERE p.book_id >= 0 AND p.state IN ('parked', 'running') AND $2
   AND NOT (p.state = 'parked' AND p.error_code IN ('processor-unavailable', 'processor-strange', 'lost')
       AND EXISTS (SELECT FROM job_periods l WHERE l.kind = p.kind AND l.book_id = p.book_id AND l.period > p.period AND l.state = 'done'))
 UNION ALL
SELECT 'the run of ' || r.period || ' stands ' || count(*) || ' times' FROM payout_runs r
 WHERE r.book_id = $1 AND r.trigger = 'scheduled' GROUP BY r.period HAVING count(*) > 1
 UNION ALL
SELECT 'notice ' || n.id || ' of ' || n.type || ' is kept ' || count(*) || ' times' FROM processor_notices n GROUP BY n.id, n.type HAVING count(*) > 1 /* book_id: of all */
 UNION ALL
SELECT 'account ' || a.address || ' owes nothing and has ' || (b.credits - b.debits) FROM accounts a
  JOIN balances b ON b.book_id = a.book_id AND b.account_id = a.id WHERE a.book_id = $1 AND a.address LIKE '%transit%' AND $2 AND b.credits <> b.debits
 UNION ALL
SELECT 'period of the plan ' || p.period || ' is ' || p.state FROM job_periods p WHERE p.book_id = $1 AND p.kind = 'payout_plan' AND p.state <> 'done' AND $2
 UNION ALL
SELECT 'notice ' || n.number || ' of ' || n.type || ' is not handled' FROM processor_notices n WHERE n.handled_at IS NULL AND $2 /* book_id: of all */`
)

// insertPayee makes a payee who was verified.
func (s *payStage) insertPayee(t *testing.T, id string) {
	t.Helper()
	at := s.clock.Now().AddDate(0, -2, 0)
	s.exec(t, sqlSurvivalPayee, s.book.ID, id, at)
	verified := payouts.IdentityVerified
	if _, err := s.parts.payouts.ChangeStanding(t.Context(), operator(), s.book, id, payouts.StandingChange{Verification: &verified, Document: "seen", Why: "Papers were seen."}); err != nil {
		t.Fatal(err)
	}
}

func (s *payStage) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := s.pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// leasesEnd lets everything be taken over that somebody holds. What is locked by a process that stands still is free as soon as the
// database has ended its transaction.
func (s *payStage) leasesEnd(t *testing.T) {
	t.Helper()
	wait(t, "the locks of a process that is gone", func() bool {
		for _, x := range []struct {
			sql  string
			args []any
		}{{sqlEndPeriods, nil}, {sqlEndClaims, []any{s.book.ID}}, {sqlEndOffers, nil}} {
			if _, err := s.pool.Exec(t.Context(), x.sql, x.args...); err != nil {
				return false
			}
		}
		return true
	})
}

// due are the periods that somebody runs or should run now.
func (s *payStage) due(t *testing.T) []string { return s.texts(t, sqlDuePeriods, s.clock.Now()) }

// written is everything that services write about payouts.
func (s *payStage) written(t *testing.T) []string { return s.texts(t, sqlWritten, s.book.ID) }

func (s *payStage) texts(t *testing.T, sql string, args ...any) []string {
	t.Helper()
	rows, err := s.pool.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// survivor is a payout as it stands.
type survivor struct {
	ID         string
	Amount     money.Minor
	PulledBack money.Minor
	State      string
	Returned   bool
	Code       string
	Transfer   string
	LookAt     *time.Time
}

func (p survivor) net() money.Minor { return p.Amount - p.PulledBack }

func (s *payStage) payouts(t *testing.T) []survivor {
	t.Helper()
	rows, err := s.pool.Query(t.Context(), sqlSurvivalPayouts, s.book.ID)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[survivor])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// check counts at the processor: every payout was transferred once at most, and leaves for the bank once at most.
func (s *payStage) check(t *testing.T, when string) {
	t.Helper()
	sent, left := s.sim.Transfers(), s.sim.Payouts(processor.MetadataInstruction)
	known := map[string]bool{}
	for _, p := range s.payouts(t) {
		known[p.ID] = true
		k := sent[p.ID]
		if k.Count > 1 || k.Count == 1 && k.Amount != int64(p.Amount) || k.Reversed > k.Amount {
			t.Errorf("%s: the processor has counted %+v for payout %s of %d", when, k, p.ID, p.Amount)
		}
		if p.State == payouts.Cancelled && k.Amount != k.Reversed {
			t.Errorf("%s: payout %s is cancelled, and the processor has counted %+v", when, p.ID, k)
		}
		if p.Transfer != "" && k.Count != 1 {
			t.Errorf("%s: payout %s has the transfer %s, and the processor has counted %+v", when, p.ID, p.Transfer, k)
		}
		if out := left[p.ID+"-out"]; out.Count > 1 {
			t.Errorf("%s: payout %s left for the bank as %+v", when, p.ID, out)
		}
	}
	for id, k := range sent {
		if !known[id] {
			t.Errorf("%s: the processor has counted %+v for %q, which is nobody's payout", when, k, id)
		}
	}
	if err := s.sim.Check(); err != nil {
		t.Errorf("%s: %v", when, err)
	}
	for _, what := range s.texts(t, sqlTwice, s.book.ID, false) {
		t.Errorf("%s: %s", when, what)
	}
}

// finish lets everything come to its end and proves that it did: every payout is settled, the books are sound, and what the ledger says
// was paid is what has arrived at banks.
func (s *payStage) finish(t *testing.T) {
	t.Helper()
	s.behave(t, "none")
	s.breakBanks(t, 0)
	var open []string
	for range 60 {
		s.ask(t, 0)
		s.pass(t, 13*time.Hour, nil)
		open = nil
		for _, p := range s.payouts(t) {
			if !slices.Contains([]string{payouts.Paid, payouts.Failed, payouts.Cancelled}, p.State) || p.State == payouts.Paid && p.LookAt != nil && !p.Returned {
				open = append(open, fmt.Sprintf("%s is %s %s", p.ID, p.State, p.Code))
			}
		}
		if len(open) == 0 && len(s.unanswered) == 0 && s.turns%2 == 0 {
			break
		}
	}
	s.pass(t, 2*time.Hour, nil)
	if len(open) > 0 || len(s.unanswered) > 0 {
		t.Errorf("not settled: %q; not answered: %d", open, len(s.unanswered))
	}
	s.check(t, "in the end")
	for _, what := range s.texts(t, sqlTwice, s.book.ID, true) {
		t.Errorf("in the end: %s", what)
	}
	var paid, arrived int64
	for _, p := range s.payouts(t) {
		s.tally.add("payouts "+p.State, 1)
		if p.State == payouts.Paid && !p.Returned {
			paid += int64(p.net())
		}
	}
	for _, k := range s.sim.Payouts(processor.MetadataInstruction) {
		arrived += k.Amount
	}
	if paid != arrived {
		t.Errorf("the ledger says that %d were paid, and %d have arrived at banks", paid, arrived)
	}
	for n := range s.services {
		s.end(t, n)
	}
	mizan(t, map[string]string{"MIZAN_DATABASE_URL": s.database}, "", "verify").want(t, exitDone, payBook+": sound", "payouts sound")
}

const sqlHalfDone = `
SELECT a.payout || ' ' || a.act || ' ' || a.state FROM payout_attempts a WHERE a.book_id = $1 AND a.state IN ('sending', 'unknown')`

// halfDone are the orders that left and whose outcome is not stored.
func (s *payStage) halfDone(t *testing.T) []string { return s.texts(t, sqlHalfDone, s.book.ID) }

const sqlLives = `
SELECT p.state || ' ' || p.code || ' ' || p.method || ' ' || p.mode || ': ' || count(*) FROM payouts p WHERE p.book_id = $1 GROUP BY p.state, p.code, p.method, p.mode
 UNION ALL
SELECT 'run ' || r.trigger || ' ' || r.state || ' ' || array_to_string(r.needs, ',') || ': ' || count(*) FROM payout_runs r WHERE r.book_id = $1 GROUP BY r.trigger, r.state, r.needs
 UNION ALL
SELECT 'decision ' || d.verdict || ' ' || array_to_string(d.reasons, ',') || ': ' || count(*) FROM payout_decisions d WHERE d.book_id = $1 GROUP BY d.verdict, d.reasons
 UNION ALL
SELECT 'destination ' || d.payee || ' ' || d.state || ' ' || d.disabled_code FROM payout_destinations d WHERE d.book_id = $1`

// lives is how the payouts stand, for whoever reads a failure.
func (s *payStage) lives(t *testing.T) string {
	return strings.Join(s.texts(t, sqlLives, s.book.ID), "\n")
}
